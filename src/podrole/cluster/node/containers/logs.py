"""A container's output on disk, in the form of the CRI: time, stream, ``F`` or ``P`` (partial), text.

Bounded: at ``max_bytes`` the file becomes ``<name>.1``, replacing the one before, so a run never takes more than
twice that. https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from podrole.base.clock import Clock
from podrole.cluster.core.node_api import LogOptions

MAX_LOG_BYTES = 10 * 1024 * 1024
"""The kubelet's containerLogMaxSize."""
LONGEST_LINE = 16 * 1024
"""A line longer than this is written in parts, as container runtimes do."""
MAX_LAST_LINES = 80
CHUNK = 64 * 1024
STAMP_LENGTH = len("2026-01-31T12:00:00.000000000Z")


def stamp(seconds: float) -> bytes:
    """Write a time with nine decimals and of one length, so that times compare as bytes do."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()


class ContainerLog:
    """The log of one run of a container: written by the node, read while or after it is written."""

    def __init__(self, path: Path, clock: Clock, *, max_bytes: int = MAX_LOG_BYTES) -> None:
        self.path = path
        self.rotations = 0
        self.closed = False
        self._clock = clock
        self._max_bytes = max_bytes
        self._unfinished = {"stdout": b"", "stderr": b""}
        self._changed = asyncio.Event()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = self._open()
        self._size = 0

    @property
    def rotated(self) -> Path:
        """The path of the older file, which exists after the first rotation."""
        return self.path.with_name(self.path.name + ".1")

    def write(self, stream: str, data: bytes) -> None:
        """Add output. On a full disk output is lost; the container runs on."""
        if self.closed:
            return
        text = self._unfinished[stream] + data
        whole, newline, rest = text.rpartition(b"\n")
        prefix = stamp(self._clock()) + b" " + stream.encode() + b" "
        lines = b""
        if newline:
            lines = prefix + b"F " + whole.replace(b"\n", b"\n" + prefix + b"F ") + b"\n"
        while len(rest) >= LONGEST_LINE:
            lines += prefix + b"P " + rest[:LONGEST_LINE] + b"\n"
            rest = rest[LONGEST_LINE:]
        self._unfinished[stream] = rest
        self._append(lines)

    def close(self) -> None:
        """Write the last line, even without its newline, and end the followers."""
        if self.closed:
            return
        for stream, rest in self._unfinished.items():
            if rest:
                self._append(stamp(self._clock()) + b" " + stream.encode() + b" P " + rest + b"\n")
        self.closed = True
        os.close(self._descriptor)
        self._changed.set()

    def last_text(self, size: int) -> bytes:
        """Return at most the last ``size`` bytes of what was written."""
        lines = self.path.read_bytes().splitlines(keepends=True)[-MAX_LAST_LINES:]
        return _Renderer(b"", timestamps=False)(lines)[-size:]

    def remove(self) -> None:
        """Delete the files."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.rotated.unlink(missing_ok=True)

    async def changed(self) -> None:
        """Wait until something was added, or the log was closed."""
        if not self.closed:
            await self._changed.wait()

    def _append(self, lines: bytes) -> None:
        if not lines:
            return
        if self._size and self._size + len(lines) > self._max_bytes:
            os.close(self._descriptor)
            self.path.replace(self.rotated)
            self.rotations += 1
            self._descriptor = self._open()
            self._size = 0
        with contextlib.suppress(OSError):
            os.write(self._descriptor, lines)
        self._size += len(lines)
        self._changed.set()
        self._changed = asyncio.Event()

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


async def read_log(log: ContainerLog, options: LogOptions, *, now: float) -> AsyncIterator[bytes]:
    """Yield the log's text as PodLogOptions ask for it; with ``follow``, until the run has ended."""
    since = options.since_time
    if options.since_seconds is not None:
        since = now - options.since_seconds
    render = _Renderer(b"" if since is None else stamp(since), timestamps=options.timestamps)
    left = options.limit_bytes
    source = _lines(log, options.tail_lines, follow=options.follow)
    try:
        async for lines in source:
            text = render(lines)
            if left is not None:
                text = text[:left]
                left -= len(text)
            if text:
                yield text
            if left == 0:
                return
    finally:
        await source.aclose()


class _Renderer:
    """Turns stored lines into what was asked for. A timestamp stands before a line, not before its later parts."""

    def __init__(self, since: bytes, *, timestamps: bool) -> None:
        self._since = since
        self._timestamps = timestamps
        self._within = {b"stdout": False, b"stderr": False}

    def __call__(self, lines: list[bytes]) -> bytes:
        parts: list[bytes] = []
        for line in lines:
            when, stream, tag, text = line.split(b" ", 3)
            if when < self._since:
                continue
            if self._timestamps and not self._within[stream]:
                parts.append(when + b" ")
            parts.append(text[:-1] if tag == b"P" else text)
            self._within[stream] = tag == b"P"
        return b"".join(parts)


async def _lines(log: ContainerLog, tail: int | None, *, follow: bool) -> AsyncGenerator[list[bytes]]:
    with contextlib.ExitStack() as stack:
        rotations = log.rotations
        files = [stack.enter_context(path.open("rb")) for path in (log.rotated, log.path) if path.exists()]
        ends = [os.fstat(file.fileno()).st_size for file in files]
        if tail is not None:
            _seek_last_lines(files, tail)
        for file, end in zip(files, ends, strict=True):
            while file.tell() < end and (lines := file.readlines(CHUNK)):
                yield lines
                await asyncio.sleep(0)  # other tasks run while a long log is read
        current = files[-1] if files else None
        while follow and current is not None:
            ended = log.closed  # taken before reading, so that all output is read before the end
            while lines := current.readlines(CHUNK):
                yield lines
                await asyncio.sleep(0)
            if log.rotations != rotations:
                rotations = log.rotations
                current = stack.enter_context(log.path.open("rb"))
            elif ended:
                return
            else:
                await log.changed()


def _seek_last_lines(files: Sequence[BinaryIO], count: int) -> None:
    """Position the files, oldest first, so that ``count`` lines are left to read."""
    for file in reversed(files):
        content = file.read() if count else b""
        position = len(content)
        while count and position:
            count -= 1
            position = content.rfind(b"\n", 0, position - 1) + 1
        file.seek(position if content else 0, os.SEEK_SET if content else os.SEEK_END)
