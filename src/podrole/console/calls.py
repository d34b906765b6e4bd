"""The calls and admissions of a world, from its event log: the last of them, and those that come.

A reader keeps nothing but a number: the calls themselves are kept once, and only the last. A reader that is too
slow, or a thousand calls in a second, see how many they missed.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from podrole.base.events import Event, EventReader
from podrole.doctor.facts.history import EXCHANGES, session_begun_by, token_owner
from podrole.kube.subjects import split_subject

KEPT_CALLS = 1_000
POLL_SECONDS = 0.2
_MOST_SESSIONS = 4_096


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """An event with its number in the order of the log, and the namespace and the service account that it is of, both
    empty if they are not known."""

    number: int
    event: Event
    namespace: str = ""
    service_account: str = ""

    @property
    def service(self) -> str:
        """The service's prefix (``s3``), or ``admission``."""
        return self.event.what.partition(":")[0] if self.event.kind == "aws" else "admission"


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are shown. An empty text selects all; ``principal`` is looked for anywhere in who called."""

    refused: bool = False
    service: str = ""
    principal: str = ""
    namespace: str = ""

    def includes(self, call: LoggedCall) -> bool:
        """Say whether a call is shown."""
        return (
            (not self.refused or call.event.is_refusal)
            and self.service in ("", call.service)
            and self.principal.casefold() in call.event.who.casefold()
            and self.namespace in ("", call.namespace)
        )


@dataclass(frozen=True, slots=True)
class NewCalls:
    """What came since a number: the newest calls that the filter selects, and what is not among them.

    ``left_out`` of those selected are not in ``calls``, ``left_out_refused`` of them refused or failed. ``lost`` calls
    are no longer known, so nobody can say whether the filter would have selected them.
    """

    calls: tuple[LoggedCall, ...]
    left_out: int = 0
    left_out_refused: int = 0
    lost: int = 0


class Calls:
    """The last calls. One event loop uses it; ``run`` follows the log."""

    def __init__(self, log: Path | None) -> None:
        """``log`` is the world's event log, None where there is none."""
        self.log = log
        self._kept: collections.deque[LoggedCall] = collections.deque(maxlen=KEPT_CALLS)
        self._owners: collections.OrderedDict[str, tuple[str, str]] = collections.OrderedDict()
        self._exchanges: collections.OrderedDict[tuple[str, str], LoggedCall] = collections.OrderedDict()
        self._came = asyncio.Event()
        self.number = 0
        """The number of the newest call."""

    async def run(self) -> None:
        """Follow the log until cancelled."""
        if self.log is None:
            return
        with EventReader(self.log) as reader:
            while True:
                fresh = await asyncio.to_thread(_newest, reader.read)
                self.add(fresh.events, skipped=fresh.skipped)
                await asyncio.sleep(POLL_SECONDS)

    def add(self, events: Iterable[Event], *, skipped: int = 0) -> None:
        """Take up new events, oldest first; ``skipped`` more came before them."""
        self.number += skipped
        before = self.number
        for event in events:
            self.number += 1
            self._keep(LoggedCall(self.number, event, *self._owner_of(event)))
        if self.number != before:
            came, self._came = self._came, asyncio.Event()
            came.set()

    def _keep(self, call: LoggedCall) -> None:
        self._kept.append(call)
        if call.event.what in EXCHANGES and call.namespace and not call.event.probe:
            place = (call.namespace, call.service_account)
            self._exchanges[place] = call
            self._exchanges.move_to_end(place)
            if len(self._exchanges) > _MOST_SESSIONS:
                self._exchanges.popitem(last=False)

    def last_exchanges(self) -> Mapping[tuple[str, str], LoggedCall]:
        """Return the last exchange of each service account, by namespace and name."""
        return self._exchanges

    async def more(self) -> None:
        """Wait for further calls."""
        await self._came.wait()

    def selected(self, wanted: CallFilter, most: int) -> tuple[LoggedCall, ...]:
        """Return the newest selected calls, the newest first."""
        matching = (call for call in reversed(self._kept) if wanted.includes(call))
        return tuple(call for call, _ in zip(matching, range(most), strict=False))

    def since(self, number: int, wanted: CallFilter, most: int) -> NewCalls:
        """Return what came after a number, the newest first."""
        fresh = []
        for call in reversed(self._kept):
            if call.number <= number:
                break
            fresh.append(call)
        selected = [call for call in fresh if wanted.includes(call)]
        rest = selected[most:]
        return NewCalls(
            tuple(selected[:most]),
            left_out=len(rest),
            left_out_refused=sum(call.event.is_refusal for call in rest),
            lost=self.number - number - len(fresh),
        )

    def of_role(self, role_name: str, account: str) -> tuple[LoggedCall, ...]:
        """Return the calls of a role's sessions, the newest first."""
        begin = f":sts::{account}:assumed-role/{role_name}/"
        return tuple(call for call in reversed(self._kept) if begin in call.event.who)

    def events(self) -> list[Event]:
        """Return the events, the newest first."""
        return [call.event for call in reversed(self._kept)]

    @property
    def services(self) -> list[str]:
        """The services that were called."""
        return sorted({call.service for call in self._kept})

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that calls are of."""
        return sorted({call.namespace for call in self._kept} - {""})

    def _owner_of(self, event: Event) -> tuple[str, str]:
        """Return the namespace and the service account, remembered by the session that an exchange created."""
        if event.kind == "admission":
            account = str((event.explanation or {}).get("serviceAccount") or "")
            return (event.on or "").partition("/")[0], account
        subject = split_subject(token_owner(event)[0])
        if subject is None:
            return self._owners.get(event.who, ("", ""))
        owner = (subject.namespace, subject.name)
        session = session_begun_by(event)
        if session is not None:
            self._owners[session] = owner
            self._owners.move_to_end(session)
            if len(self._owners) > _MOST_SESSIONS:
                self._owners.popitem(last=False)
        return owner


@dataclass(frozen=True, slots=True)
class _Fresh:
    events: tuple[Event, ...]
    skipped: int


def _newest(read: Callable[[], Iterable[Event]]) -> _Fresh:
    """Read what is new, and keep the newest: a log that has grown for hours may hold a hundred thousand events."""
    kept: collections.deque[Event] = collections.deque(maxlen=KEPT_CALLS)
    total = 0
    for event in read():
        total += 1
        kept.append(event)
    return _Fresh(tuple(kept), total - len(kept))
