"""A static site over TLS, and API servers that only show their keys and issue tokens."""

from __future__ import annotations

import contextlib
import functools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK
from podrole.oidc.fetch import Fetcher
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey, jwks


@dataclass
class FakeAPIServer:
    """``keys`` are those that it accepts, ``signing`` is the one that signs new tokens."""

    issuer: str
    keys: list[SigningKey]
    signing: SigningKey
    port: int = 0
    lifetime: int = 3_600
    clock: Callable[[], float] = time.time
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def token(self) -> str:
        now = int(self.clock())
        claims = {"iss": self.issuer, "sub": "system:serviceaccount:default:default", "aud": ["sts.amazonaws.com"]}
        return mint({**claims, "iat": now, "exp": now + self.lifetime}, self.signing)

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeAPIServer]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(jwks(key.verification_key for key in api.keys))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self._answer({"status": {"token": api.token()}})

            def _answer(self, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(api.clock() if timestamp is None else timestamp)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with _running(ThreadingHTTPServer((LOOPBACK, 0), Handler)) as port:
            self.port = port
            yield self


@contextlib.contextmanager
def static_site(folder: Path, host: str) -> Iterator[Fetcher]:
    """Serve a folder as ``https://HOST`` and yield a fetcher that finds it and trusts its authority."""
    authority = Authority.create("a public authority", now=time.time())
    trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    with tls_site(folder, host, authority) as port:
        yield Fetcher(resolve=lambda _host, _port: (LOOPBACK, port), trust=lambda: trust)


@contextlib.contextmanager
def tls_site(folder: Path, host: str, authority: Authority, prefix: str = "") -> Iterator[int]:
    """Serve a folder below ``prefix`` over TLS, with a certificate for ``host``; yield the port."""
    server = ThreadingHTTPServer((LOOPBACK, 0), functools.partial(_Quiet, directory=str(folder), prefix=prefix))
    context = server_context(authority.issue([host], now=time.time()))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with _running(server) as port:
        yield port


class _Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *words: Any, prefix: str = "", **more: Any) -> None:
        self._prefix = prefix
        super().__init__(*words, **more)

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix(self._prefix))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
