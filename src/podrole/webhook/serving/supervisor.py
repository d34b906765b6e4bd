"""The process that starts, watches and stops several worker processes, which answer reviews on one socket.

Each worker has its own cache and accepts connections when it is free. A worker that ends is replaced. The supervisor
serves the metrics of all workers together. If it ends, the control connections close and the workers stop too.

The control connection carries lines: ``<number> <question>`` to the worker, ``<number> <JSON>`` from it. The first line
to the worker is the settings.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import pickle
import signal
import socket
import sys
import time

import msgspec

from podrole.base.serving import listening
from podrole.base.tasks import BackgroundTasks
from podrole.kube.connection import find_connection
from podrole.kube.reflector import BackOff
from podrole.webhook.errors import WebhookError
from podrole.webhook.metrics import MetricsSnapshot, merged
from podrole.webhook.serving.app import MetricsApp
from podrole.webhook.serving.signals import Signals
from podrole.webhook.serving.webhook import EXCHANGE_SECONDS
from podrole.webhook.settings import WebhookSettings
from podrole.webhook.tls.serving_certificate import ServingCertificate, server_context

ANSWER_SECONDS = 2.0
"""How long a worker may take to answer. Without its answer, only the other workers are counted."""

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes: the cache of a million service accounts."""

SHORT_LIFE_SECONDS = 5.0
SHORT_LIVES = 5
"""After so many workers in a row that end so soon, no further one is started."""

_log = logging.getLogger(__name__)


class WorkerKeepsEnding(WebhookError):
    """A worker ended again and again soon after its start. Another one would not be better."""

    code = "worker-keeps-ending"


class Worker:
    """One worker process with its control connection."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._number = 0

    async def ask(self, question: str) -> bytes | None:
        """Return the worker's answer as JSON, None if it does not answer in time."""
        try:
            async with self._turn, asyncio.timeout(ANSWER_SECONDS):
                self._number += 1
                mark = b"%d " % self._number
                self._writer.write(mark + question.encode() + b"\n")
                while not (line := await self._reader.readuntil(b"\n")).startswith(mark):
                    pass  # a late answer to an earlier question
                return line[len(mark) :]
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None

    def send(self, number: int) -> None:
        """Send the process a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class Supervisor:
    """Keeps the workers running, and collects their metrics."""

    def __init__(self, settings: WebhookSettings, sock: socket.socket) -> None:
        self._settings = settings
        self._sock = sock
        self._workers: dict[int, Worker] = {}
        self._stopping = asyncio.Event()
        self._signal = signal.SIGTERM
        self._running: list[asyncio.Task[None]] = []
        self.tasks = BackgroundTasks("the webhook's supervisor")

    def start(self) -> None:
        """Keep the workers running until ``stop``. A worker that ends again and again is a failure."""
        self._running = [
            self.tasks.run(f"worker {index}", self._keep_running(index))
            for index in range(self._settings.serving.workers)
        ]

    async def _keep_running(self, index: int) -> None:
        short_lives, back_off = 0, BackOff()
        while not self._stopping.is_set():
            started = time.monotonic()
            worker = self._workers[index] = await self._start(index)
            if self._stopping.is_set():
                worker.send(self._signal)  # it started during ``stop``
            code = await worker.process.wait()
            worker.close()
            del self._workers[index]
            if self._stopping.is_set():
                return
            short_lives = short_lives + 1 if time.monotonic() - started < SHORT_LIFE_SECONDS else 0
            _log.error("worker %d ended with code %d", index, code)
            if short_lives >= SHORT_LIVES:
                raise WorkerKeepsEnding(f"Worker {index} ended {SHORT_LIVES} times in a row soon after its start.")
            await asyncio.sleep(back_off.wait(short_lives + 1))

    def stop(self, number: signal.Signals) -> None:
        """Send every worker this signal, which asks it to stop, and start no more."""
        self._signal = number
        self._stopping.set()
        for worker in self._workers.values():
            worker.send(number)

    async def stopped(self) -> None:
        """Wait until every worker has ended."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def snapshot(self) -> MetricsSnapshot:
        """Return the counts of all workers together."""
        answers = await asyncio.gather(*[worker.ask("snapshot") for worker in list(self._workers.values())])
        return merged([msgspec.json.decode(answer, type=MetricsSnapshot) for answer in answers if answer])

    async def cache(self) -> bytes:
        """Return the cache of one worker; all workers have the same."""
        for worker in list(self._workers.values()):
            answer = await worker.ask("cache")
            if answer:
                return msgspec.json.format(answer, indent=1)
        return b"{}"

    async def clear(self) -> None:
        """Let every worker empty its cache and read all service accounts again."""
        await asyncio.gather(*[worker.ask("clear") for worker in list(self._workers.values())])

    async def _start(self, index: int) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "podrole.webhook.serving.worker",
                str(theirs.fileno()),
                str(self._sock.fileno()),
                str(index),
                pass_fds=(theirs.fileno(), self._sock.fileno()),
                # Only the supervisor gets Ctrl-C from the terminal. It passes it on.
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_ANSWER)
        writer.write(base64.b64encode(pickle.dumps(self._settings)) + b"\n")
        return Worker(process, reader, writer)


async def supervise(settings: WebhookSettings, sock: socket.socket, metrics_sock: socket.socket) -> int:
    """Serve with several workers until stopped. Return the exit code. Raises PodroleError if workers cannot start."""
    signals = Signals()
    # Errors that would keep every worker from starting are found here and reported once.
    context = server_context(settings.serving)
    if settings.self_signed is None:
        ServingCertificate(context, settings.serving.tls_cert, settings.serving.tls_key)
    find_connection(kubeconfig=settings.sources.kubeconfig, server=settings.sources.kube_api)
    supervisor = Supervisor(settings, sock)
    metrics_app = MetricsApp(supervisor, debugging=settings.serving.debugging_handlers)
    async with listening(metrics_app, metrics_sock, grace_seconds=1, exchange_seconds=EXCHANGE_SECONDS):
        supervisor.start()
        signals.serving = True
        waits = [asyncio.create_task(signals.wait()), asyncio.create_task(supervisor.tasks.failed())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        supervisor.stop(signal.SIGTERM if signals.may_wait else signal.SIGINT)
        await supervisor.stopped()
    return 0 if supervisor.tasks.failure is None else 1
