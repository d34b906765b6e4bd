"""What the pytest plugin and a world for tests cost.

Usage: python benchmarks/testing.py [RUNS]

RUNS (20 by default) is how often each step is repeated in one world; worlds are started five times. The CPU time is
that of the test process and its world together; other work on the machine changes it less than the time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3

from podrole.testing import World, environment

STARTS = 5
ALLOW = ["s3:PutObject, s3:GetObject on arn:aws:s3:::reports/*"]
_IMPORT = """
import time, pytest
begin = time.perf_counter()
import podrole.testing.plugin
print(time.perf_counter() - begin)
"""
_HERTZ = os.sysconf("SC_CLK_TCK")
Measured = tuple[list[float], list[float]]


def import_seconds() -> float:
    return float(subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True).stdout)


def cpu_seconds(world: World | None) -> float:
    own = time.process_time()
    if world is None:
        return own
    fields = Path(f"/proc/{world.description['pid']}/stat").read_text().rpartition(")")[2].split()
    return own + (int(fields[11]) + int(fields[12])) / _HERTZ


def measured(world: World, runs: int, step: Callable[[int], object]) -> Measured:
    elapsed = []
    before = cpu_seconds(world)
    for number in range(runs):
        begin = time.perf_counter()
        step(number)
        elapsed.append(time.perf_counter() - begin)
    return elapsed, [(cpu_seconds(world) - before) / runs]


def started() -> tuple[float, float, float]:
    """Return the seconds until the first identity, its CPU time, and the seconds that the end takes."""
    own = time.process_time()
    begin = time.perf_counter()
    world = World()
    world.start()
    world.identity("shop", "inventory", allow=ALLOW)
    seconds = time.perf_counter() - begin
    cpu = cpu_seconds(world) - own
    begin = time.perf_counter()
    world.stop()
    return seconds, cpu, time.perf_counter() - begin


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    imports = [import_seconds() for _ in range(runs)]
    starts = [started() for _ in range(STARTS)]
    figures: dict[str, Measured] = {
        "import of the unused plugin, ms (≤ 30)": (imports, []),
        "start and first identity, ms (≤ 1500)": ([one[0] for one in starts], [one[1] for one in starts]),
        "end of a world, ms": ([one[2] for one in starts], []),
    }
    with World() as world:

        def arrange() -> None:
            world.reset()
            world.administrator.client("s3").create_bucket(Bucket="reports")

        def uses_identity(number: int) -> None:
            """One exchange and three calls, as a test that has its identity makes them."""
            with identities[number]:
                s3 = boto3.client("s3")
                s3.put_object(Bucket="reports", Key="a.csv", Body=b"1,2")
                s3.get_object(Bucket="reports", Key="a.csv")["Body"].read()
                s3.put_object(Bucket="reports", Key="b.csv", Body=b"3,4")

        arrange()
        identities = [world.identity("shop", "warm", allow=ALLOW)]
        uses_identity(0)
        figures["later identity, ms (≤ 20)"] = measured(
            world, runs, lambda number: world.identity("shop", f"inventory-{number}", allow=ALLOW)
        )
        figures["later identity, EKS Pod Identity, ms"] = measured(
            world, runs, lambda number: world.identity("shop", f"pod-{number}", allow=ALLOW, method="pod-identity")
        )
        identities = [world.identity("shop", f"user-{number}", allow=ALLOW) for number in range(runs)]
        with environment.replaced(environment.of_pod(world.description["environment"])):
            figures["exchange and three S3 calls, ms (≤ 60)"] = measured(world, runs, uses_identity)
        figures["reset after that, ms (≤ 50)"] = measured(world, 1, lambda _: world.reset())

        def small_test(_: int) -> None:
            arrange()
            world.identity("shop", "inventory", allow=ALLOW)

        small_test(0)
        figures["reset, a bucket and an identity, ms"] = measured(world, runs, small_test)
        figures["reset of nothing, ms"] = measured(world, runs, lambda _: world.reset())
        memory = resident_megabytes(world.description["pid"])
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {runs} runs: median (least, most), CPU")
    for name, (values, cpu) in figures.items():
        used = f"{statistics.median(cpu) * 1000:8.1f}" if cpu else ""
        shown = [one * 1000 for one in values]
        print(f"{name:<42} {statistics.median(shown):8.1f}  ({min(shown):.1f}, {max(shown):.1f}) {used}")
    print(f"{'resident memory of the world, MB':<42} {memory:8.0f}")


if __name__ == "__main__":
    main()
