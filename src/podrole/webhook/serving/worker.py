"""A worker process. The supervisor starts it.

``python -m podrole.webhook.serving.worker <control descriptor> <listening descriptor> <index>``
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import pickle
import socket
import sys

import msgspec

from podrole.base.errors import PodroleError
from podrole.base.event_loop import run_loop
from podrole.webhook.logs import configure_logging
from podrole.webhook.serving.signals import Signals
from podrole.webhook.serving.standalone import open_webhook, until_stopped
from podrole.webhook.serving.webhook import Webhook


async def work(control: socket.socket, sock: socket.socket, index: int) -> int:
    """Serve on ``sock`` and answer questions on ``control``, until a signal or the end of the supervisor."""
    signals = Signals()
    reader, writer = await asyncio.open_connection(sock=control)
    settings = pickle.loads(base64.b64decode(await reader.readline()))  # noqa: S301 - from the process that started us
    configure_logging(settings.verbosity)
    async with open_webhook(settings, sock, None, scans=index == 0) as webhook:
        asking = asyncio.create_task(_answer_questions(webhook, reader, writer))
        code = await until_stopped(webhook, settings, signals, asking)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await asking
    writer.close()
    return code


async def _answer_questions(webhook: Webhook, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        number, _, question = line.strip().partition(b" ")
        if question == b"snapshot":
            answer = msgspec.json.encode(await webhook.snapshot())
        elif question == b"cache":
            answer = msgspec.json.format(await webhook.cache(), indent=-1)
        else:
            await webhook.clear()
            answer = b"null"
        writer.write(number + b" " + answer + b"\n")
        await writer.drain()


def main(arguments: list[str]) -> int:
    """Run; return the exit code."""
    control, listening, index = map(int, arguments)
    try:
        return run_loop(work(socket.socket(fileno=control), socket.socket(fileno=listening), index))
    except PodroleError as problem:
        sys.stderr.write(problem.diagnostics() + "\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
