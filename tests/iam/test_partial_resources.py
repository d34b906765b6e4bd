"""A resource that could not be told: an Allow must cover all of it, a Deny hits on any of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.context_keys import context_keys
from podrole.iam.document import compile_policy
from podrole.iam.evaluate import NamedPolicy, Outcome, PolicySet, Request, evaluate
from podrole.iam.patterns import glob, overlap, tokens
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.spans import statement_span

BOB = principal_of("arn:aws:iam::111122223333:user/bob")
TABLES = "arn:aws:dynamodb:us-east-1:111122223333:table/*"


def decided(*statements: dict[str, Any], resource: str = TABLES, **context: str) -> Outcome:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    policies = PolicySet((NamedPolicy("p", compile_policy(text, PolicyKind.IDENTITY)),))
    keys = {f"aws:{name}": value for name, value in context.items()}
    return evaluate(Request(BOB, "dynamodb:GetItem", resource, context=keys, partial=True), policies).outcome


def statement(effect: str, resource: Any, element: str = "Resource") -> dict[str, Any]:
    return {"Effect": effect, "Action": "dynamodb:*", element: resource}


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        ("*", True),
        (TABLES, True),
        ("arn:aws:dynamodb:*:*:*", True),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/c*", False),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/?", False),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/carts", False),
        ("arn:aws:dynamodb:eu-west-1:111122223333:table/*", False),
    ],
)
def test_an_allow_must_cover_everything(resource: str, allowed: bool) -> None:
    expected = Outcome.ALLOWED if allowed else Outcome.IMPLICITLY_DENIED
    assert decided(statement("Allow", resource)) is expected


@pytest.mark.parametrize(
    ("resource", "asked", "outcome"),
    [
        ("arn:aws:logs:*:*:log-group:*", "arn:aws:logs:r:1:log-group:*", Outcome.ALLOWED),
        ("arn:aws:logs:*:*:log-group:*:*", "arn:aws:logs:r:1:log-group:*", Outcome.IMPLICITLY_DENIED),
        ("arn:aws:logs:*:*:log-group:*:*", "arn:aws:logs:r:1:log-group:a:*", Outcome.ALLOWED),
        ("arn:*:dynamodb:*:111122223333:table/*", "arn:aws:dynamodb:*", Outcome.IMPLICITLY_DENIED),
    ],
)
def test_an_allow_covers_colons_behind_the_fifth(resource: str, asked: str, outcome: Outcome) -> None:
    assert decided(statement("Allow", resource), resource=asked) is outcome


@pytest.mark.parametrize(
    ("resource", "denied"),
    [
        ("*", True),
        (["arn:aws:s3:::b", "*"], True),
        ("arn:aws:dynamo*", False),
        ("arn:aws:dynamodb", True),
        ("arn:aws:s3*", False),
        ("arn:aws:${aws:a}:us-east-1:111122223333:table/carts", False),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/${aws:none}", False),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/carts", True),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/c*s", True),
        ("arn:aws:dynamodb:*:111122223333:*", True),
        ("arn:aws:dynamodb:eu-west-1:111122223333:table/carts", False),
        ("arn:aws:dynamodb:us-east-1:111122223333:stream/x", False),
    ],
)
def test_a_deny_hits_on_anything(resource: Any, denied: bool) -> None:
    expected = Outcome.EXPLICITLY_DENIED if denied else Outcome.ALLOWED
    assert decided(statement("Allow", "*"), statement("Deny", resource)) is expected


def test_not_resource_is_the_opposite() -> None:
    carts = "arn:aws:dynamodb:us-east-1:111122223333:table/carts"
    assert decided(statement("Allow", carts, "NotResource")) is Outcome.IMPLICITLY_DENIED
    assert decided(statement("Allow", "arn:aws:s3:::b", "NotResource")) is Outcome.ALLOWED
    everything = statement("Allow", "*")
    assert decided(everything, statement("Deny", carts, "NotResource")) is Outcome.EXPLICITLY_DENIED
    assert decided(everything, statement("Deny", TABLES, "NotResource")) is Outcome.ALLOWED


def test_a_deny_hits_what_its_variables_stand_for() -> None:
    mine = "arn:aws:dynamodb:us-east-1:111122223333:table/${aws:username}"
    asked = "arn:aws:dynamodb:us-east-1:111122223333:table/bob*"
    statements = statement("Allow", "*"), statement("Deny", mine)
    assert decided(*statements, resource=asked, username="bob") is Outcome.EXPLICITLY_DENIED
    assert decided(*statements, resource=asked, username="eve") is Outcome.ALLOWED


@pytest.mark.parametrize("resource", ["arn:aws:${aws:a}:us-east-1:111122223333:table/carts", "arn:aws:dyna*"])
def test_a_deny_that_can_match_nothing_hits_nothing(resource: str) -> None:
    assert decided(statement("Allow", "*"), statement("Deny", resource), resource="*") is Outcome.ALLOWED


def test_a_resource_of_which_nothing_is_known_is_hit_by_every_deny() -> None:
    carts = "arn:aws:dynamodb:us-east-1:111122223333:table/carts"
    assert decided(statement("Allow", "*"), statement("Deny", carts), resource="*") is Outcome.EXPLICITLY_DENIED
    assert decided(statement("Allow", TABLES), resource="*") is Outcome.IMPLICITLY_DENIED
    assert decided(statement("Allow", "*"), resource="*") is Outcome.ALLOWED


PATTERN = st.text("ab*?", max_size=6)


@given(PATTERN, PATTERN, st.text("ab", max_size=6))
def test_patterns_overlap_where_a_text_fits_both(one: str, other: str, text: str) -> None:
    if glob(one).matches(text) and glob(other).matches(text):
        assert overlap(tokens(one), tokens(other))


@given(st.text("ab", max_size=6), PATTERN)
def test_a_text_overlaps_what_it_fits(text: str, pattern: str) -> None:
    assert overlap((text,) if text else (), tokens(pattern)) is glob(pattern).matches(text)


@given(PATTERN, PATTERN)
def test_overlap_is_the_same_from_both_sides(one: str, other: str) -> None:
    assert overlap(tokens(one), tokens(other)) is overlap(tokens(other), tokens(one))


def test_the_keys_that_a_policy_reads_are_those_of_conditions_and_variables() -> None:
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "s3:*",
                    "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/${*}",
                    "Condition": {
                        "StringLike": {"s3:prefix": "${aws:username}/*"},
                        "Bool": {"aws:SecureTransport": "${aws:userid}"},
                    },
                }
            ],
        }
    )
    found = context_keys([compile_policy(text, PolicyKind.IDENTITY)])
    assert found == ("s3:prefix", "aws:SecureTransport", "aws:PrincipalTag/team", "aws:username")


def test_a_statement_is_found_in_its_document() -> None:
    text = '{"Version": "2012-10-17",\n "Statement": [\n  {"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
    policy = compile_policy(text, PolicyKind.IDENTITY)
    start, end = statement_span(policy, policy.statements[0])
    assert (start, end) == ((3, 3), (3, 53))
