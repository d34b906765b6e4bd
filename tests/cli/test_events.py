"""``podrole events --follow`` shows each event once, while the log is written and replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from podrole.base import events as log_module
from podrole.base.events import Event, EventLog
from podrole.cli import events
from podrole.cli.events import Selection
from podrole.world.state import WorldDirectory


def event(name: str, outcome: str = "allowed") -> Event:
    return Event(id=name, time=0.0, kind="aws", who="anonymous", what=f"sts:{name}", outcome=outcome)  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(WorldDirectory(tmp_path).events)


def follow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *meanwhile: Callable[[], None],
    selection: Selection | None = None,
) -> list[str]:
    """Run the command; each wait does the next of ``meanwhile``, and after the last the user interrupts."""
    waits = iter(meanwhile)

    def sleep(_: float) -> None:
        step = next(waits, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(events.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        events.run(tmp_path, selection or Selection(), follow=True, why=False, as_json=False)
    return [line.split()[2].removeprefix("sts:") for line in capsys.readouterr().out.splitlines()]


def test_event_written_while_the_log_is_read_is_shown_once(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class WhileReading(Selection):
        def of(self, events: Iterable[Event]) -> Iterable[Event]:
            log.record(event("B"))
            return super().of(events)

    log.record(event("A"))
    shown = follow(tmp_path, monkeypatch, capsys, lambda: log.record(event("C")), selection=WhileReading())
    assert shown == ["A", "B", "C"]


def test_last_events_of_a_full_file_are_shown_before_those_of_the_next(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log_module, "MAX_FILE_BYTES", 200)

    def fill() -> None:
        for name in ("B", "C", "D"):  # two fit into a file
            log.record(event(name))

    log.record(event("A"))
    shown = follow(tmp_path, monkeypatch, capsys, fill, lambda: log.record(event("E")))
    assert shown == ["A", "B", "C", "D", "E"]


def test_half_a_line_waits_for_its_end(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = WorldDirectory(tmp_path).events
    log.record(event("A"))
    line = path.read_bytes().replace(b"A", b"B")

    def write(part: bytes) -> None:
        with path.open("ab") as file:
            file.write(part)

    assert follow(tmp_path, monkeypatch, capsys, lambda: write(line[:30]), lambda: write(line[30:])) == ["A", "B"]


def test_log_that_does_not_exist_yet_is_waited_for(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert follow(tmp_path, monkeypatch, capsys, lambda: None, lambda: log.record(event("A"))) == ["A"]


def test_selection_holds_for_events_that_come_later(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def record() -> None:
        log.record(event("C"))
        log.record(event("D", "refused"))

    for name in ("A", "B"):
        log.record(event(name, "refused"))
    shown = follow(tmp_path, monkeypatch, capsys, record, selection=Selection(only_refused=True, last=1))
    assert shown == ["B", "D"]
