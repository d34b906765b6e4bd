"""``podrole issuer publish``, and how an issuer is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from podrole.base.clock import rfc3339, system_clock
from podrole.cli.issuer.clock_check import check_clock
from podrole.cli.issuer.places import IssuerOptions, each_server, open_store, see_servers
from podrole.cli.terminal import say
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.key_files import keys_of_cluster, public_key_file
from podrole.issuer.publishing import IssuerPublisher
from podrole.issuer.rebuilding import rebuilt, usable_keys
from podrole.issuer.record import COMING, LEAVING, IssuerKey, IssuerRecord
from podrole.issuer.rotation import publish

DONE = 0


def rebuild_record(cluster: str, options: IssuerOptions) -> int:
    """Take over published keys that the record does not know. Raises IssuerError, SourceError or KubeError."""
    record = read_record(options)
    keys = asyncio.run(_of_cluster(options))
    servers = asyncio.run(see_servers(options, record.issuer))
    signing = frozenset(server.signs_with for server in servers.values())
    with open_store(options, record.cache_seconds) as store:
        publisher = IssuerPublisher(store, system_clock)
        published = usable_keys(publisher.read().foreign, store.what)
        taken = published | {kid: jwk for kid, jwk in keys.items() if kid in signing}
        record = publisher.change(lambda before, now: rebuilt(before, cluster, taken, signing, now))
    show(record, as_json=options.as_json)
    strange = sorted(published.keys() - keys.keys())
    if strange and not options.as_json:
        say(f"  Not shown by the cluster, kept for the longest token: {', '.join(strange)}.")
        say("  If another cluster signs with one of them, publish that cluster's keys before rotate finish.")
    return DONE


def publish_keys(cluster: str, files: list[Path], options: IssuerOptions, *, from_cluster: bool, as_json: bool) -> int:
    """Publish the keys that a cluster signs with already. Raises IssuerError, SourceError or KubeError."""
    if from_cluster is bool(files):
        raise InvalidIssuer("Name the keys.", expected="either --from-cluster or --key FILE")
    keys: Mapping[str, Mapping[str, str]]
    if from_cluster:
        keys = asyncio.run(_of_cluster(options))
    else:
        keys = {kid: jwk for file in files for kid, jwk in public_key_file(file).items()}
    record = read_record(options)
    check_clock(options, asks_servers=from_cluster)
    with open_store(options, record.cache_seconds) as store:
        publisher = IssuerPublisher(store, system_clock)
        record = publisher.change(lambda before, now: publish(before, cluster, keys, now))
    show(record, as_json=as_json)
    if not as_json:
        _say_shared(record, cluster, keys)
        say("\nNext: check what AWS reads, and tell the API servers of the issuer if they do not name it yet:")
        say(
            f"  podrole issuer verify {record.issuer}\n  podrole issuer flags --distro kubeadm --issuer {record.issuer}"
        )
    return DONE


def _say_shared(record: IssuerRecord, cluster: str, kids: Iterable[str]) -> None:
    for kid in kids:
        others = sorted({key.cluster for key in record.keys if key.kid == kid} - {cluster})
        if others:
            say(
                f"  Key {kid} is also a key of cluster {', '.join(others)}: check --cluster. Clusters with the same "
                "private key can issue each other's tokens."
            )


def read_record(options: IssuerOptions) -> IssuerRecord:
    """Return the issuer in a store. Raises IssuerError."""
    with open_store(options, 0) as store:
        return IssuerPublisher(store, system_clock).read().record


async def _of_cluster(options: IssuerOptions) -> dict[str, Mapping[str, str]]:
    keys: dict[str, Mapping[str, str]] = {}
    async with each_server(options) as servers:
        for address, server in servers:
            keys |= keys_of_cluster(await server.keys(), f"{address}/openid/v1/jwks")
    return keys


def show(record: IssuerRecord, *, as_json: bool) -> None:
    """Print an issuer with its keys."""
    if as_json:
        print(json.dumps(record_dict(record), indent=2))
        return
    keys = sorted(record.keys, key=lambda key: (key.cluster, key.since))
    lines = [f"Issuer {record.issuer}", *(f"  {_line(record, key)}" for key in keys)]
    if not record.keys:
        lines.append("  It has no keys yet.")
    say("\n".join(lines))


def _line(record: IssuerRecord, key: IssuerKey) -> str:
    line = f"{key.cluster}  {key.kid}  {key.state.value} since {rfc3339(key.since)}"
    if key.state in COMING:
        return f"{line}, may sign from {rfc3339(key.since + record.cache_seconds)}"
    if key.state in LEAVING:
        return f"{line}, stays until {rfc3339(record.last_expiry(key))}"
    return line


def record_dict(record: IssuerRecord) -> dict[str, Any]:
    """Return an issuer as JSON-able data."""
    keys = [
        {"kid": key.kid, "cluster": key.cluster, "state": key.state.value, "since": rfc3339(key.since)}
        for key in record.keys
    ]
    return {
        "issuer": record.issuer,
        "cacheSeconds": record.cache_seconds,
        "longestTokenSeconds": record.longest_token_seconds,
        "keys": keys,
    }
