"""A cluster through its API, by a kubeconfig: read-only, except for the token and the dry run of ``--live``.

docs/doctor.md lists the permissions that it needs. A missing one is reported by the link that needs its answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from podrole.base.user_agents import DOCTOR
from podrole.doctor.errors import SourceError
from podrole.doctor.sources.cluster import IssuedToken, Object
from podrole.kube.client import KubernetesClient, path_of
from podrole.kube.connection import Connection
from podrole.kube.errors import APIRefusal, APIUnavailable, KubeError

PAGE_SIZE = 500
TOKEN_SECONDS = 600
"""The shortest lifetime of a token in Kubernetes."""

Objects = list[Object]  # inside the class `list` is the method

_PATHS = {
    "": ("api", "v1"),
    "admissionregistration.k8s.io": ("apis", "admissionregistration.k8s.io", "v1"),
    "apps": ("apis", "apps", "v1"),
    "batch": ("apis", "batch", "v1"),
    "discovery.k8s.io": ("apis", "discovery.k8s.io", "v1"),
}


class KubernetesCluster:
    """See ``podrole.doctor.sources.cluster.Cluster``. Objects that were listed as a whole are not read one by one: a
    survey of all service accounts reads each kind once."""

    def __init__(self, connection: Connection, *, what: str = "") -> None:
        """Raises podrole.kube.errors.KubeconfigProblem if the connection's certificates cannot be used."""
        self._client = KubernetesClient(connection, user_agent=DOCTOR)
        self._what = what or f"the cluster at {connection.server}"
        self._listed: dict[tuple[str, str], Objects] = {}
        self._index: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}

    @property
    def what(self) -> str:
        """See Cluster."""
        return self._what

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def read_all(self, *resources: str) -> None:
        """List kinds over all namespaces, so that none of their objects has to be read again."""
        for resource in resources:
            items = await self._pages(resource, "")
            self._listed[resource, ""] = items
            of_namespace: dict[str, Objects] = {}
            index: dict[tuple[str, str], Object] = {}
            for item in items:
                metadata = item["metadata"]
                namespace = metadata.get("namespace", "")
                of_namespace.setdefault(namespace, []).append(item)
                index[namespace, metadata["name"]] = item
            self._index[resource, ""] = index
            self._listed.update({(resource, namespace): objects for namespace, objects in of_namespace.items()})

    async def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """See Cluster."""
        index = self._index.get((resource, ""))
        if index is not None:
            return index.get((namespace, name))
        try:
            return await self._ask(self._path(resource, namespace, name))
        except _NotFound:
            return None

    async def list(self, resource: str, namespace: str = "") -> Objects:
        """See Cluster."""
        known = self._listed.get((resource, namespace))
        if known is None and (resource, "") in self._index:
            return []
        return known if known is not None else await self._pages(resource, namespace)

    async def discovery_document(self) -> Object:
        """See Cluster."""
        return await self._ask("/.well-known/openid-configuration", _NOT_SHOWN)

    async def keys(self) -> Object:
        """See Cluster."""
        return await self._ask("/openid/v1/jwks", _NOT_SHOWN)

    async def time(self) -> float | None:
        """Return the API server's time, None if it does not say. Raises SourceError."""
        try:
            return await self._client.time()
        except KubeError as problem:
            raise _told(problem, None) from problem

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IssuedToken:
        """See Cluster."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": TOKEN_SECONDS},
        }
        path = path_of("api", "v1", "namespaces", namespace, "serviceaccounts", service_account, "token")
        answer = await self._send(path, body)
        return IssuedToken(str(answer.get("status", {}).get("token", "")))

    async def admit(self, pod: Object) -> Object:
        """See Cluster."""
        namespace = str(pod["metadata"]["namespace"])
        return await self._send(path_of("api", "v1", "namespaces", namespace, "pods") + "?dryRun=All", pod)

    async def _pages(self, resource: str, namespace: str) -> Objects:
        path = self._path(resource, namespace)
        objects: Objects = []
        parameters: dict[str, str | int] = {"limit": PAGE_SIZE}
        while True:
            try:
                page = await self._ask(path, parameters=parameters)
            except _NotFound:
                return []
            objects += page.get("items") or []
            token = page.get("metadata", {}).get("continue")
            if not token:
                return objects
            parameters["continue"] = token

    def _path(self, resource: str, namespace: str, name: str = "") -> str:
        plural, _, group = resource.partition(".")
        place = ("namespaces", namespace) if namespace else ()
        return path_of(*_PATHS[group], *place, plural, *([name] if name else []))

    async def _ask(
        self, path: str, next_step: str | None = None, *, parameters: dict[str, str | int] | None = None
    ) -> Object:
        try:
            return await self._client.get(path, dict[str, Any], parameters)
        except KubeError as problem:
            raise _told(problem, next_step) from problem

    async def _send(self, path: str, body: Object) -> Object:
        try:
            answer = msgspec.json.decode(await self._client.send("POST", path, body))
        except KubeError as problem:
            raise _told(problem, None) from problem
        return answer if isinstance(answer, dict) else {}


_NOT_SHOWN = (
    "kubectl create clusterrolebinding issuer-discovery --clusterrole system:service-account-issuer-discovery "
    "--user YOU; or name the issuer with --issuer"
)


class _NotFound(SourceError):
    """The object does not exist."""


def _told(problem: KubeError, next_step: str | None) -> SourceError:
    if isinstance(problem, APIRefusal):
        kind = _NotFound if problem.status == 404 else SourceError
        if next_step is not None and problem.status not in (401, 403):
            next_step = "check that this is the address of a Kubernetes API server"
        return kind(problem.what, got=problem.got, next_step=next_step)
    if isinstance(problem, APIUnavailable):
        return SourceError(problem.what, got=problem.got, next_step=problem.next_step)
    return SourceError(problem.what, got=problem.got, expected=problem.expected, next_step=problem.next_step)
