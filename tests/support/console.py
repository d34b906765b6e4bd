"""What the console shows, made by hand: surveys with any names and states, and calls."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from podrole.base.events import Event
from podrole.console.access import BrowserAccess
from podrole.console.application import Application
from podrole.console.calls import Calls
from podrole.console.observation import Observation, Observer
from podrole.console.routes import Console
from podrole.doctor.chain import Diagnosis
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.remedies.changes import Annotate, Remedy
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, holds, unknown
from podrole.doctor.sources.sources import Sources, Tools
from podrole.doctor.survey import AccountState, Survey, SurveyRow

ROLE = "arn:aws:iam::111122223333:role/reader"
TOKEN = "the-token-of-this-start"
PORT = 4580
FOLDER = "the-folder-of-this-start"


def a_finding(code: str = "PR603", what: str = "The trust policy does not trust it.", annotation: str = "x") -> Finding:
    """Return a finding whose remedy is one command."""
    change = Annotate("ServiceAccount", "shop", "web", {"example.com/role": annotation})
    return Finding(code, what, About("Role", "", ROLE), Remedy("annotate it", (change,)), expected="a", got="b")


def a_row(
    namespace: str = "shop",
    name: str = "web",
    state: AccountState = AccountState.SOUND,
    role: str | None = ROLE,
    finding: Finding | None = None,
) -> SurveyRow:
    """Return a row of the survey in this state."""
    target = DoctorTarget(namespace, name)
    if state is AccountState.UNBOUND:
        return SurveyRow(target, state, 0)
    verdicts: dict[AccountState, LinkVerdict] = {
        AccountState.SOUND: holds(Link.TRUST, "the role trusts it"),
        AccountState.BROKEN: broken(Link.TRUST, finding or a_finding()),
        AccountState.UNKNOWN: unknown(Link.TRUST, "the account did not answer"),
    }
    return SurveyRow(target, state, 1, Diagnosis(target, name, role, (verdicts[state],)))


def an_observation(*rows: SurveyRow, number: int = 1, **more: Any) -> Observation:
    """Return what a look found."""
    found = {"cluster": "a cluster", "account": "an account", "tools": Tools(), "preamble": (), **more}
    return Observation(number=number, seen_at=1_000.0, seconds=0.5, survey=Survey(rows), **found)


def an_event(number: int = 1, **members: Any) -> Event:
    """Return a call."""
    given = {
        "id": f"request-{number}",
        "time": 1_000.0 + number,
        "kind": "aws",
        "who": "arn:aws:sts::111122223333:assumed-role/reader/web",
        "what": "s3:GetObject",
        "outcome": "allowed",
        **members,
    }
    return Event(**given)


@dataclass
class Response:
    """A response of the application."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()


@contextlib.asynccontextmanager
async def no_sources() -> AsyncIterator[Sources]:
    """Stand for sources that a test does not read."""
    raise AssertionError("this test reads no sources")
    yield


def a_console(observation: Observation | None = None, **more: Any) -> Console:
    """Return a console that has looked once."""
    observer = Observer(no_sources)
    observer.latest = observation
    return Console(observer, more.pop("calls", Calls(None)), more.pop("open_sources", no_sources), **more)


async def ask(
    console: Console,
    path: str,
    *,
    method: str = "GET",
    query: str = "",
    body: bytes = b"",
    folder: str = f"/{FOLDER}",
    **headers: str,
) -> Response:
    """Ask the application, by default as a browser that has been let in. ``path`` is in the folder of the pages."""
    given = {"host": f"127.0.0.1:{PORT}", "cookie": f"podrole-console-{PORT}={TOKEN}", **headers}
    if method == "POST":
        given.setdefault("origin", f"http://127.0.0.1:{PORT}")
    scope = {
        "type": "http",
        "method": method,
        "path": folder + path,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items() if value],
    }
    response = Response()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            response.body += message.get("body", b"")

    await Application(console, BrowserAccess(TOKEN, PORT, FOLDER))(scope, receive, send)
    return response
