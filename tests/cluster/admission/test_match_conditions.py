"""What the conditions of a webhook decide, and what becomes of one that cannot be evaluated."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from podrole.cluster.admission.match_conditions import ConditionFailed, MatchConditions
from podrole.cluster.authorization.decisions import AccessAttributes, AccessDecision
from podrole.cluster.core.users import User
from support.admission import admission_request


class Authorizer:
    """Stands in for Authorizer: allows the verb ``get``, with a reason, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AccessAttributes] = []

    def decide(self, wanted: AccessAttributes) -> AccessDecision:
        self.asked.append(wanted)
        return AccessDecision(allowed=wanted.verb == "get", reason=f"because of {wanted.verb}")


def webhook(*expressions: str, **more: Any) -> dict[str, Any]:
    named = [{"name": f"c{number}", "expression": one} for number, one in enumerate(expressions)]
    return {"matchConditions": named, **more}


def unmet(hook: dict[str, Any], request: Any = None, authorizer: Any = None) -> str | None:
    return asyncio.run(MatchConditions(authorizer or Authorizer()).unmet(hook, request or admission_request()))


NO_KEY = "expression 'object.nothing == 1' resulted in error: no such key: nothing"
DIVISION = "expression '1 / (request.name.size() - 1) == 1'"
NO_BOOL = "expression 'object.metadata' resulted in error: it is not a bool but dict"


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ({}, None),
        ({"matchConditions": []}, None),
        (webhook("true"), None),
        (webhook(" true "), None),
        (webhook("true", "true"), None),
        (webhook("false"), "its matchCondition 'c0' is false"),
        (webhook("true", "false"), "its matchCondition 'c1' is false"),
        (webhook("object.nothing == 1", "false"), "its matchCondition 'c1' is false"),
        (
            webhook("object.nothing == 1", "true", failurePolicy="Ignore"),
            f"a matchCondition cannot be evaluated, and its failurePolicy is Ignore: {NO_KEY}",
        ),
    ],
)
def test_which_conditions_keep_a_webhook_from_being_called(hook: dict[str, Any], why: str | None) -> None:
    assert unmet(hook) == why


@pytest.mark.parametrize(
    ("expressions", "text"),
    [
        (["object.nothing == 1"], NO_KEY),
        (["true", "object.nothing == 1"], NO_KEY),
        (["object.metadata"], NO_BOOL),
        (["object.nothing == 1", "object.metadata"], f"[{NO_KEY}, {NO_BOOL}]"),
        (["1 / (request.name.size() - 1) == 1"], f"{DIVISION} resulted in error: divide by zero"),
    ],
)
@pytest.mark.parametrize("policy", [{}, {"failurePolicy": "Fail"}])
def test_a_condition_that_cannot_be_evaluated_fails(expressions: list[str], text: str, policy: Any) -> None:
    with pytest.raises(ConditionFailed) as failed:
        unmet(webhook(*expressions, **policy))
    assert str(failed.value) == text


def test_an_expression_sees_the_request_and_both_objects() -> None:
    request = admission_request(operation="UPDATE", object={"a": 1}, old={"a": 0})
    assert unmet(webhook("object.a == 1 && oldObject.a == 0 && request.operation == 'UPDATE'"), request) is None


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        (
            "authorizer.requestResource.check('get').allowed()",
            {"resource": "pods", "subresource": "exec", "namespace": "demo", "name": "p"},
        ),
        (
            (
                "authorizer.group('apps').resource('deployments').subresource('scale').namespace('n').name('d')"
                ".check('get').reason() == 'because of get'"
            ),
            {"group": "apps", "resource": "deployments", "subresource": "scale", "namespace": "n", "name": "d"},
        ),
        ("authorizer.path('/metrics').check('get').allowed()", {"path": "/metrics"}),
    ],
)
def test_the_authorizer_is_asked_for_the_user_of_the_request(expression: str, asked: dict[str, str]) -> None:
    authorizer = Authorizer()
    request = admission_request(subresource="exec", object={})
    request.user = User("jane", groups=("devs",))
    assert unmet(webhook(expression), request, authorizer) is None
    assert authorizer.asked == [AccessAttributes(request.user, "get", **asked)]
    refused = expression.replace("'get'", "'delete'")
    assert unmet(webhook(refused), request, authorizer) == "its matchCondition 'c0' is false"
