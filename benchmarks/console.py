"""How quick the console is: its first view of a thousand service accounts, and a stream of a thousand calls a second.

Run with the project's Python: ``python benchmarks/console.py``. The world is that of ``benchmarks/doctor.py``; this
script writes the calls into its event log, as a busy world would, and one page follows them.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import httpx2

from doctor import PODROLE, SERVICE_ACCOUNTS, command, fill
from podrole.base.events import Event, EventLog
from podrole.world.state import WorldDirectory

RUNS = 20
CALLS_A_SECOND = 1_000
SECONDS = 10


def started(here: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the console and return its URL."""
    process = subprocess.Popen([PODROLE, "console", "--port", "0"], cwd=here, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = next(match[0] for line in process.stdout if (match := re.search(r"http://\S+", line)))
    return process, url


def memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+)", status)
    return int(match[1]) / 1024 if match else 0.0


def cpu(pid: int) -> float:
    """Return the processor time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def first_views(client: httpx2.Client) -> tuple[float, float]:
    """Return how long the page takes before the first look has ended, and the median once it has, in milliseconds."""
    start = time.perf_counter()
    text = client.get("/").text
    early = 1_000 * (time.perf_counter() - start)
    while f"{SERVICE_ACCOUNTS} sound" not in text:
        time.sleep(0.5)
        text = client.get("/").text
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        client.get("/")
        times.append(1_000 * (time.perf_counter() - start))
    return early, statistics.median(times)


async def stream(base: str, cookies: dict[str, str], log: EventLog) -> tuple[int, int]:
    """Write calls at the rate and follow them; return how many rows came and how many were said to be left out."""
    rows = left_out = 0
    async with httpx2.AsyncClient(base_url=base, cookies=cookies, timeout=60) as client:

        async def follow() -> None:
            nonlocal rows, left_out
            async with client.stream("GET", "/live", params={"view": "calls"}) as answer:
                async for line in answer.aiter_lines():
                    rows += line.count("data-number")
                    left_out += sum(int(one.replace(",", "")) for one in re.findall(r"([\d,]+) more calls", line))

        following = asyncio.create_task(follow())
        await asyncio.sleep(1)
        begun = time.perf_counter()
        for number in range(CALLS_A_SECOND * SECONDS):
            log.record(
                Event(f"id-{number}", time.time(), "aws", "arn:aws:iam::111122223333:user/x", "s3:GetObject", "allowed")
            )
            ahead = begun + number / CALLS_A_SECOND - time.perf_counter()
            if ahead > 0.01:
                await asyncio.sleep(ahead)
        await asyncio.sleep(2)
        following.cancel()
    return rows, left_out


def main() -> None:
    """Print a table for docs/benchmarks.md."""
    with tempfile.TemporaryDirectory(prefix="podrole-") as work:
        here = Path(work)
        command("up", "--detach", "--aws-port", "0", "--cluster-port", "0", cwd=here)
        try:
            directory = WorldDirectory(here / ".podrole")
            asyncio.run(fill(directory))
            process, url = started(here)
            with process, httpx2.Client(base_url=url.partition("/?")[0], timeout=120) as client:
                client.base_url = client.base_url.join(client.get(url).headers["location"])
                early, late = first_views(client)
                before, spent = memory(process.pid), cpu(process.pid)
                log = EventLog(directory.events)
                rows, left_out = asyncio.run(stream(str(client.base_url), dict(client.cookies), log))
                log.close()
                after, spent = memory(process.pid), cpu(process.pid) - spent
                process.terminate()
        finally:
            command("down", cwd=here)
    total = CALLS_A_SECOND * SECONDS
    print(f"first view before the first look has ended    {early:6.0f} ms")
    print(f"view of {SERVICE_ACCOUNTS:,} service accounts, median of {RUNS}   {late:6.0f} ms   (goal: 300)")
    print(f"{total:,} calls in {SECONDS} s: {rows:,} shown, {left_out:,} counted, {total - rows - left_out:,} missed")
    print(f"memory {before:.0f} MB before and {after:.0f} MB after them; {spent:.1f} s of CPU")


if __name__ == "__main__":
    main()
