"""A transport that sends in one piece what is written during one turn of the event loop.

uvicorn writes the head and the body of a response separately. Sent together they cost one system call, one TLS record
and one wake-up of the client instead of two.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

MAX_BUFFERED_BYTES = 64 * 1024
"""More is sent at once, so that the transport can tell its protocol to stop writing: a slow client fills no memory."""


class BufferedTransport:
    """An asyncio transport around another one. Bytes are sent in the order in which they were written.

    ``close`` sends what was written before; ``abort`` does not.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Send ``data`` at the end of this turn of the loop, or now if MAX_BUFFERED_BYTES are exceeded."""
        self._written.append(data)
        self._size += len(data)
        if self._size > MAX_BUFFERED_BYTES:
            self._send()
        elif len(self._written) == 1:
            self._loop.call_soon(self._send)

    def close(self) -> None:
        """Close the connection once everything written has been sent."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection now."""
        self._written = []
        self._transport.abort()

    def _send(self) -> None:
        written, size = self._written, self._size
        self._written, self._size = [], 0
        if not written or self._transport.is_closing():
            return
        if size > MAX_BUFFERED_BYTES:
            self._write_large(written)
        else:
            self._transport.write(b"".join(written))

    def _write_large(self, written: list[bytes]) -> None:
        """Send without a copy. From Python 3.12 on asyncio's ``writelines`` does not tell the protocol to stop, but its
        ``write`` does, so the last piece is written."""
        if sys.version_info >= (3, 12) and len(written) > 1:
            self._transport.writelines(written[:-1])
            self._transport.write(written[-1])
        else:
            self._transport.writelines(written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
