"""What it costs that a world lasts: the journal's commits, the growth of its files, and the start with a full state.

Usage: python benchmarks/state.py [WRITES]

1. Commits of 1.5 kB to 1,000 records, by 1 and by 8 callers at a time (50,000 by default), and the most that the files
   take meanwhile.
2. ``podrole up`` in a directory without a state, and in one with 10,000 ConfigMaps and 1,000 roles.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.store import AccountStore
from podrole.base.clock import system_clock
from podrole.base.journal import Journal, Write
from podrole.cluster.core.store import Create
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.durable import DurableStore
from startup import LIMIT_SECONDS, PODROLE, answers, free_ports

OBJECTS, ROLES, STARTS = 10_000, 1_000, 3
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)


def size_of(directory: Path) -> int:
    """Return the bytes of the files in a directory."""
    return sum(file.stat().st_size for file in directory.iterdir() if file.is_file())


async def commits(directory: Path, writes: int, callers: int) -> tuple[float, int]:
    """Return commits a second, and the most bytes that the files took."""
    journal, most = Journal(directory / "state.db"), 0
    value = os.urandom(1_500)

    async def call(caller: int) -> None:
        nonlocal most
        for number in range(writes // callers):
            await journal.commit([Write("t", str((number * callers + caller) % 1_000), value)])
            if number % 100 == 0:
                most = max(most, size_of(directory))

    begin = time.perf_counter()
    await asyncio.gather(*(call(caller) for caller in range(callers)))
    seconds = time.perf_counter() - begin
    journal.close()
    return writes / seconds, most


async def fill(state: Path) -> None:
    """Add the objects and roles to the state of a stopped world."""
    journal = Journal(state)
    account, cluster = AccountStore(system_clock, os.urandom, journal), DurableStore(journal)
    for number in range(ROLES):
        given = {"RoleName": f"role-{number}", "AssumeRolePolicyDocument": TRUST}
        await account.run(OPERATIONS["CreateRole"], given, account="111122223333", partition="aws")
    for first in range(0, OBJECTS, 100):
        await asyncio.gather(*(cluster.commit(_config_map(number)) for number in range(first, first + 100)))
    journal.close()


def _config_map(number: int) -> Create:
    name = f"map-{number}"
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": f"00000000-0000-4000-8000-{number:012}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": "benchmark"},
    }
    body = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"value": "x" * 500}}
    return Create(BY_NAME["configmaps"], body)


def start(directory: Path) -> float:
    """Return the seconds until the AWS endpoint, the cluster and the webhook answer; stop the world then."""
    aws, cluster, webhook = free_ports(3)
    ports = ["--aws-port", str(aws), "--cluster-port", str(cluster), "--webhook-port", str(webhook)]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [PODROLE, "up", *ports], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for port, path, tls in (
            (aws, "/_podrole/health", False),
            (cluster, "/readyz", True),
            (webhook, "/readyz", True),
        ):
            while not answers(port, path, tls=tls):
                if process.poll() is not None or time.perf_counter() - begin > LIMIT_SECONDS:
                    raise SystemExit("the world did not start")
                time.sleep(0.005)
        return time.perf_counter() - begin
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def main(writes: int = 50_000) -> None:
    for callers in (1, 8):
        with tempfile.TemporaryDirectory() as place:
            rate, most = asyncio.run(commits(Path(place), writes if callers > 1 else writes // 5, callers))
        print(f"commits, {callers} at a time: {rate:,.0f}/s, files at most {most / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        state = directory / ".podrole" / "state.db"
        start(directory)
        empty = []
        for _ in range(STARTS):
            subprocess.run([PODROLE, "reset"], cwd=directory, check=True, stdout=subprocess.DEVNULL)
            empty.append(start(directory))
        asyncio.run(fill(state))
        full = [start(directory) for _ in range(STARTS)]
        with contextlib.closing(Journal(state)) as journal:
            records = sum(len(table) for table in journal.tables().values())
        print(f"start, no state: {statistics.median(empty):.2f} s (best {min(empty):.2f})")
        print(
            f"start, {records:,} records in {state.stat().st_size / 1e6:.0f} MB: "
            f"{statistics.median(full):.2f} s (best {min(full):.2f})"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
