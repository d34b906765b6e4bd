"""Google Cloud Storage's XML API as far as an issuer's documents need it, with its generations."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class FakeGoogle:
    """Objects by their path, each with its generation and the headers that it was written with."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, int, dict[str, str]]] = {}
        self.generation = 0
        self.refuses = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve, and yield the credentials file's text that leads there without signing in."""
        state = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stored = state.objects.get(unquote(self.path))
                if state.refuses or stored is None:
                    return self._answer(state.refuses or 404)
                return self._answer(200, stored[0], stored[1])

            def do_PUT(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length", 0)))
                wanted = self.headers.get("x-goog-if-generation-match")
                path = unquote(self.path)
                stored = state.objects.get(path)
                if state.refuses:
                    return self._answer(state.refuses)
                if wanted is not None and int(wanted) != (stored[1] if stored else 0):
                    return self._answer(412)
                state.generation += 1
                state.objects[path] = (content, state.generation, {k.lower(): v for k, v in self.headers.items()})
                return self._answer(200, b"", state.generation)

            def _answer(self, status: int, content: bytes = b"", generation: int = 0) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.send_header("last-modified", "Tue, 01 Dec 2026 00:00:00 GMT")
                self.send_header("etag", f'"{generation}"')
                self.send_header("x-goog-generation", str(generation))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield json.dumps(
                {
                    "gcs_base_url": f"http://127.0.0.1:{server.server_port}",
                    "disable_oauth": True,
                    "client_email": "",
                    "private_key": "",
                    "private_key_id": "",
                }
            )
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
