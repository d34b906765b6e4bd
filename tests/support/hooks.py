"""A webhook server for tests, and what it is registered and asked with."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import bind, listening
from podrole.cluster.core.client import ClusterClient

NOW = 1_800_000_000.0


class Hook:
    """A webhook server: answers with what ``respond`` makes of a review, and remembers what it was sent."""

    def __init__(self) -> None:
        self.authority = Authority.create("webhook", now=time.time())
        self.requests: list[dict[str, Any]] = []
        self.heads: list[dict[str, Any]] = []
        self.respond: Callable[[dict[str, Any]], Any] = lambda _: {"allowed": True}
        self.status = 200
        self.raw: bytes | None = None
        self.release: asyncio.Event | None = None
        self.called = asyncio.Event()
        self.port = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        review = json.loads(body)
        self.requests.append(review)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        self.heads.append({"path": scope["path"], "query": scope["query_string"].decode(), **headers})
        self.called.set()
        if self.release is not None:
            await self.release.wait()
        answer = self.raw
        if answer is None:
            response = {"uid": review["request"]["uid"], **self.respond(review["request"])}
            answer = json.dumps(
                {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            ).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": answer})

    @property
    def bundle(self) -> str:
        return base64.b64encode(self.authority.certificate_pem).decode()

    @contextlib.asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        certificate = self.authority.issue(names, now=time.time())
        sock = bind(0, name="the webhook", option="--port")
        self.port = sock.getsockname()[1]
        async with listening(self, sock, tls=server_context(certificate), grace_seconds=1):
            yield


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    text = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patch": text, "patchType": "JSONPatch"}


def label(key: str, value: str) -> dict[str, Any]:
    return patch({"op": "add", "path": f"/metadata/annotations/{key}", "value": value})


def webhook(hook: Hook, name: str = "pods.example.com", **more: Any) -> dict[str, Any]:
    service = {"name": "hook", "namespace": "infra", "path": "/mutate"}
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": service, "caBundle": hook.bundle},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        **more,
    }


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "annotations": {"a": "b"}}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}


async def register(
    client: ClusterClient, *webhooks: dict[str, Any], name: str = "hooks", kind: str = "mutating"
) -> None:
    """Register webhooks with the API server; ``kind`` is ``mutating`` or ``validating``."""
    body = {"metadata": {"name": name}, "webhooks": list(webhooks)}
    await client.create(f"{kind}webhookconfigurations.admissionregistration.k8s.io", None, body)
