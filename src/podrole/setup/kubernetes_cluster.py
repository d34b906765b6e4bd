"""A cluster that a set-up reads and changes, by a kubeconfig.

``podrole.setup.permissions`` lists the requests that it makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from podrole.base.user_agents import PODROLE
from podrole.kube.client import JSON, MERGE_PATCH, METADATA, METADATA_LIST, KubernetesClient, path_of
from podrole.kube.connection import Connection
from podrole.kube.errors import APIRefusal, KubeError
from podrole.setup.errors import CallFailed, Conflict, NotThere, PermissionMissing, Throttled
from podrole.setup.found import FoundPod, FoundServiceAccount
from podrole.setup.permissions import allows_write
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import ClusterCall

PAGE_SIZE = 500

_ENDED = ("Succeeded", "Failed")


class KubernetesSetupCluster:
    """See ``podrole.setup.seams.SetupCluster``. Only the fields that a call names are changed."""

    def __init__(self, connection: Connection, *, what: str = "") -> None:
        """Raises CallFailed if the connection's certificates cannot be used."""
        try:
            self._client = KubernetesClient(connection, user_agent=PODROLE)
        except KubeError as problem:
            raise _failure(problem, "get", "", "", "") from problem
        self._what = what or f"the cluster at {connection.server}"

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    @property
    def what(self) -> str:
        """See SetupCluster."""
        return self._what

    async def issuer(self) -> str:
        """See SetupCluster."""
        path = "/.well-known/openid-configuration"
        try:
            document = await self._client.get(path, dict[str, Any])
        except KubeError as problem:
            raise _failure(problem, "get", path, "", "") from problem
        issuer = document.get("issuer")
        if not isinstance(issuer, str) or not issuer:
            raise CallFailed("The cluster's discovery document has no issuer.", got=repr(issuer), expected="a URL")
        return issuer

    async def has_namespace(self, name: str) -> bool:
        """See SetupCluster."""
        return await self._get("namespaces", "", name) is not None

    async def service_account(self, account: ServiceAccountName) -> FoundServiceAccount | None:
        """See SetupCluster."""
        obj = await self._get("serviceaccounts", account.namespace, account.name)
        return None if obj is None else _service_account(obj)

    async def service_accounts(self) -> Sequence[FoundServiceAccount]:
        """See SetupCluster."""
        return [_service_account(obj) for obj in await self._list("serviceaccounts", "", accept=METADATA_LIST)]

    async def pods(self, account: ServiceAccountName) -> Sequence[FoundPod]:
        """See SetupCluster."""
        selector = f"spec.serviceAccountName={account.name}"
        listed = await self._list("pods", account.namespace, fieldSelector=selector)
        return [_pod(obj) for obj in listed if (obj.get("status") or {}).get("phase") not in _ENDED]

    async def call(self, call: ClusterCall) -> None:
        """See SetupCluster. Raises ValueError for what is not in ``WRITE_RULES``, or names no version."""
        if not allows_write(call.verb, call.resource):
            raise ValueError(f"A set-up does not {call.verb} {call.resource}.")
        match call.verb:
            case "create":
                await self._send("POST", call, call.body, JSON)
            case "patch" if call.body.get("metadata", {}).get("resourceVersion"):
                await self._send("PATCH", call, call.body, MERGE_PATCH)
            case "delete" if {"uid", "resourceVersion"} <= set(call.body.get("preconditions", {})):
                options = {"apiVersion": "v1", "kind": "DeleteOptions", **call.body}
                await self._send("DELETE", call, options, JSON)
            case _:
                raise ValueError(f"{call.verb} {call.resource} {call.name} names no version.")

    async def _get(self, resource: str, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return await self._client.get(_path(resource, namespace, name), dict[str, Any], accept=METADATA)
        except KubeError as problem:
            failed = _failure(problem, "get", resource, namespace, name)
            if isinstance(failed, NotThere):
                return None
            raise failed from problem

    async def _list(
        self, resource: str, namespace: str, *, accept: str = JSON, **parameters: str | int
    ) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        parameters["limit"] = PAGE_SIZE
        while True:
            try:
                page = await self._client.get(_path(resource, namespace), dict[str, Any], parameters, accept=accept)
            except KubeError as problem:
                raise _failure(problem, "list", resource, namespace, "") from problem
            items += page.get("items") or []
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return items
            parameters["continue"] = following

    async def _send(self, method: str, call: ClusterCall, body: Mapping[str, Any], content_type: str) -> None:
        name = "" if method == "POST" else call.name
        try:
            await self._client.send(method, _path(call.resource, call.namespace, name), body, content_type=content_type)
        except KubeError as problem:
            raise _failure(problem, call.verb, call.resource, call.namespace, call.name) from problem


def _path(resource: str, namespace: str, name: str = "") -> str:
    place = ("namespaces", namespace) if namespace else ()
    return path_of("api", "v1", *place, resource, *([name] if name else []))


def _service_account(obj: Mapping[str, Any]) -> FoundServiceAccount:
    metadata = obj["metadata"]
    return FoundServiceAccount(
        account=ServiceAccountName(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
    )


def _pod(obj: Mapping[str, Any]) -> FoundPod:
    metadata, spec = obj["metadata"], obj["spec"]
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    return FoundPod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        service_account=spec.get("serviceAccountName") or "default",
        environment=frozenset(variable["name"] for each in containers for variable in each.get("env") or ()),
        running=(obj.get("status") or {}).get("phase") == "Running",
    )


def _failure(problem: KubeError, verb: str, resource: str, namespace: str, name: str) -> CallFailed:
    """Return what a set-up raises for a request that was refused or not answered."""
    if not isinstance(problem, APIRefusal):
        return CallFailed(problem.what, got=problem.got, expected=problem.expected, next_step=problem.next_step)
    if problem.status == 403 and f"cannot {verb} " in problem.what:
        place = f" in namespace {namespace}" if namespace else ""
        step = f"add this rule to a ClusterRole that is bound to you:\n{granting_rule(verb, resource, name)}"
        return PermissionMissing(
            f"The permission to {verb} {resource}{place} is missing.", got=problem.what, next_step=step
        )
    kinds: dict[int, type[CallFailed]] = {404: NotThere, 409: Conflict, 410: Conflict, 429: Throttled, 503: Throttled}
    kind = kinds.get(problem.status, CallFailed)
    hint = None
    if problem.status == 401:
        hint = "the cluster does not accept the kubeconfig's credentials: sign in again, or name another with --context"
    return kind(problem.what, got=problem.got, next_step=hint)


def granting_rule(verb: str, resource: str, name: str) -> str:
    """Return the RBAC rule that allows one verb, as YAML. RBAC cannot limit create and list to a name."""
    if resource.startswith("/"):
        return f'- nonResourceURLs: ["{resource}"]\n  verbs: ["{verb}"]'
    rule = f'- apiGroups: [""]\n  resources: ["{resource}"]\n  verbs: ["{verb}"]'
    if name and verb not in ("create", "list"):
        rule += f'\n  resourceNames: ["{name}"]'
    return rule
