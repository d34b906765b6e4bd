"""EKS Pod Identity between the world's parts: what EKS keeps of associations, the webhook reads from a file.

On a real EKS cluster the control plane hands its webhook that list as a mounted file
(https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html). Here the world writes it, and tells the
webhook, so that the pod after the association already has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Self

from podrole.account.associations import Associations
from podrole.base.files import write_private


class PodIdentityFile:
    """Keeps the list of one cluster's service accounts in a file, as long as the context is open.

    ``associations`` are what EKS changes; ``told`` is called once a changed list is in the file.
    """

    def __init__(self, path: Path, account: str, region: str, cluster: str) -> None:
        self._path = path
        self._place = (account, region, cluster)
        self.associations = Associations(self._write)
        self.told: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        """Raises FileProblem where the file cannot be written."""
        self._write()
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        listed = [
            {"namespace": one.namespace, "serviceAccount": one.service_account}
            for one in self.associations.of(self._place)
        ]
        write_private(self._path, json.dumps({"identities": listed}))
        self.told()
