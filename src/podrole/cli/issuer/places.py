"""Where the issuer's commands read and write: the documents, and the API servers of the cluster."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from podrole.base.clock import system_clock
from podrole.base.user_agents import PODROLE
from podrole.cli.issuer.clocks import require_same_time, server_named
from podrole.cli.sources import SourceOptions, access_to, connection_of, find_world
from podrole.doctor.sources.aws_session import Access, AWSSession
from podrole.doctor.sources.kubernetes import KubernetesCluster
from podrole.hosting.bucket_store import BucketStore
from podrole.hosting.object_store import google_store
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.key_files import keys_of_cluster
from podrole.issuer.rotation import SeenServer
from podrole.issuer.store import DocumentStore, FolderStore, split_location
from podrole.kube.connection import Connection, from_kubeconfig
from podrole.oidc.fetch import Fetcher
from podrole.oidc.token import parse_token
from podrole.world.parts import resolver_of


@dataclass(frozen=True, slots=True)
class IssuerOptions:
    """Where the documents are (``--to``), which cluster and account are used, and how the answer is shown."""

    to: str
    sources: SourceOptions
    servers: tuple[str, ...] = ()
    as_json: bool = False


@contextlib.contextmanager
def open_store(options: IssuerOptions, cache_seconds: int) -> Iterator[DocumentStore]:
    """Open the place of the documents. Raises IssuerError or SourceError."""
    kind, place = split_location(options.to)
    if kind == "dir":
        yield FolderStore(Path(place))
        return
    if kind == "gs":
        yield google_store(place, cache_seconds)
        return
    bucket, _, prefix = place.partition("/")
    with open_account(options) as session:
        yield BucketStore(session.client("s3"), bucket, prefix, cache_seconds)


@contextlib.contextmanager
def open_account(options: IssuerOptions) -> Iterator[AWSSession]:
    """Open the account: a world's, or a real one. Raises SourceError."""
    world = find_world(options.sources)
    sources = options.sources
    access = (
        Access(region=sources.region, profile=sources.profile) if world is None else access_to(world, world.running())
    )
    session = AWSSession(access, PODROLE)
    try:
        yield session
    finally:
        session.close()


def cluster_connection(options: IssuerOptions) -> Connection:
    """Return the way to the cluster: a world's, or a real one as kubectl finds it. Raises KubeError."""
    world = find_world(options.sources)
    return connection_of(options.sources) if world is None else from_kubeconfig([world.kubeconfig])


@dataclass(frozen=True, slots=True)
class AWSView:
    """How AWS reads an issuer: with which fetcher, and which thumbprints the provider lists."""

    fetcher: Fetcher
    thumbprints: tuple[str, ...] = ()


def aws_view(options: IssuerOptions, thumbprints: Sequence[str]) -> AWSView:
    """Return how AWS reads issuers: from this machine, or as a running world's AWS does, which knows its authority."""
    world = find_world(options.sources)
    if world is None:
        return AWSView(Fetcher(), tuple(thumbprints))
    description = world.running()
    return AWSView(Fetcher(resolve=resolver_of(description)), (*thumbprints, description.thumbprint))


@contextlib.asynccontextmanager
async def each_server(options: IssuerOptions) -> AsyncIterator[Sequence[tuple[str, KubernetesCluster]]]:
    """Open every API server: those of ``--server``, or the kubeconfig's alone."""
    connection = cluster_connection(options)
    addresses = options.servers or (connection.server,)
    scheme = connection.server.partition("://")[0]
    for address in addresses:
        # The kubeconfig's credentials are sent there: never less protected than to its own server.
        if not address.startswith(f"{scheme}://"):
            raise InvalidIssuer(
                "--server is not the address of an API server as the kubeconfig has it.",
                got=repr(address),
                expected=f"{scheme}://HOST:PORT, such as {connection.server}",
            )
    servers = [(address, KubernetesCluster(replace(connection, server=address), what=address)) for address in addresses]
    try:
        yield servers
    finally:
        for _, server in servers:
            await server.close()


async def see_servers(options: IssuerOptions, audience: str) -> dict[str, SeenServer]:
    """Return what every API server accepts and signs with. Raises SourceError, KubeError or StepRefused.

    Each issues a token of the service account ``default`` in the namespace ``default``; only its key's id and the time
    at which it was issued are looked at. This machine's clock must agree with it: it says when a key may sign and go.
    """
    seen: dict[str, SeenServer] = {}
    async with each_server(options) as servers:
        for address, server in servers:
            accepts = keys_of_cluster(await server.keys(), f"{address}/openid/v1/jwks")
            before = system_clock()
            token = parse_token((await server.request_token("default", "default", audience)).token)
            issued = token.payload.get("iat")
            if isinstance(issued, int):
                require_same_time(server_named(address), issued, before)
            seen[address] = SeenServer(frozenset(accepts), token.kid)
    return seen
