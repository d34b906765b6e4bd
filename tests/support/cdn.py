"""A content delivery network over TLS: edges that serve a document for its whole time to live."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK

EDGES = 3


@dataclass
class CDN:
    """Serves ``folders`` by their hosts. Requests go to the edges in turn, and each edge keeps each document for
    itself. ``stuck``: the edges never look again.
    """

    folders: dict[str, Path]
    clock: Callable[[], float]
    seconds: float
    authority: Authority = field(default_factory=lambda: Authority.create("a public authority", now=time.time()))
    stuck: bool = False
    port: int = 0
    _kept: dict[tuple[int, str, str], tuple[float, bytes]] = field(default_factory=dict)
    _turns: Iterator[int] = field(default_factory=lambda: itertools.cycle(range(EDGES)))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def document(self, host: str, path: str) -> bytes | None:
        """Return what the edge whose turn it is serves."""
        with self._lock:
            place = (next(self._turns), host, path)
            since, content = self._kept.get(place, (float("-inf"), b""))
            if self.clock() - since < self.seconds or (self.stuck and content):
                return content
            try:
                content = (self.folders[host] / path.lstrip("/")).read_bytes()
            except (OSError, KeyError):
                return None
            self._kept[place] = (self.clock(), content)
            return content

    @contextlib.contextmanager
    def serving(self) -> Iterator[CDN]:
        """Answer on loopback."""
        cdn = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = cdn.document(self.headers["host"].partition(":")[0], self.path)
                self.send_response(503 if content is None else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        context = server_context(self.authority.issue(list(self.folders), now=time.time()))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self.port = server.server_address[1]
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
