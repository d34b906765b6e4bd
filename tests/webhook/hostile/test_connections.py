"""A client that can reach the port cannot block other clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from podrole.webhook.serving import webhook as server
from podrole.webhook.settings import ServingSettings, WebhookSettings
from support.api_server import APIServer, until
from support.webhook import ARN
from support.webhook_client import TRUST, review_of, serving
from support.webhook_client import pod_of as pod_for


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as api_server:
        api_server.service_account("demo", "sa", role_arn=ARN)
        yield api_server


@pytest.mark.asyncio(loop_scope="module")
async def test_what_incomplete_reviews_hold_together_is_limited(api: APIServer) -> None:
    serving_settings = ServingSettings(max_held_bytes=1_000_000)
    body = json.dumps(review_of(pod_for())).encode()
    async with serving(api, WebhookSettings(serving=serving_settings)) as client:
        url = client.http.base_url
        head = "POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        waiting = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(url.host, url.port, ssl=TRUST)
            writer.write(head.format(600_000).encode() + b" " * 400_000)
            waiting.append((reader, writer))
        answers = [asyncio.ensure_future(reader.readline()) for reader, _ in waiting]
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        refused = [answer.result() for answer in answers if answer.done()]
        assert refused == [b"HTTP/1.1 503 Service Unavailable\r\n"]
        assert "patch" in (await client.post(body)).json()["response"]  # an ordinary one is answered all the same
        for answer in answers:
            answer.cancel()
        for _, writer in waiting:
            writer.close()
        await until(lambda: client.webhook.metrics.values["http_request_count", "POST", "/mutate", "400"] == 2)
        large = body[:-1] + b" " * 600_000 + body[-1:]
        assert (await client.post(large)).status_code == 200  # what they held is given back


@pytest.mark.asyncio(loop_scope="module")
async def test_connections_are_kept_as_an_api_server_needs_it_and_slow_ones_are_not(
    api: APIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.KEEP_ALIVE_SECONDS > 90  # Go's clients let go after 90 s, and must be the first to
    monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 0.05)
    monkeypatch.setattr(server, "EXCHANGE_SECONDS", 0.2)
    async with serving(api) as client, asyncio.timeout(20):
        url = client.http.base_url
        for sent, answered in ((b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", True), (b"GET /healthz", False)):
            reader, writer = await asyncio.open_connection(url.host, url.port, ssl=TRUST)
            writer.write(sent)
            try:
                assert (await reader.read()).startswith(b"HTTP/1.1 200") == answered
            except ConnectionResetError:
                assert not answered
            writer.close()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Content-Length: 5", "Transfer-Encoding: chunked"], id="length and chunks"),
        pytest.param(["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
        pytest.param(["Content-Length: +5"], id="a sign"),
        pytest.param(["Content-Length: 5, 5"], id="a list"),
        pytest.param(["Content-Length: 0x5"], id="hexadecimal"),
        pytest.param(["Content-Length : 5"], id="a space before the colon"),
        pytest.param(["Transfer-Encoding: xchunked"], id="another coding"),
        pytest.param(["Transfer-Encoding: chunked, identity"], id="chunked is not the last"),
        pytest.param(["Content-Length: 5", " folded"], id="a folded line"),
        pytest.param(["Content-Length: 5\n\nGET /healthz HTTP/1.1"], id="bare line feeds"),
        pytest.param(["X: a\0b", "Content-Length: 5"], id="a zero byte"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_request_that_can_be_read_in_two_ways_is_read_in_none(api: APIServer, lines: list[str]) -> None:
    smuggled = b"0\r\n\r\nPOST /debug/alpha/deny HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    settings = WebhookSettings(serving=ServingSettings(debugging_handlers=True))
    async with serving(api, settings) as client, asyncio.timeout(20):
        url = client.http.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=TRUST)
        head = ["POST /mutate HTTP/1.1", "Host: x", "Content-Type: application/json", *lines]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + smuggled)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        writer.close()
