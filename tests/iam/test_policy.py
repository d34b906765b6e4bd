"""Which statements of a policy apply, and which of them is named."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.policy import Effect, PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.principal_element import Grant
from podrole.iam.request import Facts, Request
from podrole.iam.unknown import UNKNOWN

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/bob"
OBJECT, OTHER = "arn:aws:s3:::b/k", "arn:aws:s3:::b/x"


def facts(action: str = "s3:GetObject", resource: str = OBJECT, **options: Any) -> Facts:
    return Facts(Request(principal_of(USER), action, resource, **options))


@pytest.mark.parametrize(
    ("action", "resource", "value", "applies"),
    [
        ("s3:GetObject", OBJECT, "a", True),
        ("s3:PutObject", OBJECT, "a", False),
        ("s3:GetObject", OTHER, "a", False),
        ("s3:GetObject", OBJECT, "b", False),
        ("s3:PutObject", OTHER, "b", False),
    ],
)
@pytest.mark.parametrize("effect", Effect)
def test_a_statement_applies_if_every_element_means_the_request(
    policy: Any, effect: Effect, action: str, resource: str, value: str, applies: bool
) -> None:
    condition = {"StringEquals": {"k": "a"}}
    named = policy({"Effect": effect, "Action": "s3:Get*", "Resource": OBJECT, "Condition": condition})
    (statement,) = named.policy.statements
    asked = facts(action, resource, context={"k": value})
    assert statement.applies(asked) is applies
    found = {Effect.ALLOW: named.policy.allowing(asked), Effect.DENY: named.policy.denying(asked)}
    assert found[effect] is (statement if applies else None)
    assert [one for one in found.values() if one is not None] == ([statement] if applies else [])


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("element", ["Resource", "Condition"])
def test_an_unknown_value_lets_a_deny_apply_and_an_allow_not(policy: Any, effect: Effect, element: str) -> None:
    changed = {
        "Resource": {"Resource": "arn:aws:s3:::b/${k}"},
        "Condition": {"Resource": "*", "Condition": {"StringEquals": {"k": "k"}}},
    }[element]
    (statement,) = policy({"Effect": effect, "Action": "s3:*", **changed}).policy.statements
    assert statement.applies(facts(unknown={"k"})) is (effect is Effect.DENY)
    assert statement.applies(facts(context={"k": "k"}))
    assert not statement.applies(facts(context={"k": "x"}))


@pytest.mark.parametrize(
    ("effect", "answer", "accepted", "in_favor"),
    [
        (Effect.ALLOW, True, True, True),
        (Effect.ALLOW, UNKNOWN, False, True),
        (Effect.ALLOW, False, False, False),
        (Effect.DENY, True, True, True),
        (Effect.DENY, UNKNOWN, True, False),
        (Effect.DENY, False, False, False),
    ],
)
def test_an_allow_needs_true_and_a_deny_not_false_unless_read_in_favor(
    policy: Any, effect: Effect, answer: Any, accepted: bool, in_favor: bool
) -> None:
    (statement,) = policy({"Effect": effect, "Action": "s3:*", "Resource": "*"}).policy.statements
    request = Request(principal_of("anonymous"), "s3:GetObject", "*")
    assert statement.accepts(answer, Facts(request)) is accepted
    assert statement.accepts(answer, Facts(request, in_favor=True)) is in_favor


@pytest.mark.parametrize(
    ("effect", "written", "asked", "partial", "meant"),
    [
        (Effect.ALLOW, OBJECT, OBJECT, False, True),
        (Effect.ALLOW, OBJECT, OTHER, False, False),
        (Effect.ALLOW, OBJECT, "arn:aws:s3:::b/*", True, False),
        (Effect.DENY, OBJECT, "arn:aws:s3:::b/*", True, True),
        (Effect.ALLOW, OBJECT, "arn:aws:s3:::b/*", False, False),
        (Effect.DENY, OBJECT, "arn:aws:s3:::b/*", False, False),
        (Effect.DENY, None, OTHER, False, True),
        (Effect.ALLOW, None, "arn:aws:s3:::b/*", True, True),
    ],
)
def test_a_resource_is_meant(
    policy: Any, effect: Effect, written: str | None, asked: str, partial: bool, meant: bool
) -> None:
    resource = {} if written is None else {"Resource": written}
    named = policy({"Effect": effect, "Action": "s3:*", "Principal": "*", **resource}, kind=PolicyKind.RESOURCE)
    (statement,) = named.policy.statements
    assert statement.means_resource(facts(resource=asked, partial=partial)) is meant
    assert statement.applies(facts(resource=asked, partial=partial)) is meant


def test_a_statement_is_referred_to_by_its_sid_and_place(policy: Any) -> None:
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    named = policy({"Sid": "Read", **allow}, allow)
    assert [one.reference for one in named.policy.statements] == ["Read ($.Statement[0])", "$.Statement[1]"]


@pytest.mark.parametrize(
    ("principals", "grant", "index"),
    [
        ([{"AWS": ACCOUNT}, {"AWS": USER}], Grant.CALLER, 1),
        ([{"AWS": USER}, {"AWS": ACCOUNT}], Grant.CALLER, 0),
        ([{"AWS": USER}, "*"], Grant.CALLER, 0),
        ([{"AWS": "444455556666"}, {"AWS": ACCOUNT}], Grant.ACCOUNT, 1),
        ([{"AWS": "444455556666"}], Grant.NONE, None),
    ],
)
def test_the_first_statement_that_carries_farthest_grants(
    policy: Any, principals: list[Any], grant: Grant, index: int | None
) -> None:
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": OBJECT}
    named = policy(*({**allow, "Principal": one} for one in principals), kind=PolicyKind.RESOURCE)
    found = None if index is None else named.policy.statements[index]
    assert named.policy.granting(facts()) == (grant, found)
    assert named.policy.granting(facts(resource=OTHER)) == (Grant.NONE, None)


def test_a_policy_without_principals_grants_nothing_to_anyone(policy: Any) -> None:
    named = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    assert named.policy.granting(facts()) == (Grant.NONE, None)


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize(
    ("actions", "index"),
    [
        (["sqs:*", "s3:*"], 1),
        (["*:*", "s3:*"], 0),
        (["*:Get*", "s3:*"], 1),
        (["s3:Put*", "*"], 1),
        (["iam:*", "*:*"], 1),
        (["iam:*", "*:Get*"], None),
        (["iam:*", "sqs:*"], None),
    ],
)
def test_the_statements_on_a_service_and_on_every_service_are_asked_in_order(
    policy: Any, effect: Effect, actions: list[str], index: int | None
) -> None:
    named = policy(*({"Effect": effect, "Action": one, "Resource": "*"} for one in actions)).policy
    expected = None if index is None else named.statements[index]
    for _ in range(2):  # the second answer is remembered
        assert (named.allowing if effect is Effect.ALLOW else named.denying)(facts()) is expected
        assert (named.denying if effect is Effect.ALLOW else named.allowing)(facts()) is None
