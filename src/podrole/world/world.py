"""A world: the local AWS, the cluster with its node, and the webhook, in one process on loopback.

The parts know each other only by addresses, certificates and tokens, as in production. A start that fails or is
interrupted stops what has started, in order and by a deadline (podrole.world.stopping): pods first, then the webhook,
the cluster, the listeners, and last the services, whose state is saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import secrets as randomness
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self

import msgspec

from podrole.account.opening import Account
from podrole.account.store import AccountStore
from podrole.aws.eks.pod_identity_agent import PATH as CREDENTIALS_PATH
from podrole.aws.eks.pod_identity_agent import PodIdentityAgent
from podrole.aws.endpoint import Endpoint
from podrole.aws.interfaces import RestoredServices
from podrole.aws.operations.eks import ClusterInfo
from podrole.base import authorities, front, peers
from podrole.base.certificates import server_context, thumbprint
from podrole.base.clock import Clock, system_clock
from podrole.base.events import EventLog
from podrole.base.files import set_aside, write_private
from podrole.base.journal import Journal
from podrole.base.named_certificates import NamedCertificates
from podrole.base.partitions import eks_issuer_host, partition_of
from podrole.base.processes import this_process
from podrole.base.serving import LOOPBACK, HTTPProtocol, listening
from podrole.base.tasks import BackgroundTasks, Supervised, first_failure
from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.http.app import is_long_running
from podrole.cluster.publish.issuer import IssuerDocuments
from podrole.cluster.store.durable import DurableStore
from podrole.cluster.store.memory import MemoryStore
from podrole.kube.connection import Connection
from podrole.kube.credentials import TokenFile
from podrole.oidc.fetch import Fetcher
from podrole.oidc.keycache import KeyCache
from podrole.sts.credentials import Vault, access_key_id
from podrole.webhook.serving.webhook import Webhook
from podrole.webhook.settings import SourceSettings, WebhookSettings
from podrole.world import directory_watch, key_rotation, proxy
from podrole.world.aws_users import aws_user
from podrole.world.cluster_keys import RecordedKeys
from podrole.world.content import Content, services_sentence
from podrole.world.errors import DirectoryGone, StartFailed
from podrole.world.failing import raise_failure, unless_failed
from podrole.world.foreign_issuers import IssuerListener, read_foreign_issuers
from podrole.world.kept import Kept, Origin
from podrole.world.own_images import read_own_images
from podrole.world.parts import (
    API_NAMES,
    KUBERNETES_VERSION,
    injection_settings,
    issuer_resolver,
    webhook_configuration,
)
from podrole.world.pod_identities import AssociationsFile
from podrole.world.proxy import Surroundings
from podrole.world.reset import Beginning, defaults_made
from podrole.world.secrets import Secrets
from podrole.world.settings import BY_NAME, CLUSTER_NAME, WorldSettings
from podrole.world.sockets import WorldSockets, port_of, url_of
from podrole.world.state import Description, WorldDirectory
from podrole.world.stopping import MORE_FOR_CONTAINERS_SECONDS, STOP_SECONDS, Stopping, Together
from podrole.world.webhook_account import TokenKeeper, create_account, create_or_update
from podrole.world.without_node import reason_without_node
from podrole.world.workloads import Workloads, WorldPart

if TYPE_CHECKING:
    from podrole.world.containers import PodContainers

_log = logging.getLogger(__name__)
PART_SECONDS = 1.0
"""How long a part that has nothing to wait for may take to stop."""
LISTENER_GRACE_SECONDS = 1
"""How long requests in progress may take once the pods have ended; then they are cut off."""
LISTENERS_SECONDS = LISTENER_GRACE_SECONDS + 1.0
_API_NAMES = (*API_NAMES, "localhost", LOOPBACK)


class World:
    """Runs while its context is open; ``description`` has its addresses.

    Its records are in the directory's journal and are there again at the next start, unless it is ephemeral.
    """

    description: Description
    kept: Kept
    """What it keeps of itself."""
    accounts: AccountStore
    cluster: Cluster
    events: EventLog
    environment: Mapping[str, str]
    """The variables of every process on the node."""

    def __init__(
        self,
        directory: WorldDirectory,
        settings: WorldSettings,
        *,
        clock: Clock = system_clock,
        signature_clock: Clock | None = None,
        initializing: bool = False,
        surroundings: Surroundings | None = None,
        say: Callable[[str], None] = _log.info,
        pods_python: str | None = None,
    ) -> None:
        """``initializing`` says that its owner will fill it and call ``end_initialization`` then. ``signature_clock``
        tells how old a signature is, if clients do not live by ``clock``. ``say`` is called with a line of progress
        while images are built. ``pods_python`` is the Python of pods of the image ``python``, with its packages, if
        they are not to have a bare one."""
        self._say = say
        self._pods_python = pods_python
        self._surroundings = surroundings or Surroundings()
        self._directory = directory
        self._initializing = initializing
        self._opened = asyncio.Event()
        self._settings = settings
        self._without_node = reason_without_node(settings, sys.platform)
        self._clock = clock
        self._signature_clock = signature_clock
        self._may_use_containers = settings.runtime != "process" and not self._without_node
        self.more_stop_seconds = MORE_FOR_CONTAINERS_SECONDS if self._may_use_containers else 0.0
        """How much longer than usual the stop may take."""
        self._stopping = Stopping(STOP_SECONDS + self.more_stop_seconds)
        self._listeners = Together()
        self._aws_tasks = BackgroundTasks("the local AWS")
        self._directory_tasks = BackgroundTasks("the world's directory")
        self._containers: PodContainers | None = None
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
        """Stop everything, pods first.

        It takes no longer than ``STOP_SECONDS`` and ``more_stop_seconds``, and a moment for each part.
        """
        await self._stopping.close()

    @property
    def directory(self) -> WorldDirectory:
        """Its files."""
        return self._directory

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

    async def keep_beginning(self) -> None:
        """Remember what the world holds now, so that ``reset`` can restore it. For an ephemeral world."""
        await defaults_made(self.cluster.store)
        self._beginning = Beginning(self.accounts, self.cluster.store)

    async def reset(self) -> None:
        """Restore what ``keep_beginning`` remembered. When it returns, the pods made since then have ended."""
        if self._endpoint.services is not None:
            await self._endpoint.services.clear()
        await self._beginning.restore()
        if self._workloads.node is not None:
            await self._workloads.node.ended()

    def has_content(self) -> bool:
        """Say whether it holds anything that it does not begin with."""
        if not self._opened.is_set():
            return False
        services = self._endpoint.services
        return (services is not None and services.has_writes) or self._content.has_changed()

    def _describe(self, **changes: Any) -> None:
        self.description = msgspec.structs.replace(self.description, **changes)
        self._directory.describe(self.description)

    def _forget(self) -> None:
        """Remove the published addresses, unless another world has published its own there."""
        with contextlib.suppress(DirectoryGone):
            self._check_directory()
            self._directory.forget()

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
        raise_failure(failure)

    async def _start(self, stopping: Stopping) -> None:
        lock = stopping.enter_now(self._directory.lock())
        self._check_directory = functools.partial(directory_watch.check, self._directory.lock_file, lock.fileno())
        foreign = read_foreign_issuers(self._settings)
        own_images = read_own_images(self._settings.image)
        sockets = WorldSockets.bound(self._settings, stopping)
        now = self._clock()
        if self._may_use_containers:
            from podrole.world.containers import pod_containers  # most worlds need none

            engine = pod_containers(
                self._settings.runtime,
                self._directory.path,
                self._surroundings.engine,
                internet=not self._settings.no_internet,
            )
            self._containers = await stopping.enter("the container engine", engine, seconds=MORE_FOR_CONTAINERS_SECONDS)
        if self._containers is not None:
            await self._containers.build(own_images, self._say)
        self._workloads = workloads = Workloads(
            self._directory,
            self._settings,
            self._surroundings,
            self._clock,
            self._containers,
            own_images,
            pods_python=self._pods_python,
            without_node=self._without_node,
        )
        journal = self._journal(stopping)
        origin = await self._first_decisions(journal, now)
        place = origin.place
        secrets = self._directory.secrets(
            now=now, key_id=lambda: access_key_id("AKIA", place.account, randomness.token_bytes(5))
        )
        host = eks_issuer_host(place.region)
        own_issuer = f"https://{host}/id/{secrets.cluster_id}"
        issuers = foreign.issuers or (own_issuer,)
        issuer, issuer_place = issuers[0], (LOOPBACK, port_of(sockets.issuer))
        served = {foreign_issuer.host: issuer_place for foreign_issuer in foreign.served}
        places = {**foreign.places, **served, host: issuer_place}
        self.events = events = stopping.enter_now(contextlib.closing(EventLog(self._directory.events)))
        authority = secrets.authority
        self.accounts = store = AccountStore(self._clock, randomness.token_bytes, journal)
        objects = MemoryStore() if journal is None else DurableStore(journal)
        self._content = Content(store, objects)
        restored = self._content.restored()
        associations = stopping.enter_now(
            AssociationsFile(self._directory.pod_identities, store, place.account, place.region, CLUSTER_NAME)
        )
        self._endpoint = endpoint = self._made_endpoint(origin, sockets, secrets, issuer, places, events, store)
        services = "the services, whose state is now that of the last save"
        await stopping.enter(services, _closing(endpoint.close), seconds=STOP_SECONDS, last=True)
        url = url_of("http", sockets.aws)
        agent = PodIdentityAgent(
            url,
            CLUSTER_NAME,
            place.region,
            endpoint.node_credentials,
            self._clock,
            self._signature_clock,
            addresses=() if self._containers is None else (self._containers.agent_address,),
        )
        await stopping.enter("the Pod Identity agent", _closing(agent.aclose), seconds=PART_SECONDS)
        await stopping.enter("the listeners", self._listeners, seconds=LISTENERS_SECONDS)
        listeners, grace = self._listeners, LISTENER_GRACE_SECONDS
        rules = proxy.rules(
            port_of(sockets.aws),
            places,
            internet=not self._settings.no_internet,
            upstream=self._surroundings.upstream,
        )
        bridge = () if self._containers is None else self._containers.api_names
        names = NamedCertificates(authority, (*proxy.OWN_NAMES, *bridge), rules.is_ours, self._clock)
        both = front.protocol(front.Front(names.context, rules))
        await listeners.enter(
            listening(endpoint, sockets.aws, name="the local AWS", grace_seconds=grace, protocol=both)
        )
        name = "the Pod Identity agent"
        await listeners.enter(listening(agent, sockets.pod_identity, name=name, grace_seconds=grace))
        if self._containers is not None:
            pods_rules = dataclasses.replace(rules, loopback=False, in_cluster=workloads.in_cluster)
            for_pods = front.protocol(front.Front(names.context, pods_rules))
            await self._listen_for_pods("aws_port", endpoint, sockets.aws, protocol=for_pods)
            address = self._containers.agent_address
            await self._listen_for_pods("pod_identity_port", agent, sockets.pod_identity, address=address)

        keys = RecordedKeys(self._directory, own_issuer, secrets.signing_keys, secrets.key_record, now)
        self.cluster = cluster = Cluster(
            ClusterSettings(
                server=url_of("https", sockets.cluster),
                issuer=issuer,
                other_issuers=issuers[1:],
                audiences=(*issuers, "https://kubernetes"),
            ),
            keys=keys.in_order if foreign.signing is None else [foreign.signing, *keys.in_order],
            verifying=foreign.verifying,
            authority_pem=authority.certificate_pem,
            administrator_token=secrets.cluster_token,
            store=objects,
            service_network=None if self._containers is None else self._containers.networks.pods.services,
            token_authenticators=[functools.partial(aws_user, endpoint)],
            events=events,
            clock=self._clock,
        )
        keys.follow(cluster.tokens)
        cluster.post_handlers[key_rotation.PATH] = key_rotation.KeyRotation(
            keys, cluster.tokens, self._clock, refused=foreign.changes_cluster
        )
        api_tls = server_context(authority.issue([*_API_NAMES, *bridge], now=now))
        issuer_tls = server_context(authority.issue([host, LOOPBACK, *served], now=now))
        own = IssuerDocuments(own_issuer, lambda: cluster.tokens.accepted)
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
        await self._listen_for_pods(
            "cluster_port", cluster.api, sockets.cluster, tls=api_tls, websockets=True, is_long_running=is_long_running
        )
        name = "the cluster's issuer"
        await listeners.enter(
            listening(
                IssuerListener(own.app, foreign.served), sockets.issuer, tls=issuer_tls, name=name, grace_seconds=grace
            )
        )
        await stopping.enter("the cluster", cluster, seconds=PART_SECONDS)
        await self._start_webhook(stopping, cluster, sockets, secrets, associations, place.region)
        await workloads.start(
            functools.partial(self._enter, stopping),
            cluster,
            sockets,
            place.region,
            more_stop_seconds=self.more_stop_seconds,
        )
        self.environment = workloads.environment

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
            aws_url=url_of("http", sockets.aws),
            cluster_url=url_of("https", sockets.cluster),
            webhook_url=url_of("https", sockets.webhook) + "/mutate",
            webhook_metrics_url=url_of("http", sockets.metrics) + "/metrics",
            issuer=issuer,
            issuer_port=port_of(sockets.issuer),
            issuer_places=places,
            pod_identity_url=url_of("http", sockets.pod_identity) + CREDENTIALS_PATH,
            thumbprint=thumbprint(authority.certificate_pem),
            runtime=workloads.runtime,
            engine="" if self._containers is None else self._containers.engine.socket,
            more_stop_seconds=self.more_stop_seconds,
        )
        write_private(self._directory.authority, authority.certificate_pem)
        trusted = authorities.bundle(authority.certificate_pem, self._surroundings.authorities)
        write_private(self._directory.authorities, trusted)
        write_private(self._directory.kubeconfig, cluster.kubeconfig())
        self._directory.describe(self.description)
        stopping.at_end(self._forget)
        # moto takes a while to import, so it is imported after everything answers; calls wait for it.
        await stopping.enter("the local AWS's tasks", self._aws_tasks, seconds=PART_SECONDS)
        self._aws_tasks.run("the making of the account", self._open_account(endpoint))
        await stopping.enter("the watch of the directory", self._directory_tasks, seconds=PART_SECONDS)
        self._directory_tasks.run_forever("the watch of its lock file", directory_watch.watch(self._check_directory))

    async def _listen_for_pods(
        self,
        setting: str,
        app: Any,
        beside: socket.socket,
        *,
        address: str = "",
        protocol: Callable[..., HTTPProtocol] = HTTPProtocol,
        **options: Any,
    ) -> None:
        """Let containers reach what listens on loopback, at the same port of their network's gateway."""
        if self._containers is None:
            return
        of = BY_NAME[setting]
        sock = self._containers.bind(beside, name=of.listener, option=of.option, address=address)
        gate = peers.only_from(self._containers.peers, protocol)
        name = f"{of.listener} for pods"
        await self._listeners.enter(
            listening(app, sock, name=name, grace_seconds=LISTENER_GRACE_SECONDS, protocol=gate, **options)
        )

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
                _log.warning(
                    "The saved state of the other services is another world's, so they start empty. It is kept as %s.",
                    aside,
                )
            await self.kept.keep_origin(Origin(place, now))
        return self.kept.origin or Origin(place, now)

    def _made_endpoint(
        self,
        origin: Origin,
        sockets: WorldSockets,
        secrets: Secrets,
        issuer: str,
        places: Mapping[str, tuple[str, int]],
        events: EventLog,
        store: AccountStore,
    ) -> Endpoint:
        place, partition = origin.place, partition_of(origin.place.region)
        resolve = issuer_resolver(places, port_of(sockets.aws))
        return Endpoint(
            Account(place.account, place.region, secrets.admin_key_id, secrets.admin_secret, partition),
            ClusterInfo(
                name=CLUSTER_NAME,
                arn=f"arn:{partition}:eks:{place.region}:{place.account}:cluster/{CLUSTER_NAME}",
                endpoint=url_of("https", sockets.cluster),
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
            signature_clock=self._signature_clock,
            saved_services=None if self._settings.ephemeral else self._directory.services,
            deliver_anywhere=self._settings.deliver_anywhere,
        )

    async def _start_webhook(
        self,
        stopping: Stopping,
        cluster: Cluster,
        sockets: WorldSockets,
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
                injection=injection_settings(region, self._agent_url(sockets)),
                sources=SourceSettings(container_credentials_config=str(self._directory.pod_identities)),
            ),
            Connection(
                server=url_of("https", sockets.cluster),
                ca=authority.certificate_pem,
                auth=TokenFile(self._directory.webhook_token, clock=self._clock),
            ),
            sock=sockets.webhook,
            tls=server_context(authority.issue([LOOPBACK], now=self._clock())),
            metrics_sock=sockets.metrics,
            grace_seconds=LISTENER_GRACE_SECONDS,
        )
        await self._enter(stopping, "the webhook", webhook, seconds=LISTENERS_SECONDS)
        await unless_failed(webhook, webhook.wait_ready())
        associations.on_change = webhook.identities.refresh_files
        configuration = webhook_configuration(url_of("https", sockets.webhook) + "/mutate", authority.certificate_pem)
        # One that is there names the port of an earlier start.
        resource = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        await create_or_update(client, resource, None, configuration)

    def _agent_url(self, sockets: WorldSockets) -> str:
        """Return where pods find the EKS Pod Identity agent."""
        host = LOOPBACK if self._containers is None else self._containers.agent_address
        return f"http://{host}:{port_of(sockets.pod_identity)}{CREDENTIALS_PATH}"

    async def _enter(self, stopping: Stopping, name: str, part: WorldPart, *, seconds: float = PART_SECONDS) -> None:
        """Start a part, to be watched from now on and stopped with the world."""
        await stopping.enter(name, part, seconds=seconds)
        self._parts.append(part)


@contextlib.asynccontextmanager
async def _closing(close: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    yield
    await close()
