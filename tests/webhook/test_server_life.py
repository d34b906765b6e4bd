"""The server through its life: start, outage, warnings, metrics, stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from podrole.base.serving import bind
from podrole.webhook.settings import ServingSettings, SourceSettings, WebhookSettings
from support.api_server import APIServer, until
from support.webhook import ARN
from support.webhook_client import JSON, pod_of, review_of, serving


@pytest.fixture
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa", role_arn=ARN)
        server.service_account("demo", "plain")
        yield server


async def test_an_unknown_service_account_is_503_during_an_outage(api: APIServer) -> None:
    settings = WebhookSettings(sources=SourceSettings(lookup_limit=0.05))
    async with serving(api, settings) as client:
        await api.stop()
        assert "patch" in await client.review(pod_of())  # the cache knows it
        answer = await client.post(json.dumps(review_of(pod_of("unheard-of"))))
        assert answer.status_code == 503
        assert "demo/unheard-of" in answer.text
        await api.start()


async def test_before_the_sources_are_read_a_pod_is_decided_live(api: APIServer) -> None:
    async with serving(api, wait=False) as client:
        assert "patch" in await client.review(pod_of())


async def test_probes(api: APIServer) -> None:
    await api.stop()
    async with serving(api, wait=False) as client:
        assert (await client.http.get("/healthz")).text == "ok"
        answer = await client.http.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready: sources are not synced")
        await api.start()
        await client.webhook.wait_ready()
        assert (await client.http.get("/readyz")).status_code == 200
        client.webhook.stopping = True
        answer = await client.http.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["connection"] == "close"
        assert "patch" in await client.review(pod_of())


async def test_an_outage_of_the_api_server_leaves_it_ready(api: APIServer) -> None:
    async with serving(api) as client:
        await api.stop()
        await until(lambda: not client.webhook.identities.connected)
        assert (await client.http.get("/readyz")).status_code == 200
        await api.start()


async def test_a_failed_background_task_makes_it_unhealthy(api: APIServer, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(api) as client:

        async def fail() -> None:
            raise RuntimeError("a bug in podrole")

        assert client.webhook.healthy
        client.webhook.background.run_forever("the test", fail())
        failure = await asyncio.wait_for(client.webhook.failed(), 5)
        assert (failure.part, failure.task) == ("the webhook", "the test")
        assert (await client.http.get("/healthz")).status_code == 500
        assert "the webhook stopped working: the test failed" in caplog.text


async def test_metrics_have_amazons_names_and_ours(api: APIServer) -> None:
    async with serving(api) as client:
        await client.review(pod_of())
        await client.review(pod_of("plain"))
        await client.post("{")
        text = await client.metrics()
    for line in (
        'http_request_count{code="200",path="/mutate",verb="POST"} 2.0',
        'http_request_count{code="400",path="/mutate",verb="POST"} 1.0',
        'http_request_latencies_bucket{le="125000.0",path="/mutate",verb="POST"} 3.0',
        'http_request_duration_microseconds_count{path="/mutate",verb="POST"} 3.0',
        'pod_identity_webhook_pod_count{method="sts_web_identity"} 1.0',
        "pod_identity_webhook_used 1.0",
        'podrole_webhook_reviews_total{namespace="demo",result="injected"} 1.0',
        'podrole_webhook_reviews_total{namespace="",result="unbound"} 1.0',
        'podrole_webhook_reviews_total{namespace="",result="malformed"} 1.0',
        "podrole_webhook_service_accounts 2.0",
        "podrole_webhook_synced 1.0",
        "podrole_webhook_connected 1.0",
    ):
        assert line in text.splitlines()
    assert "pod_identity_webhook_missing_sa_count" not in text
    assert "process_resident_memory_bytes" in text


async def test_metric_labels_do_not_grow_with_client_text(api: APIServer) -> None:
    async with serving(api) as client:
        for number in range(3):
            await client.review(pod_of("nobody"), namespace=f"made-up-{number}")
            await client.http.request(f"MADE{number}", "/mutate")
        text = await client.metrics()
    assert "made-up" not in text
    assert "MADE" not in text


async def test_debugging_handlers(api: APIServer) -> None:
    settings = WebhookSettings(serving=ServingSettings(debugging_handlers=True))
    async with serving(api, settings) as client, httpx2.AsyncClient(base_url=client.metrics_url) as metrics:
        denial = (await client.http.post("/debug/alpha/deny", headers=JSON)).json()["response"]
        assert denial == {"uid": "", "allowed": False, "status": {"metadata": {}, "message": "Test deny message"}}
        answer = await client.http.post("/debug/alpha/500")
        assert (answer.status_code, answer.text) == (500, "test error\n")
        cache = await metrics.get("/debug/alpha/cache")
        assert cache.json() == {
            "demo/plain": {
                "RoleARN": "",
                "Audience": "sts.amazonaws.com",
                "UseRegionalSTS": False,
                "TokenExpiration": 86400,
            },
            "demo/sa": {
                "RoleARN": ARN,
                "Audience": "sts.amazonaws.com",
                "UseRegionalSTS": False,
                "TokenExpiration": 86400,
            },
        }
        assert cache.text.startswith('{\n "demo/plain": {\n  "RoleARN"')
        assert (await metrics.get("/debug/alpha/cache/clear")).status_code == 200
        assert "patch" in await client.review(pod_of())


async def test_debugging_handlers_are_off_by_default(api: APIServer) -> None:
    async with serving(api) as client, httpx2.AsyncClient(base_url=client.metrics_url) as metrics:
        for path in ("/debug/alpha/cache", "/debug/alpha/cache/clear", "/healthz", "/"):
            assert (await metrics.get(path)).status_code == 404


async def test_the_socket_is_free_afterwards(api: APIServer) -> None:
    async with serving(api) as client:
        port = client.http.base_url.port
    assert port is not None
    bind(port, name="the webhook", option="--port").close()
