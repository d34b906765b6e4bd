"""A tunnel: two connections, each of which gets the bytes of the other.

A side that is slow stops the other one's reading, so that a tunnel holds little in memory. A side that has sent its
last byte may still receive. A tunnel that carries nothing for ``IDLE_SECONDS``, or for ``HALF_CLOSED_SECONDS`` once a
side has sent its last byte, is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

IDLE_SECONDS = 3600.0
"""How long a tunnel may carry nothing. Programs keep connections open for minutes, not for hours."""

HALF_CLOSED_SECONDS = 60.0
"""How long a tunnel may carry nothing after the end of one direction: a client that has gone looks like one that only
sends nothing more."""


class TunnelSide(asyncio.Protocol):
    """One connection of a tunnel. ``other`` is its other side, None until there is one."""

    def __init__(self, on_end: Callable[[TunnelSide], None] = lambda _: None) -> None:
        """``on_end`` is called once this side's connection is closed."""
        self.transport: asyncio.Transport | None = None
        self.other: TunnelSide | None = None
        self._on_end = on_end
        self._idle: asyncio.TimerHandle | None = None
        self._carried = 0.0
        self._has_ended = False
        self._early = b""
        self._early_end = False

    def join(self, other: TunnelSide) -> None:
        """Carry bytes between this side and ``other`` from now on, and limit how long nothing is carried."""
        self.other, other.other = other, self
        self._carried = other._carried = asyncio.get_running_loop().time()
        self._watch()

    def release(self) -> None:
        """Carry what this side had sent before it was joined, and read on.

        There may be something even if it was told to read nothing: uvloop does not heed that in ``connection_made``.
        """
        if self.transport is None or self.transport.is_closing():
            return
        if not self._early_end:
            self.transport.resume_reading()  # before anything is carried: that may have to pause it
        early, self._early = self._early, b""
        if early:
            self.data_received(early)
        if self._early_end and not self.eof_received():
            self.transport.close()

    def shutdown(self) -> None:
        """Cut both connections now."""
        for side in (self, self.other):
            if side is not None and side.transport is not None:
                side.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102 - see asyncio.Protocol
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: D102 - see asyncio.Protocol
        if self.other is None:
            self._early += data
            if self.transport is not None:
                self.transport.pause_reading()
        elif self.other.transport is not None:
            self._carried = asyncio.get_running_loop().time()
            self.other.transport.write(data)

    def eof_received(self) -> bool:  # noqa: D102 - see asyncio.Protocol
        if self.other is None and not self._early_end:
            self._early_end = True
            return True
        self._has_ended = True
        other = self.other
        if other is None or other.transport is None or other._has_ended or not other.transport.can_write_eof():
            return False
        if not other.transport.is_closing():
            with contextlib.suppress(OSError, RuntimeError):  # it has just been closed by its peer
                other.transport.write_eof()
        self._watch()
        return True

    def pause_writing(self) -> None:  # noqa: D102 - see asyncio.Protocol
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:  # noqa: D102 - see asyncio.Protocol
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102 - see asyncio.Protocol
        if self._idle is not None:
            self._idle.cancel()
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()  # after what this side has sent
        self._on_end(self)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        other = self.other or self
        last = max(self._carried, other._carried)
        end = last + (HALF_CLOSED_SECONDS if self._has_ended or other._has_ended else IDLE_SECONDS)
        if self._idle is not None:
            self._idle.cancel()
        if loop.time() >= end:
            self.shutdown()
        else:
            self._idle = loop.call_at(end, self._watch)
