"""The cluster: its state and its two ASGI applications.

A Cluster binds no port. Its user serves ``api`` (over TLS; kubectl sends no token without) and ``issuer_app``, and
leaves the cluster before closing the listeners, so that open watches end at once.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from types import TracebackType
from typing import Any, Self

from podrole.base.clock import Clock, system_clock
from podrole.base.events import EventLog
from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.caller import ServiceResolver, WebhookCaller
from podrole.cluster.admission.chain import AdmissionChain
from podrole.cluster.admission.dispatch import WebhookDispatcher
from podrole.cluster.admission.match_conditions import MatchConditions
from podrole.cluster.admission.mutating import MutatingWebhooks
from podrole.cluster.admission.validating import ValidatingWebhooks
from podrole.cluster.api.decode import decode_body, finish, redecode
from podrole.cluster.api.deleting import Deletes
from podrole.cluster.api.patches import Patches
from podrole.cluster.api.pod_subresources import PodSubresources
from podrole.cluster.api.reading import Reads
from podrole.cluster.api.scale import Scales
from podrole.cluster.api.service_addresses import SERVICES, ServiceAddresses
from podrole.cluster.api.verbs import Verbs
from podrole.cluster.api.writing import Writes, random_suffix
from podrole.cluster.assembly.in_process import InProcessClient
from podrole.cluster.assembly.services import ServiceEndpoints
from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.bootstrap import cluster_role_bindings, cluster_roles
from podrole.cluster.authorization.escalation import Escalation
from podrole.cluster.authorization.reconciliation import reconciled
from podrole.cluster.authorization.roles import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, GROUP, Roles
from podrole.cluster.core.calls import Call
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import internal
from podrole.cluster.core.node_api import NodeApi
from podrole.cluster.core.store import Store, Write
from podrole.cluster.core.users import MASTERS, User
from podrole.cluster.http.app import ApiApp, PostHandler
from podrole.cluster.http.handlers import Handlers
from podrole.cluster.http.paths import Paths
from podrole.cluster.identity.authentication import Authenticator, TokenAuthenticator
from podrole.cluster.identity.reviews import Reviews
from podrole.cluster.identity.service_accounts import ServiceAccountTokens
from podrole.cluster.identity.token_requests import TokenRequests
from podrole.cluster.kinds.custom import CustomKinds
from podrole.cluster.kinds.registrations import API_SERVICE, local_api_service
from podrole.cluster.kinds.registry import BY_NAME, group_versions
from podrole.cluster.publish.issuer import IssuerDocuments
from podrole.cluster.schema.decoding import DecodeError, decode
from podrole.cluster.schema.types import struct
from podrole.cluster.store.memory import MemoryStore
from podrole.kube.kubeconfig import kubeconfig
from podrole.oidc.keys import SigningKey, VerificationKey

Object = dict[str, Any]

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_SYSTEM = User("system:apiserver", groups=(MASTERS,))


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The settings of a cluster.

    ``server``: its https URL, for kubeconfigs. ``issuer``: the ``iss`` of its tokens, https without query or fragment.
    ``other_issuers``: issuers whose tokens it accepts, too.
    ``audiences``: the audiences of a token whose request names none; the issuer if empty.
    ``max_token_seconds``: the longest life of a token.
    ``bookmark_seconds``: how often a watch without events gets a bookmark.
    ``watch_limit``: events that may wait for a slow client before its watch is closed.
    ``history``: changes kept for each resource, from which a watch can resume.
    """

    server: str
    issuer: str
    other_issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    max_token_seconds: int = 1 << 32
    bookmark_seconds: float = 60.0
    watch_limit: int = 10_000
    history: int = 4096


class Cluster:
    """A cluster of one API server. An async context manager: inside it the cluster is up."""

    def __init__(
        self,
        settings: ClusterSettings,
        *,
        keys: Sequence[SigningKey],
        verifying: Sequence[VerificationKey] = (),
        authority_pem: bytes,
        administrator_token: str | None = None,
        store: Store | None = None,
        token_authenticators: Sequence[TokenAuthenticator] = (),
        resolve_service: ServiceResolver | None = None,
        service_network: IPv4Network | None = None,
        events: EventLog | None = None,
        clock: Clock = system_clock,
        source: random.Random | None = None,
    ) -> None:
        """Make a cluster with its four namespaces and Kubernetes' default roles.

        ``keys``: the first signs tokens, all verify them, and so do ``verifying``.
        ``authority_pem``: the certificate that clients trust.
        ``administrator_token``: None for a new one.
        ``store``: where the objects are; None for a new one in memory. What it holds stays; the default roles and
        bindings in it are brought up to date.
        ``token_authenticators``: asked, in order, for the user of a token that is neither the administrator's nor a
        service account's.
        ``resolve_service``: where a webhook's service listens; None for the ready pods that it selects.
        ``service_network``: the addresses that Services get as their cluster IPs; None gives them none.
        ``events``: gets an event for each new pod.
        ``source``: the random generator of names and uids.
        """
        self.settings = settings
        self.administrator_token = administrator_token or secrets.token_urlsafe(32)
        self.authority_pem = authority_pem
        self._random = source or random.Random()  # noqa: S311 - for names and uids; tokens use secrets
        self._clock = clock
        self._up = True
        self.store: Store = MemoryStore(history=settings.history) if store is None else store
        self.tokens = ServiceAccountTokens(
            self.store, (settings.issuer, *settings.other_issuers), keys, clock, verifying=verifying
        )
        self._addresses = ServiceAddresses(service_network, self.store)
        self._caller = WebhookCaller(resolve_service or ServiceEndpoints(self.store))
        audiences = settings.audiences or (settings.issuer,)
        authenticator = Authenticator(self.administrator_token, self.tokens, audiences, token_authenticators)
        roles = Roles(self.store)
        authorizer = Authorizer(roles)
        reviews = Reviews(authenticator, authorizer, self.tokens, audiences, clock)
        self._custom = CustomKinds(self.store)
        self.verbs = self._make_verbs(reviews, authorizer, Escalation(authorizer, roles), audiences, events)
        self._handlers = Handlers(self.verbs, clock, bookmark_seconds=settings.bookmark_seconds, source=self._random)
        self._issuer = IssuerDocuments(settings.issuer, lambda: self.tokens.accepted)
        checks = {"ping": lambda: True, "shutdown": lambda: self._up}
        self._api = ApiApp(
            authenticator, authorizer, self._handlers, Paths(self._issuer, checks, self._custom), self._custom
        )
        self.store.seed(self._first_writes())

    def _make_verbs(
        self,
        reviews: Reviews,
        authorizer: Authorizer,
        escalation: Escalation,
        audiences: Sequence[str],
        events: EventLog | None,
    ) -> Verbs:
        clock = self._clock
        conditions = MatchConditions(authorizer)
        mutating, validating = (
            WebhookDispatcher(kind, self.store, self._caller, conditions) for kind in ("mutating", "validating")
        )
        admission = AdmissionChain(
            self.store,
            mutating=MutatingWebhooks(mutating, _redecode),
            validating=ValidatingWebhooks(validating),
            suffix=lambda: random_suffix(self._random),
            clock=clock,
            events=events,
        )
        writes = Writes(self.store, admission, escalation, self._addresses, clock, self._random)
        deletes = Deletes(self.store, admission, clock)
        return Verbs(
            reads=Reads(self.store, self.settings.watch_limit),
            writes=writes,
            patches=Patches(writes, clock),
            deletes=deletes,
            scales=Scales(writes),
            pods=PodSubresources(self.store, writes, deletes, clock),
            tokens=TokenRequests(
                self.store,
                self.tokens,
                audiences=audiences,
                max_seconds=self.settings.max_token_seconds,
                clock=clock,
            ),
            reviews=reviews,
            admission=admission,
        )

    def _first_writes(self) -> Iterator[Write]:
        """Yield the writes of the first objects; of a store with content, what it lacks of them."""
        objects = [(BY_NAME["namespaces"], {"metadata": {"name": name}}) for name in NAMESPACES]
        objects.extend((API_SERVICE.resource, local_api_service(*of)) for of in group_versions())
        objects.extend((CLUSTER_ROLES, role) for role in cluster_roles())
        objects.extend((CLUSTER_ROLE_BINDINGS, binding) for binding in cluster_role_bindings())
        writes = self.verbs.writes
        for resource, body in objects:
            name = body["metadata"]["name"]
            call = Call(resource, "", _SYSTEM, "kube-apiserver", name)
            live = self.store.get(resource, "", name)
            if live is None:
                yield writes.first_object(call, decode_body(call, body, [], str))
            elif resource.group == GROUP and (changed := reconciled(live, body)) is not None:
                yield writes.first_change(call, changed, live)
        for live, corrected in self._addresses.corrected():
            metadata = live["metadata"]
            call = Call(SERVICES, metadata["namespace"], _SYSTEM, "kube-apiserver", metadata["name"])
            yield writes.first_change(call, corrected, live)

    @property
    def api(self) -> ApiApp:
        """The ASGI application of the API listener (HTTP and WebSocket)."""
        return self._api

    @property
    def issuer_app(self) -> Any:
        """The ASGI application that publishes the issuer's documents to everybody, below the issuer's path."""
        return self._issuer.app

    @property
    def node(self) -> NodeApi | None:
        """The node that serves logs, exec and attach; None if there is none."""
        return self._handlers.node

    @node.setter
    def node(self, node: NodeApi | None) -> None:
        self._handlers.node = node

    @property
    def post_handlers(self) -> dict[str, PostHandler]:
        """Handlers of POST requests to paths below ``/podrole/``, by path.

        A handler gets the body and returns the JSON answer, or raises StatusError. RBAC decides who may ``post`` to the
        path.
        """
        return self._api.post_handlers

    def client(self, user: User, agent: str = "podrole") -> ClusterClient:
        """Return a client inside this process that acts as ``user``; ``agent`` names the fields that it manages."""
        return InProcessClient(self.verbs, user, agent, self._custom)

    def kubeconfig(self, token: str | None = None) -> str:
        """Return a kubeconfig for the administrator, or for the bearer of ``token``."""
        return kubeconfig(self.settings.server, self.authority_pem, token or self.administrator_token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every watch and close the connections to webhooks."""
        self._up = False
        self.store.close()
        await self._caller.close()


def _redecode(request: AdmissionAttributes, value: Any) -> Object:
    """Decode the result of a webhook's patch; unknown fields are dropped."""
    below = request.resource.subresource(request.subresource) if request.subresource else None
    try:
        if below is not None and below.schema:
            return finish(decode(struct(below.schema), value, []), below.api_version, below.kind, None)
        if below is not None and below.kind != request.resource.kind:
            raise internal(f"a webhook may not change a {below.kind}")
        obj, _ = redecode(request.resource, value)
    except DecodeError as problem:
        raise internal(str(problem)) from None
    return obj
