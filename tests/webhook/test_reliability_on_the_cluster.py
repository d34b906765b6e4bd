"""Pods go on being made through an API server while things change: each is let in, and with its identity.

The webhook is registered with ``failurePolicy: Fail``, so that a review that fails cannot hide. Where the API server
itself is away, the reviews come from another one. ``make soak`` runs the long versions.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.webhook.identity.binding import Identity
from podrole.webhook.serving import webhook as server
from podrole.webhook.serving.webhook import Webhook
from podrole.webhook.tls.self_signed import (
    AUTHORITY_DAYS,
    RENEW_SERVING_DAYS,
    REPLACE_AUTHORITY_DAYS,
    SERVING_DAYS,
    SPREAD_SECONDS,
    service_names,
)
from podrole.webhook.tls.serving_certificate import ServingCertificate
from support import webhook_client
from support.api_server import until
from support.clock import Turned
from support.load import Load, under_load, under_reviews
from support.webhook import ARN
from support.webhook_cluster import (
    CONFIGURATIONS,
    NAME,
    Kubernetes,
    has_identity,
    replica,
    running_kubernetes,
    serving_replica,
)

AUTHORITY = Authority.create("the webhook's", now=time.time())
CA_BUNDLE = base64.b64encode(AUTHORITY.certificate_pem).decode()
NAMES = service_names(NAME, "kube-system")
SOAK_SECONDS = 60.0


@pytest.fixture
async def kubernetes() -> AsyncIterator[Kubernetes]:
    async with running_kubernetes() as running:
        yield running


@contextlib.asynccontextmanager
async def under_pods(kubernetes: Kubernetes) -> AsyncIterator[Load]:
    async def send(number: int) -> str | None:
        answer = await kubernetes.pod(f"under-load-{number}")
        return None if answer.status_code == 201 and has_identity(answer) else f"{answer.status_code} {answer.text}"

    async with under_load(send) as load:
        yield load


async def served_by(port: int, trusted: bytes = AUTHORITY.certificate_pem) -> bytes | None:
    """Return the certificate that a newcomer is shown, and verifies."""
    context = ssl.create_default_context(cadata=trusted.decode())
    _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context, server_hostname=NAMES[0])
    shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return shown


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.soak)])
async def test_through_rotations_of_a_mounted_certificate(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(server, "FILES_SECONDS", 0.02)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def rotate(number: int) -> None:
        """As the kubelet does with a Secret: a directory of its own, and one link that is swapped."""
        issued = AUTHORITY.issue(NAMES, now=time.time())
        directory = tmp_path / f"..{number}"
        directory.mkdir()
        (directory / "tls.crt").write_bytes(issued.chain_pem)
        (directory / "tls.key").write_bytes(issued.key_pem)
        (tmp_path / "..new").symlink_to(directory)
        (tmp_path / "..new").rename(tmp_path / "..data")

    rotate(0)
    certificate.symlink_to("..data/tls.crt")
    key.symlink_to("..data/tls.key")
    await kubernetes.register(ca_bundle=CA_BUNDLE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = ServingCertificate(context, certificate, key)
    async with serving_replica(kubernetes, context, files) as (_, port), under_pods(kubernetes) as load:
        for number in range(1, times + 1):
            before = await served_by(port)
            rotate(number)
            async with asyncio.timeout(30):
                while await served_by(port) == before:  # noqa: ASYNC110 - a connection a time is what is asked for
                    await asyncio.sleep(0.01)
            await load.some_more(10)


async def trusts(kubernetes: Kubernetes) -> bytes:
    """Return whom the API server trusts to be the webhook, PEM."""
    configuration = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
    return base64.b64decode(configuration["webhooks"][0]["clientConfig"]["caBundle"])


async def test_while_its_own_certificate_is_renewed_and_its_authority_succeeded(kubernetes: Kubernetes) -> None:
    now = time.time()
    day = 86_400.0
    clock = Turned(now - (AUTHORITY_DAYS - REPLACE_AUTHORITY_DAYS) * day)
    await kubernetes.register()
    async with replica(kubernetes, clock) as first, replica(kubernetes, clock) as second:
        clock.now = now - (SERVING_DAYS - RENEW_SERVING_DAYS) * day - 120
        for one in (first, second):
            await one.keeper.check()  # it has a certificate that has not ended yet by the API server's own clock
        async with under_pods(kubernetes) as load:
            seen = [await served_by(first.port, await trusts(kubernetes))]
            # The certificate is due; the authority is; what the successor signs may be served.
            for moment in (-60.0, 60.0, 60.0 + SPREAD_SECONDS + 1):
                clock.now = now + moment
                for one in (first, second):
                    await one.keeper.check()
                    await load.some_more(10)
                    for port in (first.port, second.port):
                        await served_by(port, await trusts(kubernetes))
                seen.append(await served_by(first.port, await trusts(kubernetes)))
        assert (await trusts(kubernetes)).count(b"BEGIN CERTIFICATE") == 2
        assert seen[0] != seen[1] == seen[2] != seen[3]
        assert first.keeper.material == second.keeper.material


@pytest.mark.parametrize("seconds", [0.0, pytest.param(SOAK_SECONDS, marks=pytest.mark.soak)])
@pytest.mark.parametrize("history", [pytest.param(4096, id="watch goes on"), pytest.param(2, id="watch ends with 410")])
async def test_through_an_outage_of_the_api_server(history: int, seconds: float) -> None:
    async with (
        running_kubernetes(history=history) as kubernetes,
        serving_replica(kubernetes, webhook_client.TLS) as (webhook, port),
        under_reviews(lambda: f"https://{LOOPBACK}:{port}", "default") as load,
    ):
        reflector = webhook.identities.service_accounts.reflector
        await kubernetes.go_away()
        await until(lambda: not webhook.identities.connected)
        limit = time.monotonic() + seconds
        while True:
            await load.some_more()
            if time.monotonic() >= limit:
                break
        inside = kubernetes.cluster.client(ADMINISTRATOR)
        for number in range(10):
            metadata = {"name": f"meanwhile-{number}", "annotations": {"eks.amazonaws.com/role-arn": ARN}}
            await inside.create("serviceaccounts", "default", {"metadata": metadata})
        await kubernetes.listen()
        await until(lambda: isinstance(webhook.identities.known("default", "meanwhile-9"), Identity), seconds=10)
        assert webhook.identities.connected
        assert reflector.lists == (1 if history > 10 else 2)


async def test_through_a_rolling_restart_of_two_replicas(kubernetes: Kubernetes) -> None:
    """A Service follows with a delay: a replica that has been told to stop is still asked for a while."""
    certificate = AUTHORITY.issue(NAMES, now=time.time())
    await kubernetes.register(ca_bundle=CA_BUNDLE)

    async def start(stack: contextlib.AsyncExitStack) -> tuple[Webhook, int]:
        return await stack.enter_async_context(
            serving_replica(kubernetes, server_context(certificate), grace_seconds=10)
        )

    async def stop(stack: contextlib.AsyncExitStack, running: tuple[Webhook, int]) -> None:
        webhook, port = running
        webhook.stopping = True
        await load.some_more(20)
        kubernetes.ports.remove(port)
        await load.all_under_way()  # it goes on serving for its shutdown delay, which is longer than a connection takes
        await stack.aclose()

    async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as second:
        replicas = [(first, await start(first)), (second, await start(second))]
        async with under_pods(kubernetes) as load:
            for _ in range(2):
                for position in range(2):
                    following = contextlib.AsyncExitStack()
                    running = await start(following)
                    await load.some_more(20)
                    await stop(*replicas[position])
                    replicas[position] = (following, running)
                    await load.some_more(20)
        for stack, _ in replicas:
            await stack.aclose()


async def test_while_ten_thousand_service_accounts_are_made_in_a_burst(kubernetes: Kubernetes) -> None:
    """Each pod comes right after its own service account, which no watch can have told of yet."""
    await kubernetes.register(ca_bundle=CA_BUNDLE)
    inside = kubernetes.cluster.client(ADMINISTRATOR)
    newest = -1

    async def make() -> None:
        nonlocal newest
        metadata = {"name": f"burst-{newest + 1}", "annotations": {"eks.amazonaws.com/role-arn": ARN}}
        await inside.create("serviceaccounts", "default", {"metadata": metadata})
        newest += 1

    async def send(review: int) -> str | None:
        answer = await kubernetes.pod(f"for-{review}", f"burst-{newest}")
        return None if answer.status_code == 201 and has_identity(answer) else f"{answer.status_code} {answer.text}"

    certificate = server_context(AUTHORITY.issue(NAMES, now=time.time()))
    await make()
    async with serving_replica(kubernetes, certificate) as (webhook, _), under_load(send):
        while newest < 9_999:
            await make()
            if newest % 20 == 0:
                await asyncio.sleep(0)  # an API server does not keep its loop to itself either
        await until(lambda: len(webhook.identities.service_accounts) == 10_002, seconds=20)
