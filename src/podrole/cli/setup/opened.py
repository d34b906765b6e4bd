"""The cluster and the account that a set-up changes: a running world's, or real ones, as the options say."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from podrole.cli.setup.options import SetupOptions
from podrole.cli.sources import SourceOptions, access_to, connection_of, find_world, open_sources, option_words
from podrole.cli.tools import podrole_command
from podrole.doctor.facts.issuer import fetch_published_keys
from podrole.doctor.sources.aws_session import Access
from podrole.doctor.sources.sources import Sources
from podrole.kube.connection import from_kubeconfig
from podrole.setup.aws_account import AWSAccount
from podrole.setup.errors import InvalidSetup
from podrole.setup.kubernetes_cluster import KubernetesSetupCluster
from podrole.setup.place import read_place
from podrole.setup.wanted import SetupPlace
from podrole.world.settings import CLUSTER_NAME
from podrole.world.state import WorldDirectory


@dataclass(frozen=True, slots=True)
class OpenedSetup:
    """What a set-up works with. ``sources`` are the doctor's, over the same cluster and account; ``words`` are the
    options that lead there again, for the commands that are printed."""

    place: SetupPlace
    account: AWSAccount
    cluster: KubernetesSetupCluster
    sources: Sources
    words: tuple[str, ...] = ()

    def command(self, text: str) -> str:
        """Return the text with the options of this place if it is one of podrole's commands."""
        if not text.startswith("podrole "):
            return text
        return " ".join([podrole_command() + text.removeprefix("podrole"), *self.words])

    async def thumbprints(self) -> tuple[str, ...]:
        """Return the thumbprint that the provider needs; none if a public authority signed the issuer's certificate,
        or if the issuer cannot be reached from here."""
        if self.sources.fetcher is None:
            return ()
        published = await fetch_published_keys(self.place.issuer, (), self.sources.fetcher)
        return () if published.thumbprint is None else (published.thumbprint,)


def _check_world(directory: WorldDirectory, name: str | None, region: str | None) -> None:
    """Raise InvalidSetup if a cluster or a region is wanted that the world does not have."""
    elsewhere = "or choose a real cluster with --kubeconfig, --context or --profile"
    if name != CLUSTER_NAME:
        raise InvalidSetup(
            f"The cluster of a world is called {CLUSTER_NAME}, not {name}.",
            next_step=f"leave the name out, {elsewhere}",
        )
    own = directory.running().region
    if region not in (None, own):
        raise InvalidSetup(
            f"The region of the world in {directory.path} is {own}, not {region}.",
            next_step=f"leave the region out, {elsewhere}",
        )


@contextlib.asynccontextmanager
async def open_setup(options: SetupOptions, *, cluster_name: str | None = None) -> AsyncIterator[OpenedSetup]:
    """Open the cluster and the account, and check that they belong together.

    ``cluster_name`` is the one in a file. Raises SetupError, SourceError or KubeError.
    """
    source_options = SourceOptions(
        options.directory, options.kubeconfig, options.context, options.profile, options.region
    )
    directory = find_world(source_options)
    name = options.cluster or cluster_name or (CLUSTER_NAME if directory is not None else None)
    if directory is not None:
        _check_world(directory, name, options.region)
        source_options = replace(source_options, region=None)
    if name is None:
        raise InvalidSetup("The cluster has no name here.", expected="--cluster NAME", next_step="add --cluster NAME")
    if cluster_name is not None and options.cluster not in (None, cluster_name):
        raise InvalidSetup(
            "--cluster and the file name two clusters.", got=options.cluster, expected=f"{cluster_name}, as in the file"
        )
    async with contextlib.AsyncExitStack() as stack:
        if directory is None:
            access = Access(region=options.region, profile=options.profile)
            connection = connection_of(source_options)
            what = f"the cluster at {connection.server}"
        else:
            access = access_to(directory, directory.running())
            connection = from_kubeconfig([directory.kubeconfig])
            what = f"the cluster of the world in {directory.path}"
        account = AWSAccount(access)
        stack.callback(account.close)
        cluster = KubernetesSetupCluster(connection, what=what)
        stack.push_async_callback(cluster.close)
        place = await read_place(cluster, account, name)
        sources = await stack.enter_async_context(open_sources(source_options))
        yield OpenedSetup(place, account, cluster, sources, tuple(option_words(source_options)))
