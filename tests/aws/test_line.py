"""The endpoint's line of stations without a listener: what each request passes, what is recorded, and what is noted."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from podrole.account.opening import Account
from podrole.account.store import AccountStore
from podrole.aws import endpoint as endpoint_module
from podrole.aws.endpoint import HEALTH_PATH, Endpoint
from podrole.aws.operations.eks import ClusterInfo
from podrole.aws.protocol.wire import HTTPRequest
from podrole.base.asgi import BodyTooLarge
from podrole.base.certificates import Authority
from podrole.base.events import EventLog
from podrole.oidc.key_source import Issuers
from podrole.sts.credentials import Credentials, Vault
from podrole.sts.session import Session, SessionKind
from support.clock import Turned
from support.offline_requests import URL, signed_request

NOW, ACCOUNT, REGION = 1_769_860_800.0, "111122223333", "us-east-1"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FOREIGN = "AKIAQ2YKXS5XEXAMPLE7"
VAULT = Vault(bytes(range(32)))
CERTIFICATE = Authority.create("test", now=NOW).certificate_pem
CLUSTER = ClusterInfo("podrole", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/podrole", URL, CERTIFICATE, "i", "1.36", NOW)
NODE = f"arn:aws:iam::{ACCOUNT}:role/podrole-node"
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Sent:
    """What an endpoint sent for one request."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> str:
        return str(self.messages[1]["body"].decode())


class Line:
    """An endpoint, its event log and its clock."""

    def __init__(self, store: AccountStore | None = None, **more: Any) -> None:
        self.clock, self.events = Turned(NOW), EventLog()
        self.store = store or AccountStore(self.clock, os.urandom)
        account = Account(ACCOUNT, REGION, KEY, SECRET)
        issuers = cast("Issuers", None)
        options = {"services": False, **more}
        self.endpoint = Endpoint(
            account,
            CLUSTER,
            store=self.store,
            vault=VAULT,
            keys=issuers,
            events=self.events,
            clock=self.clock,
            **options,
        )

    async def __call__(self, request: HTTPRequest, *, ends: bool = True) -> Sent:
        sent = Sent()

        async def receive() -> Any:
            return {"type": "http.request", "body": request.body} if ends else {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "method": request.method,
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": request.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in request.headers],
            "client": ("127.0.0.1", 1),
            "scheme": "http",
        }
        await self.endpoint(scope, receive, sent)
        return sent

    def told(self) -> list[tuple[str, str, int | None]]:
        """Return who called what with which status."""
        return [(event.who, event.what, event.status) for event in self.events.recent()]

    def used(self) -> Mapping[str, Any]:
        """Return the keys and roles whose use was noted."""
        return self.endpoint._uses._uses


@pytest.fixture
async def line() -> Line:
    made = Line()
    await made.endpoint.open_account()
    return made


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def iam(action: str, key: str = KEY, secret: str = SECRET, more: str = "", **options: Any) -> HTTPRequest:
    body = f"Action={action}&Version=2010-05-08{more}".encode()
    return signed_request("iam", key=key, secret=secret, at=options.pop("at", NOW), headers=FORM, body=body, **options)


def temporary(made: Credentials) -> dict[str, str]:
    return {"key": made.access_key_id, "secret": made.secret_access_key, "token": made.session_token}


ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"


async def test_call_passes_all_stations_and_is_recorded(line: Line) -> None:
    answer = await line(iam("GetUser"))
    assert (answer.status, "<UserName>admin</UserName>" in answer.body) == (200, True)
    assert line.told() == [(ADMIN, "iam:GetUser", 200)]
    refused = await line(iam("GetRole", more="&RoleName=none"))
    assert (refused.status, "<Code>NoSuchEntity</Code>" in refused.body) == (404, True)
    assert line.told()[0] == (ADMIN, "iam:GetRole", 404)


async def test_request_has_an_id_of_its_own(line: Line) -> None:
    for _ in range(40):
        await line(HTTPRequest("POST", "/", "", [], b"", ""))
    ids = {event.id for event in line.events.recent()}
    assert len(ids) == 40
    assert [one for one in ids if not ID.fullmatch(one)] == []


async def test_health_needs_no_signature_and_is_not_recorded() -> None:
    line = Line()
    answer = await line(HTTPRequest("GET", HEALTH_PATH, "", [], b"", ""))
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    assert line.told() == []


async def test_call_waits_until_the_account_is_open() -> None:
    line = Line()
    waiting = asyncio.ensure_future(line(iam("GetUser")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert line.endpoint.administrator_id == ""
    await line.endpoint.open_account()
    assert (await waiting).status == 200
    assert line.endpoint.administrator_id.startswith("AIDA")


# What is refused before a station, or by none


async def test_request_that_names_no_operation_is_recorded(line: Line) -> None:
    answer = await line(HTTPRequest("POST", "/", "", [], b"Action=Nothing", ""))
    assert answer.status == 404
    ((who, what, status),) = line.told()
    assert (who, what.endswith(":Unknown"), status) == ("unauthenticated", True, 404)


async def test_body_that_breaks_off_is_neither_served_nor_recorded(line: Line) -> None:
    assert (await line(iam("GetUser"), ends=False)).messages == []
    assert line.told() == []


async def test_body_that_is_too_large_is_refused(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_request(*_: Any) -> Any:
        raise BodyTooLarge(1)

    monkeypatch.setattr(endpoint_module, "read_request", read_request)
    assert (await line(iam("GetUser"))).status == 413


@pytest.mark.parametrize(("station", "what"), [("identify", "a request"), ("authenticate", "a call to iam:GetUser")])
async def test_fault_of_podrole_is_answered_recorded_and_logged_without_the_clients_text(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, station: str, what: str
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a token of the client")

    monkeypatch.setattr(endpoint_module, station, failing)
    answer = await line(iam("GetUser"))
    assert (answer.status, "InternalFailure" in answer.body) == (500, True)
    ((_, _, status),) = line.told()
    assert status == 500
    (logged,) = caplog.messages
    assert logged.startswith(f"{what} failed: RuntimeError at ")
    assert " in failing < " in logged
    assert "token" not in logged


async def test_key_of_another_world_is_named_on_the_console(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert (await line(iam("GetUser", FOREIGN))).status == 403
    (logged,) = caplog.messages
    assert FOREIGN in logged
    assert line.told() == [("unauthenticated", "iam:GetUser", 403)]


async def test_session_of_a_user_may_not_call_iam(line: Line) -> None:
    session = Session(
        SessionKind.SESSION_TOKEN, ACCOUNT, ADMIN, line.endpoint.administrator_id, "", int(NOW), int(NOW) + 900
    )
    answer = await line(iam("GetUser", **temporary(VAULT.issue(session))))
    assert (answer.status, "<Code>InvalidClientTokenId</Code>" in answer.body) == (403, True)
    assert line.used() == {}


# What is noted of keys and roles


async def test_last_use_of_a_key_is_noted(line: Line) -> None:
    await line(iam("GetUser"))
    assert line.used() == {KEY: (NOW, "iam", REGION)}


async def test_last_use_of_a_role_is_noted(line: Line) -> None:
    made = line.endpoint.node_credentials()
    assert made is not None
    await line(iam("ListRoles", **temporary(made)))
    ((role_id, use),) = line.used().items()
    assert (role_id[:4], use) == ("AROA", (NOW, "iam", REGION))


async def test_nothing_is_noted_of_a_caller_without_a_key(line: Line) -> None:
    assert (await line(HTTPRequest("GET", "/shop/a", "", [("host", "127.0.0.1")], b"", ""))).status >= 400
    assert line.used() == {}


async def test_large_input_is_read_beside_the_event_loop(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    read, asked = endpoint_module.read_large_input, []

    async def reading(call: Any) -> None:
        assert call.input is None
        asked.append(call)
        await read(call)

    monkeypatch.setattr(endpoint_module, "read_large_input", reading)
    assert (await line(iam("GetUser"))).status == 200
    assert len(asked) == 1


# Clocks


@pytest.mark.parametrize(
    ("signature_clock", "signed_at", "status"),
    [(None, NOW, 200), (None, NOW + 7_200, 403), (NOW + 7_200, NOW + 7_200, 200), (NOW + 7_200, NOW, 403)],
)
async def test_signature_is_as_old_as_its_clock_says(
    signature_clock: float | None, signed_at: float, status: int
) -> None:
    line = Line(signature_clock=None if signature_clock is None else Turned(signature_clock))
    await line.endpoint.open_account()
    assert (await line(iam("GetUser", at=signed_at))).status == status


# The cluster's side


def cluster_token() -> str:
    import base64

    path, headers = "/?Action=GetCallerIdentity&Version=2011-06-15", {"x-k8s-aws-id": "podrole"}
    options = {"method": "GET", "signer": "SigV4QueryAuth", "expires": 60}
    signed = signed_request("sts", key=KEY, secret=SECRET, at=NOW, path=path, headers=headers, **options)  # type: ignore[arg-type]
    return "k8s-aws-v1." + base64.urlsafe_b64encode(f"{URL}/?{signed.query}".encode()).decode().rstrip("=")


async def test_identities_are_known_once_the_account_is_open(line: Line) -> None:
    identity = line.endpoint.cluster_identity(cluster_token())
    assert identity is not None
    assert identity.arn == ADMIN
    made = line.endpoint.node_credentials()
    assert made is not None
    session = VAULT.open(made.access_key_id, made.session_token)
    assert session is not None
    assert (session.account, session.issued_at) == (ACCOUNT, int(NOW))
    closed = Line(line.store)  # the account is there, and not open yet
    assert closed.endpoint.cluster_identity(cluster_token()) is None
    assert closed.endpoint.node_credentials() is None


# The services


class FakeServices:
    """Services that count how often they were opened and closed, and hold what they were made of."""

    def __init__(self, *made_of: Any, **options: Any) -> None:
        self.made_of, self.options = made_of, options
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1


async def test_services_are_made_opened_and_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(endpoint_module, "_simulated_services", FakeServices)
    for options, anywhere in (({}, False), ({"deliver_anywhere": True}, True)):
        clock = Turned(NOW)
        store = AccountStore(clock, os.urandom)
        account = Account(ACCOUNT, REGION, KEY, SECRET)
        given: dict[str, Any] = {"vault": VAULT, "keys": None, "events": EventLog(), "saved_services": tmp_path}
        endpoint = Endpoint(account, CLUSTER, store=store, clock=clock, **given, **options)
        services = cast("Any", endpoint.services)
        assert services.made_of == (store, clock, tmp_path)
        assert services.options == {"deliver_anywhere": anywhere}
        await endpoint.open_account()
        await endpoint.close()
        assert (services.opened, services.closed) == (1, 1)


async def test_endpoint_without_services_opens_and_closes() -> None:
    line = Line()
    assert line.endpoint.services is None
    await line.endpoint.open_account()
    await line.endpoint.close()


@pytest.mark.parametrize("installed", [True, False])
def test_services_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if installed else None)
    monkeypatch.setitem(sys.modules, "podrole.aws.emulator", SimpleNamespace(MotoServices=FakeServices))
    made = cast("Any", endpoint_module._simulated_services)(1, 2, 3, deliver_anywhere=True)
    assert made is None if not installed else (made.made_of, made.options) == ((1, 2, 3), {"deliver_anywhere": True})
