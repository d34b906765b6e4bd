"""The event log, in memory and on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podrole.base import events
from podrole.base.events import Event, EventLog, read_events


def event(number: int, explanation: dict[str, str] | None = None) -> Event:
    return Event(
        id=f"request-{number}",
        time=1_700_000_000.0,
        kind="aws",
        who="anonymous",
        what="sts:X",
        outcome="allowed",
        explanation=explanation,
    )


async def test_events_are_written_as_json_lines_in_order(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for number in range(3):
        log.record(event(number, explanation={"expected": "a", "got": "b"}))
    log.close()
    assert [one.id for one in read_events(tmp_path / "events.jsonl")] == ["request-0", "request-1", "request-2"]


@pytest.mark.parametrize(
    "explanation", [{"claim": "\ud800"}, {"\ud800": 1}, {"x": object()}], ids=lambda it: repr(it)[:20]
)
def test_event_that_json_cannot_represent_loses_only_its_explanation(tmp_path: Path, explanation: Any) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.record(event(1, explanation=explanation))
    log.record(Event(id="2", time=0.0, kind="aws", who="\ud800", what="sts:X", outcome="refused"))
    log.close()
    first, second = read_events(tmp_path / "events.jsonl")
    assert first.id == "request-1"
    assert "cannot be written as JSON" in str(first.explanation)
    assert second.who == "?"


def test_log_file_is_readable_only_by_its_owner(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.record(event(1))
    log.close()
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_incomplete_last_line_is_left_out(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.record(event(1))
    log.close()
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"id":"requ')
    assert [one.id for one in read_events(tmp_path / "events.jsonl")] == ["request-1"]


def test_full_log_file_is_renamed_and_a_new_one_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_FILE_BYTES", 300)
    log = EventLog(tmp_path / "events.jsonl")
    for number in range(8):
        log.record(event(number))
    log.close()
    kept = [*read_events(tmp_path / "events.jsonl.1"), *read_events(tmp_path / "events.jsonl")]
    assert kept[-1].id == "request-7"
    assert (tmp_path / "events.jsonl").stat().st_size <= 300
    assert len(list(tmp_path.iterdir())) == 2


def test_memory_keeps_only_the_newest_events(monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog()
    for number in range(events.KEPT_IN_MEMORY + 5):
        log.record(event(number))
    assert log.find("request-4") is None
    assert log.find("request-5") is not None
    assert next(iter(log.recent())).id == f"request-{events.KEPT_IN_MEMORY + 4}"
