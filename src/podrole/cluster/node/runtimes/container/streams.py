"""The streams of a program in a container: one connection, taken over from HTTP.

Without a terminal what the program writes comes in frames of eight bytes (the stream, three zeros, the length) and the
data: https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from podrole.cluster.node.runtime import Output, Stream

CHUNK = 64 * 1024
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}


class Streams:
    """Passes on what a program writes, and what is written to it; ``ended`` waits for the end of its output."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, output: Output, *, terminal: bool
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._output = output
        self._terminal = terminal
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._pump = asyncio.create_task(self._pass_on())

    async def ended(self) -> None:
        """Wait until all output has been passed on."""
        await asyncio.shield(self._pump)

    def hold(self, held: bool) -> None:
        """Stop or resume reading; the engine then holds up the program."""
        if held:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def write(self, data: bytes) -> None:
        """Write to the program; what it does not read any more is dropped."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(data)
            await self._writer.drain()

    def close_input(self) -> None:
        """End the program's input: the end of a pipe, or ^D to a terminal."""
        with contextlib.suppress(OSError, RuntimeError):
            if self._terminal:
                self._writer.write(b"\x04")
            else:
                self._writer.write_eof()

    async def close(self) -> None:
        """End the connection and pass on no more."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)

    async def _pass_on(self) -> None:
        try:
            async for stream, data in self._received():
                self._output(stream, data)
                await self._flowing.wait()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the program has ended, or the engine has: which of the two, the container's state says
        finally:
            self._writer.close()
            self._output("stdout", b"")
            if not self._terminal:
                self._output("stderr", b"")

    async def _received(self) -> AsyncIterator[tuple[Stream, bytes]]:
        if self._terminal:
            while data := await self._reader.read(CHUNK):
                yield "stdout", data
            return
        while True:
            header = await self._reader.readexactly(8)
            left = int.from_bytes(header[4:])
            while left:
                data = await self._reader.read(min(left, CHUNK))
                if not data:
                    return
                left -= len(data)
                yield _STREAMS.get(header[0], "stdout"), data


class Input:
    """A program's standard input."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._closed = False

    async def write(self, data: bytes) -> None:
        """Write all of ``data``."""
        if not self._closed:
            await self._streams.write(data)

    def close(self) -> None:
        """End the input, once."""
        if not self._closed:
            self._closed = True
            self._streams.close_input()
