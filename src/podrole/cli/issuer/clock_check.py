"""Compare this machine's clock with what there is before a step that asks no API server for its keys."""

from __future__ import annotations

import asyncio

from podrole.base.clock import system_clock
from podrole.base.errors import PodroleError
from podrole.cli.issuer.clocks import require_same_time, server_named
from podrole.cli.issuer.places import IssuerOptions, each_server, open_store
from podrole.cli.terminal import complain
from podrole.hosting.bucket_store import BucketStore
from podrole.issuer.errors import StepRefused
from podrole.issuer.publishing import RECORD


def check_clock(options: IssuerOptions, *, asks_servers: bool = False) -> None:
    """Compare with the API servers that are named (or that the step asks), else with S3, else with the API server that
    kubectl would use, if it answers. Says so where there is nothing to compare with.

    Raises StepRefused beyond a minute, and SourceError, KubeError or IssuerError if what is named does not answer.
    """
    if asks_servers or options.servers or options.sources.kubeconfig or options.sources.context:
        is_compared = asyncio.run(_with_servers(options))
    else:
        is_compared = _with_bucket(options) or _with_reachable_server(options)
    if not is_compared:
        complain(
            "This machine's clock was compared with no other. If it is slow, the new key could sign too early: "
            "check the time, or name an API server with --server or --kubeconfig."
        )


async def _with_servers(options: IssuerOptions) -> bool:
    async with each_server(options) as servers:
        compared = []
        for address, server in servers:
            before = system_clock()
            seen = await server.time()
            if seen is not None:
                require_same_time(server_named(address), seen, before)
            compared.append(seen is not None)
    return all(compared)


def _with_bucket(options: IssuerOptions) -> bool:
    with open_store(options, 0) as store:
        if not isinstance(store, BucketStore):
            return False
        before = system_clock()
        store.read(RECORD)
        if store.time is not None:
            require_same_time(f"S3, which answers for {store.what}", store.time, before)
        return store.time is not None


def _with_reachable_server(options: IssuerOptions) -> bool:
    try:
        return asyncio.run(_with_servers(options))
    except StepRefused:
        raise
    except PodroleError:
        return False
