"""Finding running pods without the identity of their service account.

A pod is mutated only when it is created. A pod that was created while the webhook did not answer, or before its service
account was annotated, never gets an identity, even if its containers restart. What a pod lacks is what ``mutate`` would
add.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Literal, Protocol

import msgspec

from podrole.base.user_agents import WEBHOOK
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
    """One pod and its problem.

    ``owner`` is ``<kind>/<name>`` of the object that recreates the pod: its controller, or the Deployment of its
    ReplicaSet; empty if it has none.
    """

    namespace: str
    pod: str
    service_account: str
    reason: Reason
    detail: str
    owner: str = ""


class CachedIdentities(Protocol):
    """Knows the identities of service accounts."""

    def held(self, namespace: str, name: str, /) -> Identity | None:
        """Return an identity, None if the service account has none or does not exist."""
        ...


def scan(pods: Iterable[Pod], identities: CachedIdentities, settings: InjectionSettings) -> Iterator[PodFinding]:
    """Yield a finding for each running pod of ``pods`` that does not have the identity of its service account.

    Containers that the pod's annotation skips, or that have their own identity, are no problem.
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
    """Scan all pods of the cluster, page by page. Raises KubeError if they cannot be listed."""
    return [finding async for page in _pages(client) for finding in scan(page, identities, settings)]


async def scan_now(settings: WebhookSettings, connection: Connection) -> list[PodFinding]:
    """Read all sources once and scan the cluster.

    Raises KubeError if the sources or the pods cannot be read.
    """
    client = KubernetesClient(connection, user_agent=WEBHOOK)
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
    # Only credentials count: a region or endpoint may have been added to the flags since.
    without = [outcome.name for outcome in mutation.containers if CREDENTIALS[identity.method][0] in outcome.added]
    if without:
        return "without-identity", f"without identity: {', '.join(without)}"
    spec = pod.spec
    if spec is None or identity.method != "sts_web_identity":
        return None
    wanted, token_file = plan_injection(identity, settings, runs_on_windows(spec)).credentials
    for container in (*(spec.containers or ()), *(spec.init_containers or ())):
        role = None if container is None else _injected_role(container, token_file)
        if role not in (None, wanted[1]):
            return "other-role", f"its role is {role}, but the binding names {identity.role_arn}"
    for volume in spec.volumes or ():
        token = token_in(volume, WEB_IDENTITY_TOKEN_PATH) if volume and volume.name == WEB_IDENTITY_VOLUME else None
        if token is not None and (token.audience or "") != identity.audience:
            return "other-audience", f"its token is for {token.audience!r}, but the binding names {identity.audience!r}"
    return None


def _injected_role(container: Container, token_file: tuple[str, str]) -> str | None:
    """Return the role that the webhook injected: the one next to the path of the webhook's token."""
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
