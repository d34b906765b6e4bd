"""What the server keeps for what clients send is bounded."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import pytest

from podrole.base.certificates import Authority
from podrole.base.serving import LOOPBACK
from podrole.cluster.admission import caller as caller_module
from podrole.cluster.admission.caller import CallError, WebhookCaller
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.field_selectors import parse_fields
from podrole.cluster.core.label_selectors import parse_labels
from podrole.cluster.kinds.registry import group_versions
from podrole.cluster.publish import discovery, openapi
from support.hooks import Hook

KNOWN = len(group_versions())


def test_discovery_keeps_no_documents_of_unknown_groups() -> None:
    discovery._api_resource_list.cache_clear()  # of what other tests asked for, custom resources among it
    for number in range(KNOWN + 5):
        assert discovery.api_group(f"group-{number}.example") is None
        assert discovery.api_resource_list("apps", f"v{number + 2}") is None
        assert discovery.api_resource_list(f"group-{number}.example", "v1") is None
    assert discovery.api_group("") is None
    assert discovery._api_resource_list.cache_info().currsize == 0


def test_openapi_keeps_no_documents_of_unknown_groups() -> None:
    openapi._document.cache_clear()
    for number in range(KNOWN + 5):
        assert openapi.document(f"group-{number}.example", "v1") is None
        assert openapi.document("", f"v{number + 2}") is None
    assert openapi._document.cache_info().currsize == 0


def test_a_long_selector_is_read_each_time() -> None:
    text = ",".join(f"key-{number}=value" for number in range(100))
    assert parse_labels(text) is not parse_labels(text)
    assert parse_labels("a=b") is parse_labels("a=b")


SELECTORS = [
    ("a=1,a=2", {"a": "1"}, False),
    ("a in (1,2),a in (2,3)", {"a": "2"}, True),
    ("a in (1,2),a in (2,3)", {"a": "1"}, False),
    ("a!=1,a!=2", {"a": "2"}, False),
    ("a!=1,a!=2", {"a": "3"}, True),
    ("a!=1,b!=1", {}, True),
    ("a,!a", {"a": ""}, False),
    ("!a,a!=1", {"a": "2"}, False),
    ("a>1,a>3", {"a": "3"}, False),
    ("a>1,a>3", {"a": "4"}, True),
    ("a<9,a<5", {"a": "5"}, False),
    ("a<9,a<5", {"a": "4"}, True),
    ("a>1", {"a": "x"}, False),
    ("a>1", {}, False),
    ("a,b", {"a": ""}, False),
    ("a,b", {"a": "", "c": ""}, False),
    ("a,b", {"a": "", "b": ""}, True),
]


@pytest.mark.parametrize(("text", "labels", "selected"), SELECTORS)
def test_conditions_on_one_label_are_taken_together(text: str, labels: dict[str, str], selected: bool) -> None:
    assert parse_labels(text).matches(labels) is selected


@pytest.mark.parametrize("limit", ["x", "", "-1", "9" * 19, "9" * 63, "1_0"])
def test_a_label_is_compared_with_whole_numbers_only(limit: str) -> None:
    with pytest.raises(StatusError, match="the value must be an integer"):
        parse_labels(f"a>{limit}")


def test_a_selector_has_few_conditions_however_long_it_is() -> None:
    labels = parse_labels(",".join(f"a!=v{number},a in (v{number}),!a,a" for number in range(100)))
    assert (len(labels.needed), len(labels.refusing["a"])) == (2, 2)
    fields = parse_fields(",".join(f"metadata.name!=v{number},metadata.name=w" for number in range(100)), ())
    assert len(fields.terms) == 2
    assert fields.matches({"metadata": {"name": "w"}})
    assert not fields.matches({"metadata": {"name": "x"}})
    assert not parse_fields("metadata.name=a,metadata.name=b", ()).matches({"metadata": {"name": "a"}})


def bundle() -> str:
    return base64.b64encode(Authority.create("another", now=time.time()).certificate_pem).decode()


async def call(caller: WebhookCaller, hook: Hook, ca_bundle: str, seconds: int = 10) -> bytes:
    service = {"namespace": "infra", "name": "hook", "port": 443}
    return await caller.call({"service": service, "caBundle": ca_bundle}, b'{"request": {"uid": "u"}}', seconds)


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> tuple[WebhookCaller, list[int]]:
    monkeypatch.setattr(caller_module, "MAX_CLIENTS", 2)
    port = [0]
    return WebhookCaller(lambda *_: (LOOPBACK, port[0])), port


async def test_clients_of_webhooks_are_bounded(caller: Any) -> None:
    calls, port = caller
    hook = Hook()
    async with hook.running("hook.infra.svc"):
        port[0] = hook.port
        assert await call(calls, hook, hook.bundle)
        (first,) = calls._clients.values()
        for _ in range(4):
            with pytest.raises(CallError, match="certificate signed by unknown authority"):
                await call(calls, hook, bundle())
            assert len(calls._clients) <= 2
        assert first.http.is_closed
        assert await call(calls, hook, hook.bundle), "a client that was closed is made again"
        await calls.close()
    assert calls._clients == {}


async def test_the_client_used_last_is_kept(caller: Any) -> None:
    calls, port = caller
    hook = Hook()
    async with hook.running("hook.infra.svc"):
        port[0] = hook.port
        for _ in range(3):
            assert await call(calls, hook, hook.bundle)
            with pytest.raises(CallError):
                await call(calls, hook, bundle())
        assert not calls._clients[hook.bundle].http.is_closed
        await calls.close()


async def test_a_client_is_closed_after_the_call_that_it_is_in(caller: Any) -> None:
    calls, port = caller
    hook = Hook()
    hook.release = asyncio.Event()
    async with hook.running("hook.infra.svc"):
        port[0] = hook.port
        under_way = asyncio.create_task(call(calls, hook, hook.bundle))
        await hook.called.wait()
        client = calls._clients[hook.bundle]
        for _ in range(3):
            with pytest.raises(CallError):
                await call(calls, hook, bundle())
        assert hook.bundle not in calls._clients
        assert not client.http.is_closed
        hook.release.set()
        assert await under_way
        assert client.http.is_closed
        await calls.close()
