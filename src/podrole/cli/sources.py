"""What a command examines: a running world, or a real cluster and a real account, as the options say."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from podrole.base.events import read_recent
from podrole.base.serving import LOOPBACK
from podrole.cli.tools import podrole_command
from podrole.doctor.sources.account import Account
from podrole.doctor.sources.aws_session import Access
from podrole.doctor.sources.boto import BotoAccount
from podrole.doctor.sources.boto_sts import BotoSTS
from podrole.doctor.sources.cluster import Cluster
from podrole.doctor.sources.kubernetes import KubernetesCluster
from podrole.doctor.sources.missing import MissingAccount, MissingCluster
from podrole.doctor.sources.sources import EnvironmentFacts, Exchange, Sources, Tools
from podrole.doctor.sources.world_accounts import WorldAccounts
from podrole.doctor.unknown import UnknownFact, read
from podrole.kube.connection import Connection, find_connection, from_kubeconfig
from podrole.kube.errors import KubeError
from podrole.oidc.fetch import Fetcher
from podrole.world.errors import NotRunning
from podrole.world.parts import injection_settings, node_environment, resolver_of, webhook_configuration
from podrole.world.state import DEFAULT_DIRECTORY, Description, WorldDirectory


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The options that choose the sources. ``directory`` is a world's; the next three choose real ones instead."""

    directory: Path = DEFAULT_DIRECTORY
    kubeconfig: Path | None = None
    context: str | None = None
    profile: str | None = None
    region: str | None = None
    role: str | None = None
    issuer: str | None = None


def option_words(options: SourceOptions) -> list[str]:
    """Return the options that choose the same sources, for a shell in which PODROLE_DIR is what it is here."""
    known = _usual_directories()
    values = {
        "--dir": None if str(options.directory) in known else options.directory,
        "--kubeconfig": options.kubeconfig,
        "--context": options.context,
        "--profile": options.profile,
        "--region": options.region,
        "--role": options.role,
        "--issuer": options.issuer,
    }
    return [f"{name} {shlex.quote(str(value))}" for name, value in values.items() if value is not None]


def _usual_directories() -> set[str]:
    """Return the directories of a world that a command line does not have to name."""
    return {str(DEFAULT_DIRECTORY), os.environ.get("PODROLE_DIR", "")}


def find_world(options: SourceOptions) -> WorldDirectory | None:
    """Return the running world of ``directory`` or of KUBECONFIG; None if none runs there or real sources are chosen.

    Raises NotRunning if ``directory`` is one that the command line names and no world runs there: a misspelt --dir
    must not lead to a real cluster and account.
    """
    if options.kubeconfig is not None or options.context is not None or options.profile is not None:
        return None
    candidates = [options.directory]
    if options.directory == DEFAULT_DIRECTORY:
        candidates += [Path(path).parent for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    for path in candidates:
        directory = WorldDirectory(path)
        with contextlib.suppress(NotRunning):
            directory.running()
            return directory
    if str(options.directory) not in _usual_directories():
        WorldDirectory(options.directory).running()
    return None


@contextlib.asynccontextmanager
async def open_sources(options: SourceOptions, world: WorldDirectory | None = None) -> AsyncIterator[Sources]:
    """Open the sources; close their connections at the end.

    ``world`` is the world that was found before: it is taken, or NotRunning is raised, whatever else ``options`` would
    lead to now.
    """
    world = world or find_world(options)
    cluster, account, sources = _real(options) if world is None else _of_world(world, options)
    try:
        yield sources
    finally:
        if isinstance(cluster, KubernetesCluster):
            await cluster.close()
        if isinstance(account, (BotoAccount, WorldAccounts)):
            account.close()


def access_to(directory: WorldDirectory, world: Description) -> Access:
    """Return the administrator's access to a world's AWS."""
    key_id, secret = directory.admin_credentials()
    return Access(world.aws_url, world.region, None, key_id, secret)


def _of_world(directory: WorldDirectory, options: SourceOptions) -> tuple[KubernetesCluster, Account, Sources]:
    world = directory.running()
    cluster = KubernetesCluster(
        from_kubeconfig([directory.kubeconfig]), what=f"the cluster of the world in {directory.path}"
    )
    access = access_to(directory, world)
    own = _account(access)
    account: Account = WorldAccounts(own, access) if isinstance(own, BotoAccount) else own
    authority = directory.authority.read_bytes()
    environment = EnvironmentFacts(
        node_environment=node_environment(world.aws_tls_url, world.region, 0, {}),
        registration=webhook_configuration(world.webhook_url, authority),
        source_ip=LOOPBACK,
        calls_webhooks=True,
        region=world.region,
    )
    sources = Sources(
        cluster=cluster,
        account=account,
        fetcher=Fetcher(resolve=resolver_of(world)),
        sts=BotoSTS(access, world.region),
        settings=injection_settings(world.region, world.pod_identity_url),
        environment=environment,
        log=lambda: read_recent(directory.events),
        role_arn=options.role,
        issuer=options.issuer,
        preamble=_preamble(directory, world),
    )
    return cluster, account, sources


def _preamble(directory: WorldDirectory, world: Description) -> tuple[str, ...]:
    """Return the command with which a shell uses the world, unless it uses it already."""
    environment = os.environ
    if (
        environment.get("KUBECONFIG") == str(directory.kubeconfig)
        and environment.get("AWS_ENDPOINT_URL") == world.aws_tls_url
    ):
        return ()
    where = "" if directory.path == DEFAULT_DIRECTORY.absolute() else f" --dir {shlex.quote(str(directory.path))}"
    return (f'eval "$({podrole_command()} env{where})"',)


def _real(options: SourceOptions) -> tuple[Cluster, Account, Sources]:
    cluster = _cluster(options)
    access = Access(region=options.region, profile=options.profile)
    account = _account(access)
    region = account.region if isinstance(account, BotoAccount) else options.region or ""
    sts: Exchange = BotoSTS(access, region or "us-east-1")
    kubectl: tuple[str, ...] = ("kubectl",)
    if options.kubeconfig is not None:
        kubectl = (*kubectl, "--kubeconfig", str(options.kubeconfig))
    if options.context is not None:
        kubectl = (*kubectl, "--context", options.context)
    aws: tuple[str, ...] = ("aws",) if options.profile is None else ("aws", "--profile", options.profile)
    sources = Sources(
        cluster=cluster,
        account=account,
        fetcher=Fetcher(),
        sts=sts,
        environment=EnvironmentFacts(region=region),
        role_arn=options.role,
        issuer=options.issuer,
        tools=Tools(kubectl, aws),
    )
    return cluster, account, sources


def _cluster(options: SourceOptions) -> Cluster:
    try:
        return KubernetesCluster(connection_of(options))
    except KubeError as problem:
        next_step = "start a world with podrole up, or set KUBECONFIG or --kubeconfig"
        reason = UnknownFact(f"No cluster was found: {problem.what}", problem.got, next_step)
        return MissingCluster(reason)


def connection_of(options: SourceOptions) -> Connection:
    """Return the way to a real cluster: a kubeconfig as kubectl finds it, or a pod's own. Raises KubeError."""
    if options.kubeconfig is not None or options.context is not None:
        home = Path(os.environ.get("HOME", "")) / ".kube" / "config"
        listed = [Path(path) for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path] or [home]
        paths = listed if options.kubeconfig is None else [options.kubeconfig]
        return from_kubeconfig(paths, context=options.context)
    return find_connection()


def _account(access: Access) -> Account:
    account = read(lambda: BotoAccount(access))
    return MissingAccount(account) if isinstance(account, UnknownFact) else account
