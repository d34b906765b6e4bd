"""An HTTP server on loopback that receives what a service delivers: it answers, or never does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from podrole.base.serving import LOOPBACK


@dataclass
class Receiver:
    """``answer`` is sent to each request; without one the connection stays open and silent."""

    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    requests: list[bytes] = field(default_factory=list)
    received: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def wait(self) -> bytes:
        """Return the newest request once one more has come."""
        assert self.received.acquire(timeout=20)
        return self.requests[-1]

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in data or not self._is_whole(data):
                chunk = connection.recv(65536)
                if not chunk:
                    return
                data += chunk
            self.requests.append(data)
            self.received.release()
            if self.answer:
                connection.sendall(self.answer)

    @staticmethod
    def _is_whole(data: bytes) -> bool:
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        return len(body) >= (lengths[0] if lengths else 0)

    def close(self) -> None:
        for connection in self._open:
            connection.close()


@contextlib.contextmanager
def receiving(**behaviour: bytes) -> Iterator[Receiver]:
    """Run a receiver until the context ends."""
    receiver = Receiver(**behaviour)
    listener = socket.create_server((LOOPBACK, 0))
    receiver.port = listener.getsockname()[1]
    threading.Thread(target=receiver.serve, args=(listener,), daemon=True).start()
    try:
        yield receiver
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        receiver.close()
