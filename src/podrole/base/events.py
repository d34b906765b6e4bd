"""The event log: one event for each AWS call and each admission, with the explanation of every refusal.

``record`` blocks on the disk for one small append at most, and never raises into the request that it records. The
caller keeps tokens, keys and signatures out of the events; the log writes them as they are.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import msgspec

KEPT_IN_MEMORY = 1_000
MAX_FILE_BYTES = 32 * 1024 * 1024
"""At this size the file becomes ``<name>.1`` and replaces the previous one: the log takes at most twice this size."""

_log = logging.getLogger(__name__)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One AWS call or one admission: what was asked, by whom, and the outcome.

    ``time`` is epoch seconds. ``who`` is an ARN, a Kubernetes user name or ``anonymous``. ``what`` is the action asked
    for (``ec2:DescribeInstances``) or the admission (``CREATE pods``). ``code`` is the error code that the client saw.
    ``why`` is one sentence. ``explanation`` is the decision's evidence as JSON-able data. ``probe`` says that podrole
    doctor asked, to see the answer: nobody looks for the cause of these.
    """

    id: str
    time: float
    kind: Literal["aws", "admission"]
    who: str
    what: str
    outcome: Literal["allowed", "refused", "failed"]
    on: str | None = None
    status: int | None = None
    code: str | None = None
    why: str | None = None
    explanation: dict[str, Any] | None = None
    probe: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether it was refused or failed, and not asked by podrole doctor itself."""
        return self.outcome != "allowed" and not self.probe


class EventLog:
    """Keeps the last events in memory and, if it has a path, all of them in a file of JSON lines."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._recent: collections.deque[Event] = collections.deque(maxlen=KEPT_IN_MEMORY)
        self.recorded = 0
        """How many events there have been."""
        self._encoder = msgspec.json.Encoder()
        self._unwritten: list[bytes] = []
        self._descriptor: int | None = None
        self._written = 0
        self._failing = False

    def record(self, event: Event) -> None:
        """Keep ``event``. In an event loop, all events of one iteration are written to the file together."""
        self._recent.append(event)
        self.recorded += 1
        if self._path is None:
            return
        self._unwritten.append(self._encoded(event))
        if len(self._unwritten) > 1:
            return  # the write is already on its way
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def _encoded(self, event: Event) -> bytes:
        """Encode an event; if JSON cannot represent it, without its explanation."""
        try:
            return self._encoder.encode(event)
        except (ValueError, TypeError, OverflowError, RecursionError) as problem:
            # Explanations repeat what clients sent, which may be lone surrogates or integers of any length.
            kept = {name: _printable(getattr(event, name)) for name in event.__struct_fields__}
            kept["explanation"] = {"left out": f"it cannot be written as JSON ({type(problem).__name__})"}
            return self._encoder.encode(Event(**kept))

    def recent(self) -> Iterator[Event]:
        """Yield the events in memory, newest first."""
        return reversed(list(self._recent))

    def since(self, recorded: int) -> list[Event]:
        """Return the events after the first ``recorded``, oldest first; only those still in memory."""
        new = min(self.recorded - recorded, len(self._recent))
        return list(self._recent)[len(self._recent) - new :]

    def find(self, event_id: str) -> Event | None:
        """Return the newest event of that id still in memory."""
        return next((event for event in self.recent() if event.id == event_id), None)

    def clear(self) -> None:
        """Forget the events in memory; the file keeps them."""
        self._recent.clear()

    def flush(self) -> None:
        """Write the waiting events. If the disk is full they are lost, but no request fails."""
        if not self._unwritten or self._path is None:
            return
        data = b"\n".join(self._unwritten) + b"\n"
        self._unwritten.clear()
        try:
            descriptor = self._descriptor
            if descriptor is None or self._written + len(data) > MAX_FILE_BYTES:
                descriptor = self._open(self._path)
            os.write(descriptor, data)
            self._written += len(data)
            self._failing = False
        except OSError as problem:
            if not self._failing:  # said once, until a write succeeds
                _log.warning("the event log %s cannot be written: %s", self._path, problem.strerror)
            self._failing = True

    def close(self) -> None:
        """Write the waiting events and close the file."""
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self, path: Path) -> int:
        if self._descriptor is not None:  # it is full
            os.close(self._descriptor)
            self._descriptor = None
            path.replace(path.with_name(path.name + ".1"))
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._written = path.stat().st_size
        return self._descriptor


def _printable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def read_recent(path: Path, limit: int = 4 * 1024 * 1024) -> list[Event]:
    """Return the events in the last ``limit`` bytes of a log file, newest first; none if there is no file.

    Incomplete lines and lines that are not events are left out.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - limit)
            file.seek(start)
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    return list(_events(reversed(lines[1 if start else 0 : -1])))


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a log file, oldest first. Raises FileNotFoundError.

    A last line that is still being written and lines that are not events are left out.
    """
    with path.open("rb") as file:
        yield from _events(line for line in file if line.endswith(b"\n"))


class EventReader:
    """Reads a log file while it is written: each event once, across the change to a new file when one is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self) -> Iterator[Event]:
        """Yield the events written since the last call, oldest first; none as long as the file does not exist.

        Events are lost only if two files become full between two calls.
        """
        yield from self._new_events()
        try:
            latest = self._path.open("rb")
        except FileNotFoundError:
            return
        if self._file is not None:
            if os.path.sameopenfile(self._file.fileno(), latest.fileno()):
                latest.close()
                return
            # The log closed its file before it renamed it, so what is there now is all there will ever be.
            yield from self._new_events()
            self._file.close()
        self._file, self._rest = latest, b""
        yield from self._new_events()

    def _new_events(self) -> Iterator[Event]:
        if self._file is not None:
            *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
            yield from _events(lines)


def _events(lines: Iterable[bytes]) -> Iterator[Event]:
    decoder = msgspec.json.Decoder(Event)
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):
            yield decoder.decode(line)
