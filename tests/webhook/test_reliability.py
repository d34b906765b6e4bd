"""Reviews go on arriving while things change underneath: each is answered, and with the identity."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from podrole.base.serving import LOOPBACK, bind
from podrole.webhook.server import Webhook
from podrole.webhook.settings import Settings
from podrole.webhook.tls import load_pem_pair
from support.api_server import APIServer, until
from support.webhook import ARN
from support.webhook_client import AUTHORITY, JSON, TLS, TRUST, pod_of, review_of, serving

SENDERS = 4


class Load:
    """Sends reviews without pause. ``wrong`` is every answer that was not a patch."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self.answered = 0
        self.wrong: list[str] = []

    async def send(self) -> None:
        body = json.dumps(review_of(pod_of()))
        async with httpx2.AsyncClient(verify=TRUST) as http:
            while True:
                answer = await http.post(self._url() + "/mutate", content=body, headers=JSON)
                self.answered += 1
                if answer.status_code != 200 or '"patch"' not in answer.text:
                    self.wrong.append(f"{answer.status_code} {answer.text[:200]}")

    async def some_more(self, number: int = 50) -> None:
        """Wait until so many more reviews are answered."""
        goal = self.answered + number
        await until(lambda: self.answered >= goal, seconds=20)


@contextlib.asynccontextmanager
async def under_load(url: Callable[[], str]) -> AsyncIterator[Load]:
    load = Load(url)
    senders = [asyncio.create_task(load.send()) for _ in range(SENDERS)]
    try:
        await load.some_more()
        yield load
        await load.some_more()
        assert not any(sender.done() for sender in senders), "a review was not answered at all"
    finally:
        for sender in senders:
            sender.cancel()
        results = await asyncio.gather(*senders, return_exceptions=True)
    assert [result for result in results if not isinstance(result, asyncio.CancelledError)] == []
    assert load.wrong == []


@pytest.fixture
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa", role_arn=ARN)
        yield server


async def test_through_an_outage_of_the_api_server_and_a_watch_that_has_to_start_over(api: APIServer) -> None:
    async with serving(api) as client, under_load(lambda: str(client.http.base_url).rstrip("/")) as load:
        await api.stop()
        await until(lambda: not client.webhook.identities.connected)
        await load.some_more()
        api.service_account("demo", "another", role_arn=ARN)
        api.forget_history()
        await api.start()
        await until(lambda: client.webhook.identities.service_accounts.reflector.lists >= 2)
        await until(lambda: client.webhook.identities.connected)


async def test_through_a_rotation_of_the_serving_certificate(api: APIServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def rotate() -> None:
        certificate = AUTHORITY.issue([LOOPBACK], now=time.time())
        load_pem_pair(context, certificate.chain_pem, certificate.key_pem)

    rotate()
    sock = bind(0, name="the webhook", option="--port")
    url = f"https://{LOOPBACK}:{sock.getsockname()[1]}"
    async with Webhook(Settings(), api.connection, sock=sock, tls=context, grace_seconds=1) as webhook:
        await webhook.wait_ready()
        async with under_load(lambda: url) as load:
            for _ in range(5):
                rotate()
                async with httpx2.AsyncClient(verify=TRUST) as newcomer:
                    assert (await newcomer.get(url + "/readyz")).status_code == 200
                await load.some_more(20)


async def test_through_a_rolling_restart_of_two_replicas(api: APIServer) -> None:
    """As Endpoints follow: a replica that says it is not ready gets no new connections, and then it stops."""
    urls: list[str] = []

    @contextlib.asynccontextmanager
    async def replica() -> AsyncIterator[Webhook]:
        sock = bind(0, name="the webhook", option="--port")
        url = f"https://{LOOPBACK}:{sock.getsockname()[1]}"
        async with Webhook(Settings(), api.connection, sock=sock, tls=TLS, grace_seconds=5) as webhook:
            await webhook.wait_ready()
            urls.append(url)
            yield webhook
            webhook.stopping = True  # its answers now ask for another connection
            urls.remove(url)

    turn = iter(range(1 << 30))
    async with replica() as first, under_load(lambda: urls[next(turn) % len(urls)]) as load:
        for _ in range(3):
            async with replica():
                await load.some_more(20)
            await load.some_more(20)
        assert first.ready


async def test_a_burst_of_service_accounts_each_with_its_pod_at_once(api: APIServer) -> None:
    async with serving(api) as client:
        for number in range(1_000):
            api.service_account("burst", f"sa-{number}", role_arn=ARN)
        reviews = [client.review(pod_of(f"sa-{number}"), namespace="burst") for number in range(0, 1_000, 10)]
        assert all("patch" in response for response in await asyncio.gather(*reviews))
        await until(lambda: len(client.webhook.identities.service_accounts) == 1_001)
