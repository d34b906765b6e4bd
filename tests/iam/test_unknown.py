"""A condition key whose value is unknown: an Allow needs true, a Deny applies unless false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from podrole.iam.conditions import Condition
from podrole.iam.evaluate import Decision, Outcome, PolicySet, evaluate
from podrole.iam.explain import explain, render, summary
from podrole.iam.operators import OPERATORS
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts, Request
from podrole.iam.unknown import UNKNOWN, UnknownKeys, all_of, any_of

USER = principal_of("arn:aws:iam::111122223333:user/bob")
RESOURCE = "arn:aws:s3:::shop/blue/cart"
KEY = "ec2:Tenancy"
VALUES = {"Numeric": "1", "Date": "2026-01-01", "Bool": "true", "Ip": "10.0.0.0/8", "NotIp": "10.0.0.0/8"}
ALLOWED, IMPLICIT, EXPLICIT = Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED, Outcome.EXPLICITLY_DENIED


def value_for(operator: str) -> str:
    return next((value for start, value in VALUES.items() if operator.startswith(start)), "arn:aws:s3:::a")


def every_form() -> list[str]:
    forms = [*OPERATORS, *(f"{name}IfExists" for name in OPERATORS), "Null"]
    sets = [f"{qualifier}:{name}" for qualifier in ("ForAllValues", "ForAnyValue") for name in forms if name != "Null"]
    return [*forms, *sets]


def request(
    context: Mapping[str, str | Sequence[str]] | None = None,
    unknown: Sequence[str] = (),
    resource: str = RESOURCE,
    *,
    partial: bool = False,
) -> Request:
    return Request(USER, "s3:GetObject", resource, "", context or {}, partial, UnknownKeys(unknown))


def decide(policy: Any, asked: Request, **elements: Any) -> tuple[Outcome, Outcome]:
    """Return what an Allow with these elements decides, and what a Deny does beside an Allow of everything."""
    statement = {"Action": "s3:GetObject", **({} if "NotResource" in elements else {"Resource": "*"}), **elements}
    everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"}, name="everything")
    allow = PolicySet((policy({"Effect": "Allow", **statement}),))
    deny = PolicySet((everything, policy({"Effect": "Deny", **statement})))
    return evaluate(asked, allow).outcome, evaluate(asked, deny).outcome


@pytest.mark.parametrize("operator", every_form())
def test_every_operator_on_an_unknown_key_is_unknown(policy: Any, operator: str) -> None:
    value = "true" if operator == "Null" else value_for(operator.rpartition(":")[2])
    condition = Condition(operator, KEY, [value], variables=True)
    asked = request(unknown=[KEY])
    assert condition.holds(Facts(asked)) is UNKNOWN
    assert decide(policy, asked, Condition={operator: {KEY: [value]}}) == (IMPLICIT, EXPLICIT)


@pytest.mark.parametrize("operator", every_form())
def test_a_key_that_the_request_has_is_not_unknown(operator: str) -> None:
    value = "true" if operator == "Null" else value_for(operator.rpartition(":")[2])
    condition = Condition(operator, KEY, [value], variables=True)
    assert condition.holds(Facts(request({KEY: "x"}, [KEY]))) is not UNKNOWN


@pytest.mark.parametrize(
    ("unknown", "key", "is_unknown"),
    [
        ("dynamodb:LeadingKeys", "DYNAMODB:leadingkeys", True),
        ("dynamodb:LeadingKeys", "dynamodb:LeadingKeys2", False),
        ("aws:ResourceTag/*", "aws:resourcetag/Team", True),
        ("aws:ResourceTag/*", "aws:ResourceTags", False),
        ("*", "anything", True),
    ],
)
def test_a_key_or_a_family_of_keys_can_be_unknown(unknown: str, key: str, is_unknown: bool) -> None:
    condition = Condition("StringEquals", key, ["a"], variables=True)
    assert (condition.holds(Facts(request(unknown=[unknown]))) is UNKNOWN) is is_unknown


def test_without_unknown_keys_an_absent_key_is_absent() -> None:
    facts = Facts(Request(USER, "s3:GetObject", RESOURCE))
    assert Condition("StringNotEquals", KEY, ["a"], variables=True).holds(facts) is True
    assert Condition("StringEquals", KEY, ["a"], variables=True).holds(facts) is False
    assert request().unknown.__contains__(3) is False  # type: ignore[operator]


TRUE, FALSE, OPEN = {"k": "1"}, {"k": "2"}, {KEY: "1"}


@pytest.mark.parametrize(
    ("conditions", "allow", "deny"),
    [
        pytest.param([TRUE, TRUE], ALLOWED, EXPLICIT, id="true and true"),
        pytest.param([TRUE, OPEN], IMPLICIT, EXPLICIT, id="true and unknown"),
        pytest.param([OPEN, TRUE], IMPLICIT, EXPLICIT, id="unknown and true"),
        pytest.param([OPEN, OPEN], IMPLICIT, EXPLICIT, id="unknown and unknown"),
        pytest.param([FALSE, OPEN], IMPLICIT, ALLOWED, id="false and unknown"),
        pytest.param([OPEN, FALSE], IMPLICIT, ALLOWED, id="unknown and false"),
    ],
)
def test_a_block_is_false_if_any_is_false_else_unknown_if_any_is_unknown(
    policy: Any, conditions: list[dict[str, str]], allow: Outcome, deny: Outcome
) -> None:
    block = {"StringEquals": conditions[0], "StringLike": conditions[1]}
    assert decide(policy, request({"k": "1"}, [KEY]), Condition=block) == (allow, deny)


@pytest.mark.parametrize(
    ("answers", "every", "some"),
    [
        ([], True, False),
        ([True, True], True, True),
        ([True, UNKNOWN], UNKNOWN, True),
        ([UNKNOWN, True], UNKNOWN, True),
        ([False, UNKNOWN], False, UNKNOWN),
        ([UNKNOWN, False], False, UNKNOWN),
        ([UNKNOWN, False, True], False, True),
        ([UNKNOWN], UNKNOWN, UNKNOWN),
    ],
)
def test_three_values_are_joined(answers: list[Any], every: Any, some: Any) -> None:
    assert all_of(answers) is every
    assert any_of(answers) is some


def test_unknown_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(UNKNOWN)


# Variables with an unknown value

TEAM = "${aws:PrincipalTag/team}"
UNKNOWN_TAGS = ["aws:PrincipalTag/*"]
ARN = "arn:aws:s3:::shop"


@pytest.mark.parametrize(
    ("operator", "pattern", "value", "holds"),
    [
        ("StringEquals", TEAM, "blue", UNKNOWN),
        ("StringNotEquals", TEAM, "blue", UNKNOWN),
        ("StringEqualsIgnoreCase", f"A-{TEAM}", "a-blue", UNKNOWN),
        ("StringEqualsIgnoreCase", f"A-{TEAM}", "b-blue", False),
        ("StringLike", f"{TEAM}-*", "blue-1", UNKNOWN),
        ("StringLike", f"{TEAM}-*", "blue", False),
        ("StringNotLike", f"{TEAM}-*", "blue", True),
        ("StringEquals", f"{TEAM}-*", "blue-1", False),
        ("StringEquals", "${aws:PrincipalTag/team, 'red'}", "blue", UNKNOWN),
        ("StringEquals", "${aws:TagKeys}", "blue", False),
        ("ArnLike", f"{ARN}/{TEAM}", f"{ARN}/x", UNKNOWN),
        ("ArnLike", f"{ARN}/{TEAM}", "arn:aws:s3:::other/x", False),
        ("ArnNotLike", f"{ARN}/{TEAM}", f"{ARN}/x", UNKNOWN),
        ("ArnNotLike", f"{ARN}/{TEAM}", "arn:aws:s3:::other/x", True),
        ("ArnEquals", TEAM, f"{ARN}/x", UNKNOWN),
        ("ArnEquals", TEAM, "no arn", False),
        ("ForAllValues:StringEquals", TEAM, ["blue", "red"], UNKNOWN),
        ("ForAllValues:StringLike", f"{TEAM}-1", ["blue-1", "red"], False),
        ("ForAllValues:StringLike", f"{TEAM}-1", [""], True),
        ("ForAnyValue:StringEquals", TEAM, ["blue"], UNKNOWN),
        ("ForAnyValue:StringLike", f"{TEAM}-1", ["red"], False),
        ("ForAnyValue:StringLike", TEAM, [""], False),
    ],
)
def test_a_variable_with_an_unknown_value_may_stand_for_any_text(
    policy: Any, operator: str, pattern: str, value: Any, holds: Any
) -> None:
    asked = request({"k": value}, [*UNKNOWN_TAGS, "aws:TagKeys"])
    assert Condition(operator, "k", [pattern], variables=True).holds(Facts(asked)) is holds
    expected = {True: (ALLOWED, EXPLICIT), False: (IMPLICIT, ALLOWED), UNKNOWN: (IMPLICIT, EXPLICIT)}
    assert decide(policy, asked, Condition={operator: {"k": pattern}}) == expected[holds]


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [
        ("StringEquals", "green", True),
        ("StringNotEquals", "green", False),
        ("ForAnyValue:StringEquals", ["blue", "green"], True),
        ("ForAllValues:StringNotEquals", ["blue", "green"], False),
        ("ForAllValues:StringEquals", ["blue", "green"], UNKNOWN),
    ],
)
def test_another_value_of_the_policy_can_decide_without_the_variable(operator: str, value: Any, holds: Any) -> None:
    condition = Condition(operator, "k", [TEAM, "green"], variables=True)
    assert condition.holds(Facts(request({"k": value}, UNKNOWN_TAGS))) is holds


def test_a_malformed_arn_in_the_policy_still_keeps_a_negated_operator_from_holding() -> None:
    condition = Condition("ArnNotLike", "k", ["no arn", f"{ARN}/{TEAM}"], variables=True)
    assert condition.holds(Facts(request({"k": f"{ARN}/x"}, UNKNOWN_TAGS))) is False


INSIDE, OUTSIDE = f"arn:aws:s3:::shop/{TEAM}/*", f"arn:aws:s3:::stock/{TEAM}/*"


@pytest.mark.parametrize(
    ("element", "patterns", "known", "allow", "deny"),
    [
        pytest.param("Resource", [INSIDE], "unknown", IMPLICIT, EXPLICIT, id="Resource, unknown value"),
        pytest.param("Resource", [OUTSIDE], "unknown", IMPLICIT, ALLOWED, id="Resource that no value fits"),
        pytest.param(
            "Resource", [INSIDE, f"{RESOURCE}*"], "unknown", ALLOWED, EXPLICIT, id="Resource that fits beside"
        ),
        pytest.param("Resource", [INSIDE], "missing", IMPLICIT, ALLOWED, id="Resource, no value"),
        pytest.param("NotResource", [INSIDE], "unknown", IMPLICIT, EXPLICIT, id="NotResource, unknown value"),
        pytest.param("NotResource", [OUTSIDE], "unknown", ALLOWED, EXPLICIT, id="NotResource that no value fits"),
        pytest.param("NotResource", [INSIDE, f"{RESOURCE}*"], "unknown", IMPLICIT, ALLOWED, id="NotResource beside"),
        pytest.param("NotResource", [INSIDE], "missing", IMPLICIT, EXPLICIT, id="NotResource, no value"),
        pytest.param("NotResource", [OUTSIDE], "missing", IMPLICIT, EXPLICIT, id="NotResource elsewhere, no value"),
        pytest.param("NotResource", [INSIDE, f"{RESOURCE}*"], "missing", IMPLICIT, ALLOWED, id="NotResource names it"),
        pytest.param("NotResource", [OUTSIDE], "red", ALLOWED, EXPLICIT, id="NotResource, known value"),
        pytest.param("NotResource", [INSIDE], "blue", IMPLICIT, ALLOWED, id="NotResource, value that fits"),
    ],
)
def test_variables_in_resource_and_not_resource(
    policy: Any, element: str, patterns: list[str], known: str, allow: Outcome, deny: Outcome
) -> None:
    context = {} if known in ("unknown", "missing") else {"aws:PrincipalTag/team": known}
    asked = request(context, UNKNOWN_TAGS if known == "unknown" else [])
    assert decide(policy, asked, **{element: patterns}) == (allow, deny)


@pytest.mark.parametrize(
    ("element", "known", "allow", "deny"),
    [
        ("Resource", "unknown", IMPLICIT, EXPLICIT),
        ("Resource", "missing", IMPLICIT, ALLOWED),
        ("NotResource", "unknown", IMPLICIT, EXPLICIT),
        ("NotResource", "missing", IMPLICIT, EXPLICIT),
    ],
)
def test_variables_on_a_resource_that_is_known_in_part(
    policy: Any, element: str, known: str, allow: Outcome, deny: Outcome
) -> None:
    asked = request({}, UNKNOWN_TAGS if known == "unknown" else [], "arn:aws:s3:::shop/blue/*", partial=True)
    assert decide(policy, asked, **{element: [INSIDE]}) == (allow, deny)


def test_not_principal_is_decided_together_with_an_unknown_condition(policy: Any) -> None:
    def denied(listed: list[str], unknown: Sequence[str]) -> bool:
        statement = {
            "Effect": "Deny",
            "NotPrincipal": {"AWS": listed},
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"StringEquals": {KEY: "default"}},
        }
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        bucket_policy = policy(allow, statement, kind=PolicyKind.RESOURCE)
        return not evaluate(request(unknown=unknown), PolicySet(resource=bucket_policy)).allowed

    others = ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/alice"]
    assert denied(others, [KEY])
    assert not denied(others, [])
    assert not denied([*others, USER.arn], [KEY])


# The explanation


def explained(policy: Any, effect: str, asked: Request, **elements: Any) -> tuple[str, str, list[dict[str, Any]]]:
    statement = {"Effect": effect, "Action": "s3:GetObject", "Resource": "*"} | elements
    if "NotResource" in elements:
        del statement["Resource"]
    policies = PolicySet((policy(statement),))
    decision: Decision = evaluate(asked, policies)
    evidence = explain(asked, policies, decision)
    return render(evidence), summary(decision, evidence, asked), [one.to_dict() for one in evidence]


def test_an_unknown_condition_of_an_allow_is_named_with_its_key(policy: Any) -> None:
    condition = {"StringEqualsIfExists": {KEY: "default"}}
    text, sentence, data = explained(policy, "Allow", request(unknown=[KEY]), Condition=condition)
    assert "got       unknown" in text
    assert f"podrole does not know the value of {KEY}" in text
    assert f"StringEqualsIfExists on {KEY}: podrole does not know the value of {KEY}" in sentence
    (failure,) = data[0]["failures"]
    assert (failure["got"], failure["unknown"], failure["near"]) == (None, True, "unknown-value")


def test_a_failed_condition_is_not_called_unknown(policy: Any) -> None:
    text, _, data = explained(policy, "Allow", request(), Condition={"StringEquals": {KEY: "default"}})
    assert "the request has no such key" in text
    assert "unknown" not in data[0]["failures"][0]


def test_an_unknown_condition_of_a_deny_is_a_note(policy: Any) -> None:
    condition = {"StringEquals": {KEY: "default", "k": "1"}}
    _, _, data = explained(policy, "Deny", request({"k": "1"}, [KEY]), Condition=condition)
    assert data[0]["applies"] is True
    assert data[0]["notes"] == [
        f"StringEquals on {KEY} is unknown, and so a Deny applies: podrole does not know the value of {KEY}"
    ]


def test_an_unknown_variable_is_named(policy: Any) -> None:
    asked = request({"k": "blue"}, UNKNOWN_TAGS)
    why = "podrole does not know the value of aws:principaltag/team"
    assert why in explained(policy, "Allow", asked, Condition={"StringEquals": {"k": TEAM}})[0]
    assert why in explained(policy, "Allow", asked, Resource=INSIDE)[0]
    assert (
        f"NotResource is unknown, and so a Deny applies: {why}"
        in explained(policy, "Deny", asked, NotResource=INSIDE)[0]
    )


def test_a_variable_without_value_in_not_resource_is_named(policy: Any) -> None:
    why = "${aws:PrincipalTag/team} has no value in this request, so it is unknown what NotResource leaves out"
    text, _, data = explained(policy, "Allow", request(), NotResource=INSIDE)
    assert why in text
    assert data[0]["failures"][0]["unknown"] is True
    assert why in explained(policy, "Deny", request(), NotResource=INSIDE)[0]
