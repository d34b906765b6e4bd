"""How fast the webhook answers: reviews over TLS keep-alive, the cache's speed and size, and answers to bad input.

Run it with ``python benchmarks/webhook.py``. Goals, for one process on two cores that the load generator shares: 8,000
reviews/s at 16 connections with the 99th percentile at most 8 ms, 2,500/s at one connection; a change known within
100 ms; 100,000 service accounts in 150 MB; bad input answered within 50 ms, its journey included. The review is a
recorded one, brought to about 3.4 kB with a second container; 10,000 service accounts are cached; ``wrk`` makes the
load (``apt-get install wrk``).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvloop

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK, bind, listening

RECORDED = Path(__file__).parents[1] / "tests" / "webhook" / "vectors" / "admission-reviews.jsonl"
REVIEW_BYTES = 3_400
ROLE = "arn:aws:iam::111122223333:role/application-"
WEBHOOK = """
import sys
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.serving.standalone import run
sys.exit(run(parse_flags(sys.argv[1:]).settings))
"""
PORT = re.compile(rb"reviews on port (\d+) over TLS")
SCRIPT = """
wrk.method = "POST"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency, requests)
  print(string.format("RESULT %f %f %f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.errors.status + summary.errors.read))
end
"""


class ServiceAccountCache:
    """An API server that has so many annotated service accounts, and says what it is told to in its watch."""

    def __init__(self, number: int) -> None:
        items = [_service_account(f"team-{index % 500}", f"application-{index}", index) for index in range(number)]
        items.append(_service_account("irsa3", "aws-cli", 0))
        self.pages = []
        for start in range(0, len(items), 1_000):
            following = {"continue": str(start // 1_000 + 1)} if start + 1_000 < len(items) else {}
            page = {"metadata": {"resourceVersion": "10", **following}, "items": items[start : start + 1_000]}
            self.pages.append(json.dumps(page).encode())
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if "watch=" in query:
            await receive()
            gone = asyncio.create_task(receive())
            while not gone.done():
                event = asyncio.create_task(self.events.get())
                await asyncio.wait([event, gone], return_when=asyncio.FIRST_COMPLETED)
                if event.done():
                    line = json.dumps({"type": "MODIFIED", "object": event.result()}).encode() + b"\n"
                    await send({"type": "http.response.body", "body": line, "more_body": True})
                event.cancel()
            return
        if scope["path"].endswith("/serviceaccounts/aws-cli"):
            await send(
                {"type": "http.response.body", "body": json.dumps(_service_account("irsa3", "aws-cli", 0)).encode()}
            )
            return
        page = int(re.search(r"continue=(\d+)", query)[1]) if "continue=" in query else 0
        await send({"type": "http.response.body", "body": self.pages[page]})


def _service_account(namespace: str, name: str, role: int) -> dict[str, Any]:
    annotations = {"eks.amazonaws.com/role-arn": f"{ROLE}{role}", "meta.helm.sh/release-name": name}
    metadata = {"name": name, "namespace": namespace, "uid": "0" * 36, "resourceVersion": "9"}
    return {"metadata": {**metadata, "annotations": annotations, "labels": {"app.kubernetes.io/name": name}}}


def review() -> bytes:
    """The recorded review of a pod, with a second container, of the size that real ones have."""
    document = json.loads(RECORDED.read_text().splitlines()[0])["request"]
    pod = document["request"]["object"]
    pod["spec"]["containers"].append({**pod["spec"]["containers"][0], "name": "sidecar"})
    missing = REVIEW_BYTES - len(json.dumps(document, separators=(",", ":")))
    pod["metadata"]["annotations"] = {"example.com/note": "x" * max(missing - 40, 0)}
    return json.dumps(document, separators=(",", ":")).encode()


class Running:
    """A webhook process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, trust: ssl.SSLContext) -> None:
        self.process = process
        self.url = f"https://{LOOPBACK}:{port}"
        self.port = port
        self.trust = trust

    def memory(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def processor_seconds(self) -> float:
        """What it has used of the processor, without that of other processes: a busy neighbour does not show in it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def ready(self) -> None:
        while (await self.request(b"GET", "/readyz"))[0] != 200:  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.02)

    async def request(self, method: bytes, path: str, body: bytes = b"") -> tuple[int, bytes, float]:
        """Send one request on a connection of its own; return status, body and the seconds until the answer."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port, ssl=self.trust)
        started = time.perf_counter()
        head = b"%b %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % (method, path.encode())
        writer.write(head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        status = int((await reader.readline()).split()[1])
        seconds = time.perf_counter() - started
        answer = (await reader.read()).partition(b"\r\n\r\n")[2]
        writer.close()
        return status, answer, seconds


@contextlib.asynccontextmanager
async def webhook(api: ServiceAccountCache, directory: Path, *flags: str) -> AsyncIterator[Running]:
    now = time.time()
    authority = Authority.create("benchmark", now=now)
    certificate = authority.issue([LOOPBACK], now=now)
    for name, content in (
        ("ca.crt", authority.certificate_pem),
        ("tls.crt", certificate.chain_pem),
        ("tls.key", certificate.key_pem),
    ):
        (directory / name).write_bytes(content)
    sock = bind(0, name="the benchmark", option="--port")
    cluster = {"server": f"https://{LOOPBACK}:{sock.getsockname()[1]}", "certificate-authority": "ca.crt"}
    document = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
    }
    (directory / "config").write_text(json.dumps(document))
    arguments = [
        "--port=0",
        "--metrics-port=0",
        f"--address={LOOPBACK}",
        f"--kubeconfig={directory / 'config'}",
        f"--tls-cert={directory / 'tls.crt'}",
        f"--tls-key={directory / 'tls.key'}",
        "--shutdown-delay=0s",
        *flags,
    ]
    async with listening(api, sock, tls=server_context(certificate), grace_seconds=1):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WEBHOOK, *arguments, stderr=asyncio.subprocess.PIPE
        )
        trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
        try:
            assert process.stderr is not None
            line = await process.stderr.readline()
            port = PORT.search(line)
            if port is None:
                raise SystemExit((line + await process.stderr.read()).decode())
            running = Running(process, int(port[1]), trust)
            await running.ready()
            yield running
        finally:
            process.terminate()
            await process.wait()


async def load(running: Running, directory: Path, connections: int, seconds: int) -> tuple[float, float, float]:
    """Return reviews/s and the 50th and 99th percentile in milliseconds."""
    (directory / "body.json").write_bytes(review())
    (directory / "load.lua").write_text(SCRIPT.format(body=directory / "body.json"))
    threads = min(connections, 2)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", str(directory / "load.lua")]
    output = await asyncio.to_thread(
        subprocess.run, [*command, f"{running.url}/mutate"], capture_output=True, text=True, check=True
    )
    found = re.search(r"RESULT ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", output.stdout)
    if found is None or found[4] != "0":
        raise SystemExit(f"wrk saw errors:\n{output.stdout}{output.stderr}")
    return float(found[1]), float(found[2]), float(found[3])


async def throughput(directory: Path, *, rounds: int, seconds: int, workers: int) -> None:
    api = ServiceAccountCache(10_000)
    async with webhook(api, directory, f"--workers={workers}") as running:
        status, answer, _ = await running.request(b"POST", "/mutate", review())
        assert status == 200
        assert b'"patch"' in answer
        print(f"{workers} worker(s), 10,000 service accounts, review of {len(review())} bytes")
        for connections in (16, 1):
            used = running.processor_seconds()
            results = [await load(running, directory, connections, seconds) for _ in range(rounds)]
            used = running.processor_seconds() - used
            rates, medians, tails = zip(*results, strict=True)
            print(
                f"  {connections:2} connection(s): {statistics.median(rates):7.0f} reviews/s, "
                f"median {statistics.median(medians):.2f} ms, 99 % within {statistics.median(tails):.2f} ms"
                + (f", {used / (sum(rates) * seconds) * 1e6:.0f} µs of processor each" if workers == 1 else "")
            )


async def changes(directory: Path) -> None:
    api = ServiceAccountCache(10_000)
    body = review()
    async with webhook(api, directory, "--shutdown-delay=0s") as running:
        delays = []
        for number in range(1, 21):
            changed = _service_account("irsa3", "aws-cli", number)
            started = time.perf_counter()
            api.events.put_nowait(changed)
            wanted = f"{ROLE}{number} (".encode()
            while wanted not in (await running.request(b"POST", "/mutate", body))[1]:
                pass
            delays.append((time.perf_counter() - started) * 1000)
        print(
            f"a change is known after {statistics.median(delays):.1f} ms (median), {max(delays):.1f} ms (worst of 20)"
        )


async def memory(directory: Path) -> None:
    for number in (0, 100_000):
        started = time.perf_counter()
        async with webhook(ServiceAccountCache(number), directory) as running:
            took = time.perf_counter() - started
            print(f"{number:7,} service accounts: {running.memory():6.1f} MB resident, ready after {took:.1f} s")


def containers(number: int) -> bytes:
    """Return the review with a pod of so many containers."""
    document = json.loads(review())
    document["request"]["object"]["spec"]["containers"] = [{"name": f"c-{index}"} for index in range(number)]
    return json.dumps(document).encode()


async def bad_input(directory: Path) -> None:
    bodies = {
        "10 MB of letters": b"x" * 10_000_000,
        "4 MB of letters": b"x" * 4_000_000,
        "4 MB of brackets": b"[" * 4_000_000,
        "a review of 3 MB": review().replace(b'"spec":{', b'"spec":{"filler":"' + b"x" * 3_000_000 + b'",', 1),
        "no UTF-8": b"\xff" * 1_000,
        "truncated": review()[:-10],
        "1,000 containers": containers(1_000),
        "40,000 containers": containers(40_000),
    }
    async with webhook(ServiceAccountCache(10), directory) as running:
        for name, body in bodies.items():
            results = [await running.request(b"POST", "/mutate", body) for _ in range(5)]
            milliseconds = statistics.median([seconds for _, _, seconds in results]) * 1000
            print(f"  {name:18} HTTP {results[0][0]} in {milliseconds:5.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="runs of the load, of which the median counts")
    parser.add_argument("--seconds", type=int, default=5, help="length of one run")
    parser.add_argument("--workers", type=int, default=1, help="processes that answer")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk makes the load and is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="podrole-") as name:
        directory = Path(name)
        uvloop.run(throughput(directory, rounds=options.rounds, seconds=options.seconds, workers=options.workers))
        uvloop.run(changes(directory))
        uvloop.run(memory(directory))
        print("bad input")
        uvloop.run(bad_input(directory))


if __name__ == "__main__":
    main()
