"""Running pods that are without the identity their service account is bound to.

A pod's specification is fixed at admission: one that was let in while the webhook was away, or before its service
account was annotated, never gets an identity, however often its containers restart. Whether a pod lacks something is
asked of ``mutate``, which would have given it; there is no second opinion.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Literal, Protocol

import msgspec

from podrole.kube.client import KubernetesClient
from podrole.kube.connection import Connection
from podrole.kube.reflector import ListMetadata
from podrole.webhook.compat import resolver_for
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import CREDENTIALS, WEB_IDENTITY, plan_injection
from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import (
    Container,
    Pod,
    PodMetadata,
    is_mirror,
    runs_on_windows,
    service_account_of,
    token_in,
)
from podrole.webhook.settings import (
    SKIP_LABEL,
    WEB_IDENTITY_TOKEN_PATH,
    WEB_IDENTITY_VOLUME,
    InjectionSettings,
    WebhookSettings,
)
from podrole.webhook.sources.identity_cache import IdentityCache

PAGE_SIZE = 500

Reason = Literal["without-identity", "other-role", "other-audience"]


class PodFinding(msgspec.Struct, frozen=True):
    """One pod and what is wrong with it.

    ``owner`` is ``<kind>/<name>`` of what makes it anew, empty for a pod of its own: its controller, or the Deployment
    of that.
    """

    namespace: str
    pod: str
    service_account: str
    reason: Reason
    detail: str
    owner: str = ""


class CachedIdentities(Protocol):
    """Who knows the identities of service accounts."""

    def held(self, namespace: str, name: str, /) -> Identity | None:
        """Return an identity, None where nothing binds the service account or it is not there."""
        ...


def scan(pods: Iterable[Pod], identities: CachedIdentities, settings: InjectionSettings) -> Iterator[PodFinding]:
    """Yield what is wrong with those of ``pods`` that still run and whose service account is bound to an identity.

    Containers that the pod's annotation skips, or that bring an identity of their own, are taken as meant.
    """
    for pod in pods:
        metadata, spec = pod.metadata, pod.spec
        if metadata is None or spec is None or metadata.deletion_timestamp is not None:
            continue
        if is_mirror(pod) or (metadata.labels and SKIP_LABEL in metadata.labels):
            continue
        if pod.status is not None and pod.status.phase in ("Succeeded", "Failed"):
            continue
        namespace, account = metadata.namespace or "", service_account_of(pod)
        identity = identities.held(namespace, account)
        if identity is None:
            continue
        problem = _problem(pod, identity, settings)
        if problem is not None:
            reason, detail = problem
            yield PodFinding(namespace, metadata.name or "", account, reason, detail, _owner(metadata))


async def scan_cluster(
    client: KubernetesClient, identities: CachedIdentities, settings: InjectionSettings
) -> list[PodFinding]:
    """Scan every pod of the cluster, page by page. Raises KubeError where they cannot be listed."""
    return [finding async for page in _pages(client) for finding in scan(page, identities, settings)]


async def scan_now(settings: WebhookSettings, connection: Connection) -> list[PodFinding]:
    """Read every source once and scan the cluster, without serving anything: for a command.

    Raises KubeError where the sources or the pods cannot be read.
    """
    client = KubernetesClient(connection)
    try:
        resolver = resolver_for(settings.compat, settings.injection)
        identities = IdentityCache(client, resolver, settings.sources, ask="never")
        await identities.read_once()
        return await scan_cluster(client, identities, settings.injection)
    finally:
        await client.close()


class _PodPage(msgspec.Struct):
    metadata: ListMetadata
    items: list[Pod] | None = None


async def _pages(client: KubernetesClient) -> AsyncIterator[list[Pod]]:
    parameters: dict[str, str | int] = {"limit": PAGE_SIZE}
    while True:
        page = await client.get("/api/v1/pods", _PodPage, parameters)
        yield page.items or []
        if not page.metadata.continue_:
            return
        parameters["continue"] = page.metadata.continue_


def _problem(pod: Pod, identity: Identity, settings: InjectionSettings) -> tuple[Reason, str] | None:
    mutation = mutate(pod, identity, settings)
    # A region or endpoint that a flag has given since is no lack of identity.
    lacking = [outcome.name for outcome in mutation.containers if CREDENTIALS[identity.method][0] in outcome.added]
    if lacking:
        return "without-identity", f"without identity: {', '.join(lacking)}"
    spec = pod.spec
    if spec is None or identity.method != "sts_web_identity":
        return None
    wanted, token_file = plan_injection(identity, settings, runs_on_windows(spec)).credentials
    for container in (*(spec.containers or ()), *(spec.init_containers or ())):
        role = None if container is None else _injected_role(container, token_file)
        if role not in (None, wanted[1]):
            return "other-role", f"its role is {role}, and the binding says {identity.role_arn}"
    for volume in spec.volumes or ():
        token = token_in(volume, WEB_IDENTITY_TOKEN_PATH) if volume and volume.name == WEB_IDENTITY_VOLUME else None
        if token is not None and (token.audience or "") != identity.audience:
            return "other-audience", f"its token is for {token.audience!r}, and the binding says {identity.audience!r}"
    return None


def _injected_role(container: Container, token_file: tuple[str, str]) -> str | None:
    """Return the role that a webhook gave the container: one that stands beside our token's file."""
    env = {entry.name: entry.value for entry in container.env or () if entry is not None}
    return env.get(WEB_IDENTITY[0]) if env.get(token_file[0]) == token_file[1] else None


def _owner(metadata: PodMetadata) -> str:
    owner = next((owner for owner in metadata.owner_references or () if owner is not None and owner.controller), None)
    if owner is None:
        return ""
    # https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
    template = (metadata.labels or {}).get("pod-template-hash")
    if owner.kind == "ReplicaSet" and template and (owner.name or "").endswith(f"-{template}"):
        return f"Deployment/{(owner.name or '').removesuffix(f'-{template}')}"
    return f"{owner.kind}/{owner.name}"
