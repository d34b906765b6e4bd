"""A world: the local AWS, the cluster with its node, and the webhook, in one process on loopback.

The parts know each other only by addresses, certificates and tokens, as in production. A start that fails or is
interrupted stops what has started, in order and by a deadline (podrole.world.stopping): pods first, then the webhook,
the cluster, the listeners, and last the services, whose state is saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets as randomness
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, Self

import msgspec

from podrole.account.opening import Account
from podrole.account.store import AccountStore
from podrole.aws.eks.pod_identity_agent import PATH as CREDENTIALS_PATH
from podrole.aws.eks.pod_identity_agent import PodIdentityAgent
from podrole.aws.endpoint import Endpoint
from podrole.aws.interfaces import RestoredServices
from podrole.aws.operations.eks import ClusterInfo
from podrole.base.certificates import server_context, thumbprint
from podrole.base.clock import Clock, system_clock
from podrole.base.events import EventLog
from podrole.base.files import set_aside, write_private
from podrole.base.journal import Journal
from podrole.base.partitions import domain_of, partition_of
from podrole.base.processes import this_process
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.base.tasks import BackgroundTasks, Supervised, TaskFailure, first_failure
from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.controllers.manager import Controllers
from podrole.cluster.core.users import ADMINISTRATOR, User, controller
from podrole.cluster.http.app import is_long_running
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime
from podrole.cluster.node.settings import NodeSettings
from podrole.cluster.store.durable import DurableStore
from podrole.cluster.store.memory import MemoryStore
from podrole.kube.connection import Connection
from podrole.kube.credentials import TokenFile
from podrole.oidc.fetch import Fetcher
from podrole.oidc.keycache import KeyCache
from podrole.sts.credentials import Vault, access_key_id
from podrole.webhook.serving.webhook import Webhook
from podrole.webhook.settings import SourceSettings, WebhookSettings
from podrole.world import directory_watch, key_rotation
from podrole.world.aws_users import aws_user
from podrole.world.content import Content, services_sentence
from podrole.world.errors import DirectoryGone, PartFailed, StartFailed
from podrole.world.kept import Kept, Origin
from podrole.world.parts import injection_settings, issuer_resolver, node_environment, webhook_configuration
from podrole.world.pod_identities import AssociationsFile
from podrole.world.settings import BY_NAME, WorldSettings
from podrole.world.state import Description, Secrets, WorldDirectory
from podrole.world.stopping import STOP_SECONDS, Stopping, Together
from podrole.world.webhook_account import TokenKeeper, create_account, create_or_update

_log = logging.getLogger(__name__)
KUBERNETES_VERSION = "1.36"
CLUSTER_NAME = "podrole"
PART_SECONDS = 1.0
"""How long a part that has nothing to wait for may take to stop."""
NODE_SECONDS = 4.0
"""How long pods may take to end: asked first, killed after two seconds."""
LISTENER_GRACE_SECONDS = 1
"""How long requests in progress may take once the pods have ended; then they are cut off."""
LISTENERS_SECONDS = LISTENER_GRACE_SECONDS + 1.0
_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", LOOPBACK)


@dataclass(frozen=True, slots=True)
class _Sockets:
    """The world's listening sockets, bound before anything else starts, so that a port in use is reported at once."""

    aws: socket.socket
    cluster: socket.socket
    issuer: socket.socket
    webhook: socket.socket
    metrics: socket.socket
    pod_identity: socket.socket

    @classmethod
    def bound(cls, settings: WorldSettings, stopping: Stopping) -> Self:
        def port_of(name: str) -> socket.socket:
            setting = BY_NAME[name]
            return stopping.enter_now(bind(getattr(settings, name), name=setting.listener, option=setting.option))

        webhook = BY_NAME["webhook_port"]
        return cls(
            aws=port_of("aws_port"),
            cluster=port_of("cluster_port"),
            issuer=port_of("issuer_port"),
            webhook=port_of("webhook_port"),
            metrics=stopping.enter_now(bind(0, name=f"{webhook.listener}'s metrics", option=webhook.option)),
            pod_identity=port_of("pod_identity_port"),
        )


class _Part(Supervised, contextlib.AbstractAsyncContextManager[Any], Protocol):
    """What the world starts, watches and stops."""


class World:
    """Runs while its context is open; ``description`` has its addresses.

    Its records are in the directory's journal and are there again at the next start, unless it is ephemeral.
    """

    description: Description
    kept: Kept
    """What it keeps of itself."""

    def __init__(
        self,
        directory: WorldDirectory,
        settings: WorldSettings,
        *,
        clock: Clock = system_clock,
        initializing: bool = False,
    ) -> None:
        """``initializing`` says that its owner will fill it and call ``end_initialization`` then."""
        self._directory = directory
        self._initializing = initializing
        self._opened = asyncio.Event()
        self._settings = settings
        self._clock = clock
        self._stopping = Stopping()
        self._listeners = Together()
        self._aws_tasks = BackgroundTasks("the local AWS")
        self._directory_tasks = BackgroundTasks("the world's directory")
        self._parts: list[Supervised] = [self._aws_tasks, self._directory_tasks]

    async def __aenter__(self) -> Self:
        """Start everything. If it raises, nothing is left running.

        Raises AlreadyRunning, BadSetting, PortInUse, FileProblem, JournalError or PartFailed."""
        try:
            await self._start(self._stopping)
        except BaseException:
            await self._stopping.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything, pods first. It takes no longer than ``STOP_SECONDS`` and a moment for each part."""
        await self._stopping.close()

    @property
    def cut_off(self) -> Sequence[str]:
        """The parts that had not ended by the deadline, for sentences. Threads of theirs may still run."""
        return tuple(self._stopping.cut)

    async def opened(self) -> None:
        """Wait until the account is open and the services are restored. It never ends if that fails."""
        await self._opened.wait()

    def end_initialization(self) -> None:
        """Tell other processes that the world has been filled."""
        self._describe(complete=True)

    def has_content(self) -> bool:
        """Say whether it holds anything that it does not begin with."""
        if not self._opened.is_set():
            return False
        services = self._endpoint.services
        return (services is not None and services.has_writes) or self._content.has_changed()

    def _describe(self, **changes: Any) -> None:
        self.description = msgspec.structs.replace(self.description, **changes)
        self._directory.describe(self.description)

    async def _open_account(self, endpoint: Endpoint) -> None:
        try:
            await endpoint.open_account()
        except Exception as problem:
            raise StartFailed(
                "The local AWS could not make its account.", got=f"{type(problem).__name__}: {problem}"
            ) from problem
        self._content.begin()
        sentence = self.description.restored
        if sentence:
            sentence += services_sentence(self._restored_services(endpoint), self._clock())
        self._describe(restored=sentence, complete=not self._initializing)
        self._opened.set()
        if endpoint.services is not None and not self._settings.ephemeral:
            self._aws_tasks.run_forever("the saving of the services' state", endpoint.services.keep())

    def _restored_services(self, endpoint: Endpoint) -> RestoredServices:
        if endpoint.services is not None:
            return endpoint.services.restored
        if self._directory.services.exists():
            return RestoredServices(refused="The services are not installed.")
        return RestoredServices()

    async def until_it_fails(self) -> NoReturn:
        """Wait until a background task of any part fails. The parts that still work go on until the world is left.

        Raises PartFailed, StartFailed where the local AWS could not make its account, or DirectoryGone.
        """
        failure = await first_failure(*self._parts)
        self._check_directory()  # a part may have noticed it first
        _raise(failure)

    async def _start(self, stopping: Stopping) -> None:
        lock = stopping.enter_now(self._directory.lock())
        self._check_directory = functools.partial(directory_watch.check, self._directory.lock_file, lock.fileno())
        sockets = _Sockets.bound(self._settings, stopping)
        now = self._clock()
        journal = self._journal(stopping)
        origin = await self._first_decisions(journal, now)
        place = origin.place
        secrets = self._directory.secrets(
            now=now, key_id=lambda: access_key_id("AKIA", place.account, randomness.token_bytes(5))
        )
        host = f"oidc.eks.{place.region}.{domain_of(place.region)}"
        issuer = f"https://{host}/id/{secrets.cluster_id}"
        events = stopping.enter_now(contextlib.closing(EventLog(self._directory.events)))
        authority = secrets.authority
        store = AccountStore(self._clock, randomness.token_bytes, journal)
        objects = MemoryStore() if journal is None else DurableStore(journal)
        self._content = Content(store, objects)
        restored = self._content.restored()
        associations = stopping.enter_now(
            AssociationsFile(self._directory.pod_identities, store, place.account, place.region, CLUSTER_NAME)
        )
        self._endpoint = endpoint = self._made_endpoint(origin, sockets, secrets, issuer, events, store)
        services = "the services, whose state is now that of the last save"
        await stopping.enter(services, _closing(endpoint.close), seconds=STOP_SECONDS, last=True)
        url = _url("http", sockets.aws)
        agent = PodIdentityAgent(url, CLUSTER_NAME, place.region, endpoint.node_credentials, self._clock)
        await stopping.enter("the Pod Identity agent", _closing(agent.aclose), seconds=PART_SECONDS)
        await stopping.enter("the listeners", self._listeners, seconds=LISTENERS_SECONDS)
        listeners, grace = self._listeners, LISTENER_GRACE_SECONDS
        await listeners.enter(listening(endpoint, sockets.aws, name="the local AWS", grace_seconds=grace))
        name = "the Pod Identity agent"
        await listeners.enter(listening(agent, sockets.pod_identity, name=name, grace_seconds=grace))

        cluster = Cluster(
            ClusterSettings(
                server=_url("https", sockets.cluster), issuer=issuer, audiences=(issuer, "https://kubernetes")
            ),
            keys=secrets.signing_keys,
            authority_pem=authority.certificate_pem,
            administrator_token=secrets.cluster_token,
            store=objects,
            token_authenticators=[functools.partial(aws_user, endpoint)],
            events=events,
            clock=self._clock,
        )
        cluster.post_handlers[key_rotation.PATH] = key_rotation.KeyRotation(cluster, self._directory)
        api_tls = server_context(authority.issue(_API_NAMES, now=now))
        issuer_tls = server_context(authority.issue([host, LOOPBACK], now=now))
        await listeners.enter(
            listening(
                cluster.api,
                sockets.cluster,
                tls=api_tls,
                websockets=True,
                is_long_running=is_long_running,
                name="the cluster's API",
                grace_seconds=grace,
            )
        )
        name = "the cluster's issuer"
        await listeners.enter(
            listening(cluster.issuer_app, sockets.issuer, tls=issuer_tls, name=name, grace_seconds=grace)
        )
        await stopping.enter("the cluster", cluster, seconds=PART_SECONDS)
        await self._start_webhook(stopping, cluster, sockets, secrets, associations, place.region)
        await self._start_workloads(stopping, cluster, sockets, place.region)

        process = this_process()
        self.description = Description(
            pid=process.pid,
            process_started=process.started,
            boot=process.boot,
            started_at=now,
            account=place.account,
            region=place.region,
            restored=restored,
            complete=False,
            services=endpoint.services is not None,
            cluster=CLUSTER_NAME,
            aws_url=_url("http", sockets.aws),
            cluster_url=_url("https", sockets.cluster),
            webhook_url=_url("https", sockets.webhook) + "/mutate",
            webhook_metrics_url=_url("http", sockets.metrics) + "/metrics",
            issuer=issuer,
            issuer_port=_port(sockets.issuer),
            pod_identity_url=_url("http", sockets.pod_identity) + CREDENTIALS_PATH,
            thumbprint=thumbprint(authority.certificate_pem),
        )
        write_private(self._directory.authority, authority.certificate_pem)
        write_private(self._directory.kubeconfig, cluster.kubeconfig())
        self._directory.describe(self.description)
        stopping.at_end(self._directory.forget)
        # moto takes a while to import, so it is imported after everything answers; calls wait for it.
        await stopping.enter("the local AWS's tasks", self._aws_tasks, seconds=PART_SECONDS)
        self._aws_tasks.run("the making of the account", self._open_account(endpoint))
        await stopping.enter("the watch of the directory", self._directory_tasks, seconds=PART_SECONDS)
        self._directory_tasks.run_forever("the watch of its lock file", directory_watch.watch(self._check_directory))

    def _journal(self, stopping: Stopping) -> Journal | None:
        if self._settings.ephemeral:
            return None
        journal = stopping.enter_now(contextlib.closing(Journal(self._directory.state)))
        self._parts.append(journal)
        return journal

    async def _first_decisions(self, journal: Journal | None, now: float) -> Origin:
        """Return what the world's first start decided, which this one may be. Raises BadSetting, WriteFailed."""
        self.kept = Kept(journal)
        place = self._settings.place(None if self.kept.origin is None else self.kept.origin.place)
        if self.kept.origin is None:
            if journal is not None and self._directory.services.exists():
                aside = set_aside(self._directory.services)
                _log.warning("the saved services belong to a state that is gone; they are kept as %s", aside)
            await self.kept.keep_origin(Origin(place, now))
        return self.kept.origin or Origin(place, now)

    def _made_endpoint(
        self,
        origin: Origin,
        sockets: _Sockets,
        secrets: Secrets,
        issuer: str,
        events: EventLog,
        store: AccountStore,
    ) -> Endpoint:
        place, partition = origin.place, partition_of(origin.place.region)
        resolve = issuer_resolver(issuer, _port(sockets.issuer))
        return Endpoint(
            Account(place.account, place.region, secrets.admin_key_id, secrets.admin_secret, partition),
            ClusterInfo(
                name=CLUSTER_NAME,
                arn=f"arn:{partition}:eks:{place.region}:{place.account}:cluster/{CLUSTER_NAME}",
                endpoint=_url("https", sockets.cluster),
                certificate_authority=secrets.authority.certificate_pem,
                issuer=issuer,
                version=KUBERNETES_VERSION,
                created_at=origin.created_at,
            ),
            store=store,
            vault=Vault(secrets.vault_key),
            keys=KeyCache(Fetcher(resolve=resolve), self._clock),
            events=events,
            clock=self._clock,
            saved_services=None if self._settings.ephemeral else self._directory.services,
            deliver_anywhere=self._settings.deliver_anywhere,
        )

    async def _start_webhook(
        self,
        stopping: Stopping,
        cluster: Cluster,
        sockets: _Sockets,
        secrets: Secrets,
        associations: AssociationsFile,
        region: str,
    ) -> None:
        """Start the webhook, then register it, so that no pod is sent to a webhook that does not answer yet."""
        authority = secrets.authority
        client = cluster.client(ADMINISTRATOR, "podrole")
        await create_account(client)
        keeper = TokenKeeper(client, self._directory.webhook_token, self._clock)
        await self._enter(stopping, "the webhook's token keeper", keeper)
        webhook = Webhook(
            WebhookSettings(
                injection=injection_settings(region, _url("http", sockets.pod_identity) + CREDENTIALS_PATH),
                sources=SourceSettings(container_credentials_config=str(self._directory.pod_identities)),
            ),
            Connection(
                server=_url("https", sockets.cluster),
                ca=authority.certificate_pem,
                auth=TokenFile(self._directory.webhook_token, clock=self._clock),
            ),
            sock=sockets.webhook,
            tls=server_context(authority.issue([LOOPBACK], now=self._clock())),
            metrics_sock=sockets.metrics,
            grace_seconds=LISTENER_GRACE_SECONDS,
        )
        await self._enter(stopping, "the webhook", webhook, seconds=LISTENERS_SECONDS)
        await _unless_failed(webhook, webhook.wait_ready())
        associations.on_change = webhook.identities.refresh_files
        configuration = webhook_configuration(_url("https", sockets.webhook) + "/mutate", authority.certificate_pem)
        # One that is there names the port of an earlier start.
        resource = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        await create_or_update(client, resource, None, configuration)

    async def _start_workloads(self, stopping: Stopping, cluster: Cluster, sockets: _Sockets, region: str) -> None:
        def client_for(name: str) -> Any:
            return cluster.client(controller(name), "kube-controller-manager")  # one program in a real cluster

        root_ca = cluster.authority_pem.decode()
        await self._enter(stopping, "the controllers", Controllers(client_for, root_ca_pem=root_ca))
        environment = node_environment(_url("http", sockets.aws), region, _port(sockets.cluster))
        settings = NodeSettings(kubernetes_version=f"v{KUBERNETES_VERSION}.0")
        runtime = ProcessRuntime(self._directory.processes, environment=environment)
        kubelet = cluster.client(User(f"system:node:{settings.name}", groups=("system:nodes",)), "kubelet")
        scheduler = cluster.client(User("system:kube-scheduler"), "kube-scheduler")
        node = Node(kubelet, self._directory.node, runtime, settings, scheduler=scheduler)
        await self._enter(stopping, "the node and its pods", node, seconds=NODE_SECONDS)
        cluster.node = node

    async def _enter(self, stopping: Stopping, name: str, part: _Part, *, seconds: float = PART_SECONDS) -> None:
        """Start a part, to be watched from now on and stopped with the world."""
        await stopping.enter(name, part, seconds=seconds)
        self._parts.append(part)


@contextlib.asynccontextmanager
async def _closing(close: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    yield
    await close()


async def _unless_failed(part: Supervised, ready: Coroutine[Any, Any, None]) -> None:
    """Wait until a part is ready. Raises PartFailed if one of its tasks fails before: it may never be ready then."""
    waits = [asyncio.create_task(ready), asyncio.create_task(part.failed())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if waits[1].done():
            _raise(await part.failed())
        await waits[0]
    finally:
        for each in waits:
            each.cancel()


def _raise(failure: TaskFailure) -> NoReturn:
    if isinstance(failure.problem, StartFailed | DirectoryGone):
        raise failure.problem
    part = failure.part[0].upper() + failure.part[1:]
    raise PartFailed(
        f"{part} stopped working, which ends the world: {failure.task} failed.",
        got=failure.reason,
        next_step="start it again with podrole up; if it fails again, report it with the lines above",
    ) from failure.problem


def _port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def _url(scheme: str, sock: socket.socket) -> str:
    return f"{scheme}://{LOOPBACK}:{_port(sock)}"
