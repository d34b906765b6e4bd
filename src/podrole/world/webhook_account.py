"""The webhook's service account in the cluster, with the rights that it needs, and the file with its token.

As in any cluster the webhook reads its token from a file. In a pod the kubelet renews that file; here, where the
webhook does not run in a pod, ``TokenKeeper`` does.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Self

from podrole.base.clock import Clock
from podrole.base.files import FileProblem, write_private
from podrole.base.tasks import BackgroundTasks, TaskFailure
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.timing import SystemTime
from podrole.webhook.install.installation import Installation
from podrole.webhook.install.manifests import manifests

NAMESPACE, NAME = "kube-system", "pod-identity-webhook"
CLUSTER_WIDE_NAME = "podrole-pod-identity-webhook"
"""The name of what is in no namespace: another one than that of an installation by ``podrole webhook manifests``."""
TOKEN_SECONDS = 3600
RENEW_AT = 0.8
"""The token is replaced after this part of its lifetime, as by the kubelet."""
RETRY_SECONDS = 5.0

_RESOURCES = {
    "ServiceAccount": ("serviceaccounts", NAMESPACE),
    "ClusterRole": ("clusterroles.rbac.authorization.k8s.io", None),
    "ClusterRoleBinding": ("clusterrolebindings.rbac.authorization.k8s.io", None),
}
_log = logging.getLogger(__name__)


async def create_account(client: ClusterClient) -> None:
    """Create the webhook's service account, ClusterRole and binding, as in its manifests, or update them."""
    installation = Installation(name=NAME, namespace=NAMESPACE, certificates="secret")
    for obj in manifests(installation):
        if obj["kind"] in _RESOURCES:
            resource, namespace = _RESOURCES[obj["kind"]]
            if namespace is None:
                obj["metadata"]["name"] = CLUSTER_WIDE_NAME
            if "roleRef" in obj:
                obj["roleRef"]["name"] = CLUSTER_WIDE_NAME
            await create_or_update(client, resource, namespace, obj)


async def create_or_update(client: ClusterClient, resource: str, namespace: str | None, obj: Object) -> None:
    """Create an object that podrole owns; if it is there from an earlier start, give it the fields of ``obj``."""
    try:
        await client.create(resource, namespace, obj)
    except StatusError as problem:
        if problem.reason != "AlreadyExists":
            raise
        await client.merge_patch(resource, namespace, obj["metadata"]["name"], obj)


class TokenKeeper:
    """Keeps a valid token in a file (0600) while its context is open. ``client`` must have the right to create the
    tokens."""

    def __init__(self, client: ClusterClient, path: Path, clock: Clock) -> None:
        self._client = client
        self._path = path
        self._time = SystemTime(clock)
        self._tasks = BackgroundTasks("the webhook's token keeper")

    async def __aenter__(self) -> Self:
        """Raises FileProblem if the file cannot be written."""
        renew_at = await self._renew()
        self._tasks.run_forever("the renewal", self._keep(renew_at))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.aclose()
        self._path.unlink(missing_ok=True)

    async def failed(self) -> TaskFailure:
        """Wait until the renewal fails for good."""
        return await self._tasks.failed()

    async def _keep(self, renew_at: float) -> None:
        while True:
            await self._time.sleep_until(renew_at)
            try:
                renew_at = await self._renew()
            except (StatusError, FileProblem) as problem:
                # The old token is valid for a while, and the cause may go away.
                _log.warning("the webhook's token cannot be renewed: %s", problem)
                renew_at = self._time.now() + RETRY_SECONDS

    async def _renew(self) -> float:
        """Write a new token and return when the next one is due, epoch seconds."""
        now = self._time.now()
        spec = {"expirationSeconds": TOKEN_SECONDS}
        status = (await self._client.create_token(NAMESPACE, NAME, spec))["status"]
        write_private(self._path, status["token"])
        expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        return now + RENEW_AT * (expires - now)
