"""The webhook as a process: signals, workers, warnings at the start."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from podrole.base.serving import LOOPBACK
from support.api_server import AUTHORITY, TOKEN, APIServer, until
from support.webhook import ARN
from support.webhook_client import AUTHORITY as WEBHOOK_AUTHORITY
from support.webhook_client import JSON, TRUST, pod_of, review_of

PROGRAM = """
import sys
from podrole.base.errors import PodroleError
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.serving.standalone import run
try:
    sys.exit(run(parse_flags(sys.argv[1:]).settings))
except PodroleError as problem:
    sys.exit(problem.diagnostics())
"""
PORTS = re.compile(r"reviews on port (\d+) over TLS, metrics on port (\d+)")


class Process:
    """A running webhook process, and all that it said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self.http = httpx2.AsyncClient(verify=TRUST, timeout=30)
        self.url = self.metrics_url = ""

    async def listen(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.said += line.decode()
            if found := PORTS.search(self.said):
                self.url, self.metrics_url = (
                    f"https://{LOOPBACK}:{found[1]}",
                    f"http://{LOOPBACK}:{found[2]}",
                )

    async def status(self, path: str) -> int | None:
        try:
            return (await self.http.get(self.url + path)).status_code
        except httpx2.HTTPError:
            return None

    async def injects(self) -> bool:
        answer = await self.http.post(self.url + "/mutate", content=json.dumps(review_of(pod_of())), headers=JSON)
        return "patch" in answer.json()["response"]

    async def metrics(self) -> str:
        return (await self.http.get(self.metrics_url + "/metrics")).text

    async def cache(self) -> Any:
        return (await self.http.get(self.metrics_url + "/debug/alpha/cache")).json()

    async def ready(self) -> None:
        await until(lambda: self.url or self.process.returncode is not None, seconds=20)
        await self.readyz_is(200)

    async def readyz_is(self, status: int) -> None:
        async with asyncio.timeout(20):
            while await self.status("/readyz") != status:  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.02)

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 15)


@contextlib.asynccontextmanager
async def started(api: APIServer, tmp_path: Path, *flags: str, prelude: str = "") -> AsyncIterator[Process]:
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
    cluster = {"server": f"https://{LOOPBACK}:{api.port}", "certificate-authority": "ca.crt"}
    document = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    if not (tmp_path / "tls.crt").exists():
        certificate = WEBHOOK_AUTHORITY.issue([LOOPBACK], now=time.time())
        (tmp_path / "tls.crt").write_bytes(certificate.chain_pem)
        (tmp_path / "tls.key").write_bytes(certificate.key_pem)
    process = Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            prelude + PROGRAM,
            "--port=0",
            "--metrics-port=0",
            f"--address={LOOPBACK}",
            f"--kubeconfig={tmp_path / 'config'}",
            f"--tls-cert={tmp_path / 'tls.crt'}",
            f"--tls-key={tmp_path / 'tls.key'}",
            *flags,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    listening = asyncio.create_task(process.listen())
    try:
        yield process
    finally:
        if process.process.returncode is None:
            process.process.kill()
            await process.process.wait()
        await listening
        await process.http.aclose()


@pytest.fixture
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa", role_arn=ARN)
        yield server


async def test_it_serves_and_stops_in_good_order(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path, "--shutdown-delay=300ms") as webhook:
        await webhook.ready()
        assert await webhook.injects()
        assert "podrole_webhook_service_accounts 1.0" in await webhook.metrics()
        webhook.process.send_signal(signal.SIGTERM)
        await webhook.readyz_is(503)
        assert await webhook.injects()  # clients take a moment to follow
        assert await webhook.ended() == 0
        assert TOKEN not in webhook.said


async def test_ctrl_c_skips_the_shutdown_delay(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path, "--shutdown-delay=1h") as webhook:
        await webhook.ready()
        webhook.process.send_signal(signal.SIGINT)
        assert await webhook.ended() == 0


async def test_a_second_signal_ends_it_at_once(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path, "--shutdown-delay=1h") as webhook:
        await webhook.ready()
        webhook.process.send_signal(signal.SIGTERM)
        await webhook.readyz_is(503)
        webhook.process.send_signal(signal.SIGTERM)
        assert await webhook.ended() == 1


async def test_a_new_certificate_is_served_without_a_restart(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path) as webhook:
        await webhook.ready()
        certificate = WEBHOOK_AUTHORITY.issue([LOOPBACK], now=time.time())
        (tmp_path / "tls.key").write_bytes(certificate.key_pem)
        (tmp_path / "tls.crt").write_bytes(certificate.chain_pem)
        await until(lambda: "the serving certificate was loaded again" in webhook.said)
        assert await webhook.injects()


async def test_a_certificate_that_is_missing_keeps_it_from_starting(api: APIServer, tmp_path: Path) -> None:
    for flags in ((), ("--workers=2",)):
        async with started(api, tmp_path, f"--tls-cert={tmp_path / 'none'}", *flags) as webhook:
            assert await webhook.ended() == 1
            await until(lambda: "--self-signed" in webhook.said)
            assert "cannot be used" in webhook.said


FAILING_EVENTS = """
from podrole.webhook.serving.owner_events import OwnerEvents
async def fail(events):
    raise ValueError("a bug in podrole")
OwnerEvents.run = fail
"""
FAILING_KEEPER = """
from podrole.webhook.tls.certificate_keeper import CertificateKeeper
async def start(keeper):
    pass
async def fail(keeper):
    raise ValueError("a bug in podrole")
CertificateKeeper.start, CertificateKeeper.run = start, fail
"""


@pytest.mark.parametrize(
    ("prelude", "flags", "task"),
    [(FAILING_EVENTS, (), "the writer of Events"), (FAILING_KEEPER, ("--self-signed",), "the certificate keeper")],
    ids=["events", "certificate"],
)
async def test_a_failed_background_task_ends_the_process(
    api: APIServer, tmp_path: Path, prelude: str, flags: tuple[str, ...], task: str
) -> None:
    async with started(api, tmp_path, "--shutdown-delay=0s", *flags, prelude=prelude) as webhook:
        assert await webhook.ended() == 1
        await until(lambda: f"the webhook stopped working: {task} failed: ValueError" in webhook.said)


async def test_a_port_in_use_keeps_it_from_starting(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path, f"--port={api.port}") as webhook:
        assert await webhook.ended() == 1
        await until(lambda: f"Port {api.port} is already in use" in webhook.said)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_workers_answer_together_and_are_replaced(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path, "--workers=2", "--shutdown-delay=0s", "--enable-debugging-handlers") as webhook:
        await webhook.ready()
        for _ in range(10):
            async with httpx2.AsyncClient(verify=TRUST) as http:  # each a new connection, to any free worker
                content = json.dumps(review_of(pod_of()))
                answer = await http.post(webhook.url + "/mutate", content=content, headers=JSON)
                assert "patch" in answer.json()["response"]
        assert 'pod_identity_webhook_pod_count{method="sts_web_identity"} 10.0' in await webhook.metrics()
        # A worker that has answered nothing yet may still be reading the accounts.
        async with asyncio.timeout(20):
            while not (cache := await webhook.cache()):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.02)
        assert cache["demo/sa"]["RoleARN"] == ARN
        assert (await webhook.http.get(webhook.metrics_url + "/debug/alpha/cache/clear")).status_code == 200

        workers = children_of(webhook.process.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        await until(lambda: "ended with code -9" in webhook.said)
        assert await webhook.injects()
        await until(lambda: len(set(children_of(webhook.process.pid)) - {workers[0]}) == 2)

        webhook.process.send_signal(signal.SIGTERM)
        assert await webhook.ended() == 0
        assert not any(is_running(worker) for worker in workers)


async def test_a_worker_that_cannot_start_ends_the_process(api: APIServer, tmp_path: Path) -> None:
    prelude = """
from podrole.webhook.serving import supervisor
supervisor.sys.executable = "false"
supervisor.BackOff.wait = lambda back_off, failures: 0
"""
    async with started(api, tmp_path, "--workers=2", prelude=prelude) as webhook:
        assert await webhook.ended() == 1
        await until(lambda: "5 times in a row soon after its start" in webhook.said)


async def test_workers_end_with_their_supervisor(api: APIServer, tmp_path: Path) -> None:
    async with started(api, tmp_path, "--workers=2") as webhook:
        await webhook.ready()
        workers = children_of(webhook.process.pid)
        webhook.process.kill()
        await until(lambda: not any(is_running(worker) for worker in workers), seconds=10)
