"""The writing end of a process's standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os


class Writer:
    """The writing end of a process's stdin. A process that does not read delays its writer only."""

    def __init__(self, descriptor: int, *, owned: bool) -> None:
        self._descriptor = descriptor
        self._owned = owned
        self._closed = False
        os.set_blocking(descriptor, False)

    async def write(self, data: bytes) -> None:
        """Write all of ``data``; what a process no longer reads is dropped."""
        view = memoryview(data)
        while view and not self._closed:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError:
                self.close()

    def close(self) -> None:
        """Give the process its end of input: the end of the pipe, or ^D to a terminal."""
        if self._closed:
            return
        self._closed = True
        if self._owned:
            os.close(self._descriptor)
        else:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, b"\x04")

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        # A terminal's descriptor is being read through the loop already, and epoll takes each descriptor once.
        waiting = os.dup(self._descriptor)
        loop.add_writer(waiting, ready.set)
        try:
            async with asyncio.timeout(1.0):  # then check whether it was closed meanwhile
                await ready.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_writer(waiting)
            os.close(waiting)
