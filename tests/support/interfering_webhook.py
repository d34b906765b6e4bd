"""Another webhook, over real TLS, that removes what the identity webhook injected."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK

NAME = "sidecars.example.com"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        request = review["request"]
        patch = [
            {"op": "remove", "path": f"/spec/containers/{index}/env"}
            for index, container in enumerate(request["object"]["spec"]["containers"])
            if container.get("env")
        ]
        response = {
            "uid": request["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
        }
        answer = json.dumps({**review, "request": None, "response": response}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def interfering_webhook(reinvocation_policy: str) -> Iterator[dict[str, Any]]:
    """Serve the webhook and yield its configuration. By its name it is called after the identity webhook."""
    authority = Authority.create("interfering webhook", now=time.time())
    server = ThreadingHTTPServer((LOOPBACK, 0), _Handler)
    server.socket = server_context(authority.issue([LOOPBACK], now=time.time())).wrap_socket(server.socket, True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"https://{LOOPBACK}:{server.server_port}/mutate"
    try:
        yield {
            "metadata": {"name": "sidecars"},
            "webhooks": [
                {
                    "name": NAME,
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "reinvocationPolicy": reinvocation_policy,
                    "clientConfig": {"url": url, "caBundle": base64.b64encode(authority.certificate_pem).decode()},
                    "rules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                    ],
                }
            ],
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
