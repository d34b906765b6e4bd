"""The file by which the webhook learns of EKS Pod Identity associations.

On a real EKS cluster the control plane mounts that list into its webhook
(https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html). Here the world writes the file and notifies
the webhook, so that the next pod after an association already has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Self

from podrole.account.store import AccountStore
from podrole.base.files import write_private


class AssociationsFile:
    """Keeps the service accounts of one cluster's associations in a file while the context is open.

    ``on_change`` is called after a changed list was written.
    """

    def __init__(self, path: Path, store: AccountStore, account: str, region: str, cluster: str) -> None:
        self._path = path
        self._store = store
        self._account, self._region, self._cluster = account, region, cluster
        self._written: str | None = None
        self.on_change: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        """Raises FileProblem if the file cannot be written."""
        self._write()
        self._store.eks_changed = self._write
        return self

    def __exit__(self, *_: object) -> None:
        self._store.eks_changed = lambda: None
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        associations = self._store.eks(self._account, self._region).associations(self._cluster)
        listed = [
            {"namespace": association.namespace, "serviceAccount": association.service_account}
            for association in associations
        ]
        text = json.dumps({"identities": listed})
        if text != self._written:
            write_private(self._path, text)
            self._written = text
            self.on_change()
