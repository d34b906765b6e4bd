"""The console's answers, without a browser: what is refused, what is escaped, what every response carries."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podrole.console.calls import Calls
from podrole.doctor.errors import BadTarget
from podrole.doctor.sources.sources import Sources
from podrole.doctor.survey import AccountState
from support.console import FOLDER, PORT, ROLE, TOKEN, a_console, a_finding, a_row, an_event, an_observation, ask

HOSTILE = "<script>alert(1)</script>\"'&\u202e\u0000\x1b[31m"
VIEWS = ["/", "/chains", "/calls", "/role", "/token", "/map"]


@pytest.mark.parametrize("site", ["", "none", "same-origin"])
async def test_the_printed_url_gives_the_cookie_and_leaves_the_address(site: str) -> None:
    answer = await ask(a_console(), "/", folder="", query=f"token={TOKEN}", cookie="", sec_fetch_site=site)
    assert (answer.status, answer.headers["location"]) == (303, f"/{FOLDER}/")
    assert answer.headers["set-cookie"].startswith(f"podrole-console-{PORT}={TOKEN}; Path=/{FOLDER}/;")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_printed_url_that_was_a_link_of_another_page_is_followed_by_a_page_in_between(site: str) -> None:
    answer = await ask(a_console(), "/", folder="", query=f"token={TOKEN}", cookie="", sec_fetch_site=site)
    assert answer.status == 200
    assert f'content="0; url=/{FOLDER}/"' in answer.text
    assert answer.headers["set-cookie"].startswith(f"podrole-console-{PORT}={TOKEN};")


async def test_the_cookie_is_of_no_use_outside_the_folder_and_not_given_for_a_wrong_token() -> None:
    for path in ["/", "/chains", "/static/console.js", "/another-folder/chains"]:
        for query in ["", "token=wrong", f"token={TOKEN}" if path != "/" else "token="]:
            answer = await ask(a_console(), path, folder="", query=query)
            assert answer.status == 403
            assert "set-cookie" not in answer.headers
            assert FOLDER not in answer.text


async def test_a_stranger_sees_nothing_but_why() -> None:
    console = a_console(an_observation(a_row("secret-namespace", "web")))
    for path in [*VIEWS, "/live", "/static/console.js", "/nowhere"]:
        answer = await ask(console, path, cookie="")
        assert answer.status == 403
        assert "secret-namespace" not in answer.text
        assert "podrole console printed" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/static/../access.py", 404),
        ("GET", "/static/%2e%2e/access.py", 404),
        ("GET", "/repair", 405),
        ("POST", "/", 405),
        ("DELETE", "/map", 405),
        ("GET", "/static/console.css", 200),
        ("HEAD", "/", 200),
    ],
)
async def test_addresses_that_are_not_there_are_not_found(method: str, path: str, status: int) -> None:
    answer = await ask(a_console(), path, method=method)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_form_that_is_too_large_is_refused() -> None:
    answer = await ask(a_console(), "/token", method="POST", body=b"token=" + b"x" * 70_000)
    assert answer.status == 413


@pytest.mark.parametrize("path", VIEWS)
async def test_hostile_names_are_shown_and_stay_text(path: str) -> None:
    row = a_row(HOSTILE, HOSTILE, AccountState.BROKEN, role=f"arn:aws:iam::111122223333:role/{HOSTILE}",
                finding=a_finding(what=HOSTILE))  # fmt: skip
    calls = Calls(Path("events.jsonl"))
    calls.add([an_event(1, id=HOSTILE, who=HOSTILE, what=HOSTILE, on=HOSTILE, why=HOSTILE, outcome="refused")])
    console = a_console(an_observation(row, cluster=HOSTILE, account=HOSTILE), calls=calls)
    console.observer.problem = HOSTILE
    answer = await ask(console, path, query="state=all")
    assert answer.status == 200
    assert "alert(1)" in answer.text or path in ("/chains",)
    for raw in ("<script>alert", "\u202e", "\x1b", "\x00"):
        assert raw not in answer.text
    assert "style=" not in answer.text
    assert " onclick=" not in answer.text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["broken", "sound", "unknown"]),
        ("state=broken", ["broken", "unknown"]),
        ("state=all", ["broken", "none", "sound", "unknown"]),
        ("state=all&namespace=b", ["none"]),
        ("state=made-up", ["broken", "sound", "unknown"]),
    ],
)
async def test_chains_are_selected_by_state_and_namespace(query: str, names: list[str]) -> None:
    rows = [
        a_row("a", "broken", AccountState.BROKEN),
        a_row("b", "none", AccountState.UNBOUND),
        a_row("a", "sound"),
        a_row("a", "unknown", AccountState.UNKNOWN),
    ]
    answer = await ask(a_console(an_observation(*rows)), "/", query=query)
    assert [name for name in ("broken", "none", "sound", "unknown") if f'name={name}"' in answer.text] == names


async def test_the_page_says_that_it_looks_before_the_first_look_has_ended() -> None:
    console = a_console()
    console.observer.progress = (3, 10)
    answer = await ask(console, "/")
    assert "Looking: 3 of 10 service accounts." in answer.text
    assert (await ask(console, "/map")).status == 200


async def test_a_page_that_may_not_run_commands_runs_none() -> None:
    answer = await ask(a_console(), "/repair", method="POST", body=b"target=shop/web&finding=x&confirmed=yes")
    assert answer.status == 400
    assert "podrole console --allow-repair" in answer.text


async def test_a_real_account_s_calls_are_said_to_be_unknown() -> None:
    answer = await ask(a_console(), "/calls")
    assert "aws cloudtrail lookup-events" in answer.text
    assert (await ask(a_console(), "/call", query="id=x")).status == 400


@pytest.mark.parametrize("query", ["arn=x", "arn=arn:aws:iam::111122223333:user/x", f"arn={'x' * 3000}"])
async def test_what_is_no_role_is_refused_in_a_sentence(query: str) -> None:
    answer = await ask(a_console(), "/role", query=query)
    assert answer.status == 400
    assert "ARN" in answer.text
    assert "Traceback" not in answer.text


async def test_pages_are_shown_while_many_requests_wait_for_a_cluster_that_does_not_answer() -> None:
    answers = threading.Event()

    @contextlib.asynccontextmanager
    async def silent() -> AsyncIterator[Sources]:
        answers.wait(60)
        raise BadTarget("It does not answer.")
        yield

    console = a_console(an_observation(a_row()), open_sources=silent)
    waiting = [asyncio.create_task(ask(console, "/role", query=f"arn={ROLE}")) for _ in range(40)]
    try:
        async with asyncio.timeout(20):
            await asyncio.sleep(0)
            assert (await ask(console, "/")).status == 200
        assert not any(task.done() for task in waiting)
    finally:
        answers.set()
        assert {answer.status for answer in await asyncio.gather(*waiting)} == {400}


@pytest.mark.parametrize("site", [None, "https://docs.example.com/podrole"])
async def test_codes_lead_to_their_section_if_there_is_a_site(site: str | None) -> None:
    console = a_console(an_observation(a_row(state=AccountState.BROKEN)), site=site)
    shown = (await ask(console, "/")).text
    assert 'title="The subject names another namespace or service account">PR603<' in shown
    assert ('<a href="https://docs.example.com/podrole/doctor.html#pr603"' in shown) is (site is not None)
    assert ("<abbr " in shown) is (site is None)
