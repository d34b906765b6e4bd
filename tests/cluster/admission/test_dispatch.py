"""How one webhook is asked, and what becomes of an answer or of none."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest

from podrole.cluster.admission.caller import CallError
from podrole.cluster.admission.dispatch import WebhookDispatcher
from podrole.cluster.admission.match_conditions import ConditionFailed
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from support.admission import admission_request

RULE = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "scope": "*"}


class Caller:
    """Stands in for WebhookCaller: answers with a response, or fails."""

    def __init__(self, response: dict[str, Any] | Exception) -> None:
        self.response = response
        self.calls: list[tuple[Any, int]] = []

    async def call(self, config: Any, body: bytes, seconds: int) -> bytes:
        self.calls.append((config, seconds))
        if isinstance(self.response, Exception):
            raise self.response
        response = {"uid": json.loads(body)["request"]["uid"], **self.response}
        return json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        ).encode()


class Conditions:
    """Stands in for MatchConditions."""

    def __init__(self, answer: str | Exception | None = None) -> None:
        self.answer = answer

    async def unmet(self, *_: Any) -> str | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def dispatcher(response: Any, kind: Any = "mutating", conditions: Any = None, **webhook: Any) -> WebhookDispatcher:
    store = MemoryStore()
    hook = {
        "name": "w",
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"url": "https://w"},
        "rules": [RULE],
        "namespaceSelector": {},
        "objectSelector": {},
        **webhook,
    }
    resource = BY_NAME[f"{kind}webhookconfigurations.admissionregistration.k8s.io"]
    store.seed(
        [
            Create(resource, {"metadata": {"name": "c"}, "webhooks": [hook]}),
            Create(BY_NAME["namespaces"], {"metadata": {"name": "demo", "labels": {"team": "a"}}}),
        ]
    )
    made: Any = WebhookDispatcher(kind, store, Caller(response), conditions or Conditions())  # type: ignore[arg-type]
    return made


async def ask(of: WebhookDispatcher, request: Any = None) -> Any:
    (hook,) = of.registered()
    return await of.ask(hook, request or admission_request())


async def refusal(of: WebhookDispatcher, request: Any = None) -> StatusError:
    with pytest.raises(StatusError) as refused:
        await ask(of, request)
    return refused.value


@pytest.mark.parametrize(
    ("side_effects", "dry_run", "asked"),
    [
        ("None", True, True),
        ("NoneOnDryRun", True, True),
        ("Some", True, False),
        ("Unknown", True, False),
        (None, True, False),
        ("Some", False, True),
    ],
)
async def test_a_dry_run_asks_only_a_webhook_without_side_effects(
    side_effects: str | None, dry_run: bool, asked: bool
) -> None:
    of = dispatcher({"allowed": True}, sideEffects=side_effects)
    request = admission_request(dry_run=dry_run)
    if asked:
        assert (await ask(of, request))[1].allowed
    else:
        assert (await refusal(of, request)).http_status == 400
    assert len(of._caller.calls) == asked  # type: ignore[attr-defined] # the stand-in's


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ({"message": "no", "code": 403}, 403, 'admission webhook "w" denied the request: no'),
        ({"reason": "Because"}, 400, 'admission webhook "w" denied the request: Because'),
        ({}, 400, 'admission webhook "w" denied the request without explanation'),
        ({"message": "no", "code": 399}, 400, 'admission webhook "w" denied the request: no'),
        ({"message": "no", "code": 400}, 400, 'admission webhook "w" denied the request: no'),
        ({"message": "no", "code": 599}, 599, 'admission webhook "w" denied the request: no'),
        ({"message": "no", "code": 600}, 400, 'admission webhook "w" denied the request: no'),
        ({"message": "no", "code": 200}, 400, 'admission webhook "w" denied the request: no'),
    ],
)
async def test_a_denial_has_the_code_and_the_words_of_the_webhook(status: Any, code: int, text: str) -> None:
    request = admission_request()
    error = await refusal(dispatcher({"allowed": False, "status": status}), request)
    assert (error.http_status, error.message) == (code, text)
    assert (request.trace[0].outcome, request.trace[0].why) == ("denied", text)


@pytest.mark.parametrize("kind", ["mutating", "validating"])
@pytest.mark.parametrize("failure", [CallError("it is down"), {"uid": "another"}])
@pytest.mark.parametrize("policy", ["Fail", None, "Unknown"])
async def test_a_failed_call_refuses_unless_its_policy_is_to_ignore_it(
    kind: Any, failure: Any, policy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uuid.uuid4", lambda: "u")
    error = await refusal(dispatcher(failure, kind, failurePolicy=policy))
    assert error.http_status == 500
    assert 'failed calling webhook "w": ' in error.message
    request = admission_request()
    trace, verdict = await ask(dispatcher(failure, kind, failurePolicy="Ignore"), request)
    assert (verdict, trace.outcome) == (None, "failed open")
    word = "mutation.webhook" if kind == "mutating" else "validating.webhook"
    assert request.audit == {f"failed-open.{word}.admission.k8s.io/round_0_index_0": "w"}
    assert trace.why == (
        "it is down"
        if isinstance(failure, CallError)
        else 'received invalid webhook response: expected response.uid="u", got "another"'
    )


async def test_warnings_and_annotations_of_an_answer_are_added_to_the_request() -> None:
    request = admission_request(warnings=["first"])
    await ask(dispatcher({"allowed": True, "warnings": ["second"], "auditAnnotations": {"k": "v"}}), request)
    assert (request.warnings, request.audit) == (["first", "second"], {"w/k": "v"})


@pytest.mark.parametrize("response", [{"allowed": True}, {"allowed": False}, CallError("it is down")])
async def test_the_trace_says_how_long_a_call_took(response: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([10.5, 12.75])
    monkeypatch.setattr("time.perf_counter", lambda: next(readings))
    request = admission_request()
    of = dispatcher(response, failurePolicy="Ignore")
    (hook,) = of.registered()
    with contextlib.suppress(StatusError):
        await of.ask(hook, request, 1)
    (trace,) = request.trace
    assert (trace.milliseconds, trace.round) == (2250.0, 1)


async def test_only_a_mutating_webhook_may_patch() -> None:
    patch = base64.b64encode(b'[{"op": "remove", "path": "/x"}]').decode()
    response = {"allowed": True, "patch": patch, "patchType": "JSONPatch"}
    _, verdict = await ask(dispatcher(response, "mutating"))
    assert verdict.patch == [{"op": "remove", "path": "/x"}]
    error = await refusal(dispatcher(response, "validating"))
    assert error.message.endswith("validating webhook may not return response.patch")


async def test_a_denial_is_never_ignored() -> None:
    assert (await refusal(dispatcher({"allowed": False}, failurePolicy="Ignore"))).http_status == 400


async def test_a_webhook_has_ten_seconds_unless_it_says_otherwise() -> None:
    for of, seconds in (
        (dispatcher({"allowed": True}), 10),
        (dispatcher({"allowed": True}, timeoutSeconds=3), 3),
    ):
        await ask(of)
        assert of._caller.calls == [({"url": "https://w"}, seconds)]  # type: ignore[attr-defined]


async def is_called(of: WebhookDispatcher, request: Any) -> bool:
    (hook,) = of.registered()
    return await of.is_called(hook, request, of.namespace_labels(request))


async def test_an_unmet_condition_keeps_the_request_away_and_is_told() -> None:
    request = admission_request()
    assert not await is_called(dispatcher({}, conditions=Conditions("it is false")), request)
    (trace,) = request.trace
    assert (trace.outcome, trace.why, trace.round) == ("not called", "it is false", 0)


async def test_a_condition_that_fails_refuses_the_request() -> None:
    request = admission_request()
    with pytest.raises(StatusError) as refused:
        await is_called(dispatcher({}, conditions=Conditions(ConditionFailed("no such key"))), request)
    assert refused.value.http_status == 403
    assert request.trace[0].outcome == "failed"


async def test_conditions_are_not_asked_of_a_request_that_no_rule_matches() -> None:
    of = dispatcher({}, conditions=Conditions(ConditionFailed("x")), rules=[{**RULE, "resources": ["services"]}])
    request = admission_request()
    assert not await is_called(of, request)
    assert request.trace == []


@pytest.mark.parametrize(
    ("request_", "labels"),
    [
        (lambda: admission_request(), {"team": "a"}),
        (lambda: admission_request(namespace="missing"), {}),
        (lambda: admission_request("nodes"), None),
        (lambda: admission_request("namespaces", object={"metadata": {"labels": {"own": "1"}}}), {"own": "1"}),
        (
            lambda: admission_request("namespaces", "DELETE", object=None, old={"metadata": {"labels": {"own": "2"}}}),
            {"own": "2"},
        ),
    ],
)
def test_namespace_selectors_look_at_the_namespace_of_the_request(request_: Any, labels: Any) -> None:
    assert dispatcher({}).namespace_labels(request_()) == labels


async def test_a_webhook_whose_conditions_are_met_is_called() -> None:
    request = admission_request()
    assert await is_called(dispatcher({}), request)
    assert request.trace == []


async def test_a_selector_that_does_not_match_is_told_and_only_once() -> None:
    of = dispatcher({}, namespaceSelector={"matchLabels": {"team": "b"}})
    request = admission_request()
    assert not await is_called(of, request)
    assert [one.outcome for one in request.trace] == ["not called"]
    (hook,) = of.registered()
    assert not await of.is_called(hook, request, of.namespace_labels(request), explain=False)
    assert len(request.trace) == 1


@pytest.mark.parametrize(("kind", "outcome"), [("mutating", "unchanged"), ("validating", "allowed")])
async def test_the_trace_says_what_an_allowing_webhook_did(kind: str, outcome: str) -> None:
    trace, response = await ask(dispatcher({"allowed": True}, kind))
    assert (trace.outcome, response.allowed) == (outcome, True)


def test_webhooks_are_ordered_by_their_configuration_and_their_place_in_it() -> None:
    of = dispatcher({})
    store: Any = of._store
    store.seed(
        Create(of._configurations, {"metadata": {"name": name}, **webhooks})
        for name, webhooks in (("b", {"webhooks": [{"name": "y"}, {"name": "x"}]}), ("a", {}))
    )
    assert [(one.registered.key, one.index) for one in of.registered()] == [
        (("b", "y"), 0),
        (("b", "x"), 1),
        (("c", "w"), 2),
    ]
