"""``podrole events``: the event log, one line per event."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from podrole.base.events import Event, EventReader
from podrole.cli.explanation import explanation_block
from podrole.cli.terminal import say
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory

POLL_SECONDS = 0.2
_COLOURS = {"allowed": "32", "refused": "31", "failed": "33"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are shown: all, or only those not allowed, without the doctor's own; ``last`` limits those that are
    there already."""

    only_refused: bool = False
    last: int | None = None

    def of(self, events: Iterable[Event]) -> Iterable[Event]:
        """Return the selected ones of the events that were logged already."""
        wanted = (event for event in events if self.includes(event))
        return wanted if self.last is None else deque(wanted, maxlen=self.last)

    def includes(self, event: Event) -> bool:
        """Say whether an event is shown."""
        return not self.only_refused or event.is_refusal


def run(path: Path, selection: Selection, *, follow: bool, why: bool, as_json: bool) -> int:
    """Print the events of a world, running or not. Raises NotRunning if none has ever run."""
    directory = WorldDirectory(path)
    if not directory.events.exists() and not follow:
        raise NotRunning(f"There are no events in {directory.path}.", next_step="start a world with podrole up")
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    with EventReader(directory.events) as log:
        for event in selection.of(log.read()):
            _print(event, why=why, as_json=as_json, colour=colour)
        while follow:
            time.sleep(POLL_SECONDS)
            for event in filter(selection.includes, log.read()):
                _print(event, why=why, as_json=as_json, colour=colour)
    return 0


def line(event: Event, *, colour: bool = False) -> str:
    """Return an event as one line: when, the outcome, what, on what, who, and for a refusal the code and why."""
    moment = time.strftime("%H:%M:%S", time.localtime(event.time))
    outcome = f"{event.outcome:<7}"
    if colour:
        outcome = f"\033[{_COLOURS[event.outcome]}m{outcome}\033[0m"
    parts = [moment, outcome, event.what, *([f"on {event.on}"] if event.on else []), f"by {event.who}"]
    text = " ".join(parts)
    if event.probe:
        text += " (podrole doctor)"
    if event.code or event.why:
        text += f" - {event.code}: {event.why}" if event.code and event.why else f" - {event.code or event.why}"
    return text


def _print(event: Event, *, why: bool, as_json: bool, colour: bool) -> None:
    if as_json:
        print(json.dumps(msgspec.to_builtins(event)), flush=True)
        return
    say(line(event, colour=colour))
    block = explanation_block(event.explanation) if why and event.explanation else ""
    if block:
        say(block)
