"""The last calls, those that come, and what is said of those that are left out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from podrole.base.events import EventLog
from podrole.console import calls as module
from podrole.console.application import missed
from podrole.console.calls import KEPT_CALLS, CallFilter, Calls, NewCalls
from support.console import an_event

EXCHANGE = "sts:AssumeRoleWithWebIdentity"
SESSION = "arn:aws:sts::111122223333:assumed-role/reader/web"
EVERYTHING = CallFilter()


def exchange(number: int, subject: str = "system:serviceaccount:shop:web", **more: object) -> object:
    return an_event(number, what=EXCHANGE, who=SESSION, explanation={"subject": subject}, **more)


def ids(calls: object) -> list[str]:
    return [call.event.id for call in calls]  # type: ignore[attr-defined]


def test_a_session_s_calls_are_of_the_service_account_whose_token_made_it() -> None:
    calls = Calls(None)
    calls.add([an_event(1), exchange(2), an_event(3), an_event(4, who="arn:aws:iam::111122223333:user/x")])  # type: ignore[list-item]
    assert [(call.namespace, call.service_account) for call in calls.selected(EVERYTHING, 10)] == [
        ("", ""),
        ("shop", "web"),
        ("shop", "web"),
        ("", ""),
    ]
    assert ids(calls.last_exchanges().values()) == ["request-2"]


def test_a_refused_exchange_gives_nobody_a_session() -> None:
    calls = Calls(None)
    calls.add([exchange(1, outcome="refused"), an_event(2)])  # type: ignore[list-item]
    assert [call.namespace for call in calls.selected(EVERYTHING, 10)] == ["", "shop"]


def test_an_admission_is_of_the_pod_s_service_account() -> None:
    calls = Calls(None)
    calls.add([an_event(1, kind="admission", on="shop/p", what="CREATE pods", explanation={"serviceAccount": "web"})])
    (call,) = calls.selected(EVERYTHING, 10)
    assert (call.namespace, call.service_account, call.service) == ("shop", "web", "admission")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EVERYTHING, [4, 3, 2, 1]),
        (CallFilter(refused=True), [3]),
        (CallFilter(service="s3"), [3, 2]),
        (CallFilter(service="sts"), [1]),
        (CallFilter(namespace="shop"), [3, 2, 1]),
        (CallFilter(namespace="other"), []),
        (CallFilter(principal="USER/x"), [4]),
        (CallFilter(refused=True, service="sts"), []),
    ],
)
def test_calls_are_selected_by_outcome_service_namespace_and_principal(wanted: CallFilter, found: list[int]) -> None:
    calls = Calls(None)
    given = [
        exchange(1),
        an_event(2),
        an_event(3, outcome="refused"),
        an_event(4, who="arn:aws:iam::111122223333:user/x", what="ec2:X", outcome="refused", probe=True),
    ]
    calls.add(given)  # type: ignore[arg-type]
    assert ids(calls.selected(wanted, 10)) == [f"request-{number}" for number in found]


def test_new_calls_beyond_the_most_are_counted_not_kept() -> None:
    calls = Calls(None)
    calls.add(an_event(number, outcome="refused" if number < 4 else "allowed") for number in range(1, 11))
    fresh = calls.since(2, EVERYTHING, 5)
    assert ids(fresh.calls) == [f"request-{number}" for number in (10, 9, 8, 7, 6)]
    assert (fresh.left_out, fresh.left_out_refused, fresh.lost) == (3, 1, 0)
    assert missed(fresh) == "3 more calls came at the same time, 1 of them refused."


def test_calls_that_nobody_could_read_are_said_to_be_lost() -> None:
    calls = Calls(None)
    calls.add([an_event(1)])
    calls.add((an_event(number) for number in range(2, KEPT_CALLS + 50)), skipped=7)
    fresh = calls.since(1, EVERYTHING, 1)
    assert fresh.lost == 7 + 48
    assert fresh.left_out == KEPT_CALLS - 1
    assert missed(NewCalls((), lost=2_000)) == "2,000 calls came too fast to be read here; podrole events shows them."


def test_memory_is_bounded_by_calls_sessions_and_service_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SESSIONS", 3)
    calls = Calls(None)
    for number in range(20):
        who = f"{SESSION}{number}"
        explanation = {"subject": f"system:serviceaccount:shop:web-{number}"}
        calls.add([an_event(number, what=EXCHANGE, who=who, explanation=explanation)])
    assert len(calls.last_exchanges()) == 3
    assert len(calls._owners) == 3
    assert calls.number == 20


async def test_the_log_is_followed_from_before_its_first_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    path = tmp_path / "events.jsonl"
    calls = Calls(path)
    following = asyncio.create_task(calls.run())
    log = EventLog(path)
    try:
        for number in range(1, 3):
            coming = asyncio.create_task(calls.more())
            await asyncio.sleep(0)
            log.record(an_event(number))
            await asyncio.wait_for(coming, 30)
        assert ids(calls.selected(EVERYTHING, 10)) == ["request-2", "request-1"]
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        log.close()
