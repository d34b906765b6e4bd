"""A webhook that serves over real TLS, and a client that trusts it."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK, bind
from podrole.webhook.serving.webhook import Webhook
from podrole.webhook.settings import WebhookSettings
from support.api_server import APIServer

AUTHORITY = Authority.create("the webhook's", now=time.time())
TLS = server_context(AUTHORITY.issue([LOOPBACK], now=time.time()))
TRUST = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
JSON = {"Content-Type": "application/json"}
DEFAULTS = WebhookSettings()


class Client:
    """A client of one running webhook."""

    def __init__(self, webhook: Webhook, http: httpx2.AsyncClient, metrics: str) -> None:
        self.webhook = webhook
        self.http = http
        self.metrics_url = metrics

    async def post(self, content: bytes | str, path: str = "/mutate", **headers: str) -> httpx2.Response:
        return await self.http.post(path, content=content, headers=JSON | headers)

    async def review(self, pod: Any, path: str = "/mutate", **request: Any) -> dict[str, Any]:
        answer = await self.post(json.dumps(review_of(pod, **request)), path)
        assert answer.status_code == 200, answer.text
        response: dict[str, Any] = answer.json()["response"]
        return response

    async def metrics(self) -> str:
        async with httpx2.AsyncClient() as http:
            return (await http.get(self.metrics_url + "/metrics")).text


@contextlib.asynccontextmanager
async def serving(api: APIServer, settings: WebhookSettings = DEFAULTS, *, wait: bool = True) -> AsyncIterator[Client]:
    sock = bind(0, name="the webhook", option="--port")
    metrics_sock = bind(0, name="metrics", option="--metrics-port")
    ports = sock.getsockname()[1], metrics_sock.getsockname()[1]
    webhook = Webhook(settings, api.connection, sock=sock, tls=TLS, metrics_sock=metrics_sock, grace_seconds=1)
    async with webhook, httpx2.AsyncClient(verify=TRUST, base_url=f"https://{LOOPBACK}:{ports[0]}") as http:
        if wait:
            await webhook.wait_ready()
        yield Client(webhook, http, f"http://{LOOPBACK}:{ports[1]}")


def pod_of(name: str = "sa", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": {"serviceAccountName": name, "containers": [{"name": "app"}], **spec}}


def review_of(pod: Any, **request: Any) -> dict[str, Any]:
    defaults = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "demo",
        "operation": "CREATE",
        "object": pod,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**defaults, **request}}


def operations(response: dict[str, Any]) -> list[dict[str, Any]]:
    return json.loads(base64.b64decode(response["patch"]))
