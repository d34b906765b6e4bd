"""A side of a tunnel before it is joined to the other one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from podrole.base.tunnel import TunnelSide

LIMIT_SECONDS = 20
TEXT = b"hello " * 100_000


class Watched(TunnelSide):
    """Tells when it has got something, or its end. Like a proxy's, it is told to read nothing before it is joined."""

    def __init__(self) -> None:
        super().__init__()
        self.got, self.ended = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.got.set()

    def eof_received(self) -> bool:
        self.ended.set()
        return super().eof_received()


async def speaks_first(text: bytes) -> None:
    """What one side sends, and its end, reach the other side, which is joined later."""

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read())
        writer.close()

    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bytes] = loop.create_future()
    servers = [await asyncio.start_server(each, "127.0.0.1", 0) for each in (speak, listen)]
    places = [server.sockets[0].getsockname()[:2] for server in servers]
    (_, first), (_, second) = [await loop.create_connection(Watched, *place) for place in places]
    if isinstance(loop, uvloop.Loop):  # it reads all the same
        async with asyncio.timeout(LIMIT_SECONDS):
            await (first.got if text else first.ended).wait()
    first.join(second)
    first.release()
    second.release()
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await heard == text
    for server in servers:
        server.close()
    first.shutdown()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("text", [b"", b"hello", TEXT], ids=["nothing", "little", "much"])
def test_what_a_side_sends_before_it_is_joined_is_not_lost(
    run: Callable[[Coroutine[Any, Any, None]], None], text: bytes
) -> None:
    run(speaks_first(text))
