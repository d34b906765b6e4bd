"""Which actions and resources a statement speaks of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.elements import ActionElement, ARNPattern, ResourceElement
from podrole.iam.errors import InvalidRequest
from podrole.iam.evaluate import PolicySet, evaluate
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts, Request

USER = principal_of("arn:aws:iam::111122223333:user/bob")


def facts(action: str = "s3:GetObject", resource: str = "*") -> Facts:
    return Facts(Request(USER, action, resource))


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("*", "s3:GetObject", True),
        ("*:*", "s3:GetObject", True),
        ("*:Get*", "s3:GetObject", True),
        ("*:Get*", "s3:PutObject", False),
        ("s3:*", "s3:GetObject", True),
        ("s3:*", "s3express:CreateSession", False),
        ("S3:GETOBJECT", "s3:GetObject", True),
        ("s3:getobject", "S3:GetObject", True),
        ("s3:GetObject", "s3:GetObjectAcl", False),
        ("s3:GetObject*", "s3:GetObject", True),
        ("s3:Get*Acl", "s3:GetObjectAcl", True),
        ("s3:Get*Acl", "s3:GetObjectAclX", False),
        ("s3:?etObject", "s3:GetObject", True),
        ("s3:?GetObject", "s3:GetObject", False),
        ("s3:${aws:x}", "s3:GetObject", False),
        ("iam:PassRole", "s3:GetObject", False),
    ],
)
def test_action(pattern: str, action: str, matches: bool) -> None:
    assert ActionElement([pattern]).matches(facts(action)) is matches
    assert ActionElement([pattern], negated=True).matches(facts(action)) is not matches


@pytest.mark.parametrize(
    ("patterns", "action", "matches"),
    [
        (["s3:Get*", "*:Put*"], "s3:GetObject", True),
        (["s3:Get*", "*:Put*"], "s3:PutObject", True),
        (["s3:Get*", "*:Put*"], "sqs:PutX", True),
        (["s3:Get*", "*:Put*"], "s3:ListBucket", False),
        (["s3:Get*", "s3:Put*"], "s3:PutObject", True),
    ],
)
def test_one_of_several_actions_is_enough(patterns: list[str], action: str, matches: bool) -> None:
    assert ActionElement(patterns).matches(facts(action)) is matches
    assert ActionElement(patterns, negated=True).matches(facts(action)) is not matches


@pytest.mark.parametrize(
    ("patterns", "negated", "services"),
    [
        (["s3:Get*", "IAM:PassRole", "iam:Get*"], False, {"s3", "iam"}),
        (["s3:Get*"], True, None),
        (["s3:Get*", "*"], False, None),
        (["*:Get*"], False, None),
    ],
)
def test_the_services_of_an_action_element(patterns: list[str], negated: bool, services: set[str] | None) -> None:
    assert ActionElement(patterns, negated=negated).services == services


@given(st.text(alphabet="abAB*?", min_size=1, max_size=6), st.text(alphabet="abAB", min_size=1, max_size=6))
def test_the_services_named_are_those_that_can_match(pattern: str, name: str) -> None:
    for service in ("s3", "*"):
        element = ActionElement([f"{service}:{pattern}", "iam:PassRole"])
        if element.matches(facts(f"s3:{name}")):
            assert element.services is None or "s3" in element.services


@pytest.mark.parametrize("action", ["", "GetObject", "s3:", ":GetObject", "s3:Get:Object", "s3:*", "s3:Get?bject"])
def test_a_request_asks_for_one_action(action: str) -> None:
    with pytest.raises(InvalidRequest):
        evaluate(Request(USER, action, "*"), PolicySet())


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        pytest.param("*", "arn:aws:s3:::b/k", True, id="a star is everything"),
        pytest.param("*", "*", True, id="and the resource of an action that has none"),
        pytest.param("arn:aws:s3:::*", "*", False, id="which no ARN speaks of"),
        pytest.param("arn:*:*:*:*:*", "*", False, id="however wide"),
        pytest.param("arn:aws:s3:::b", "arn:aws:s3:::b", True, id="an exact ARN"),
        pytest.param("arn:aws:s3:::b", "arn:aws:s3:::B", False, id="case counts"),
        pytest.param("arn:aws:s3:::b", "arn:aws:s3:::b/k", False, id="a bucket is not its objects"),
        pytest.param("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", True, id="a star spans slashes"),
        pytest.param("arn:aws:s3:::b/*", "arn:aws:s3:::b", False, id="objects are not their bucket"),
        pytest.param("arn:aws:s3:::b*", "arn:aws:s3:::bucket/k", True, id="a star without a slash takes more"),
        pytest.param("arn:aws:s3:::b/?", "arn:aws:s3:::b/kl", False, id="a question mark is one character"),
        pytest.param("arn:aws:s3:::b/*.log", "arn:aws:s3:::b/a/b.log", True, id="a star in the middle"),
        pytest.param(
            "arn:aws:logs:*:*:log-group:a:*",
            "arn:aws:logs:r:1:log-group:a:log-stream:b",
            True,
            id="stars span later colons",
        ),
        pytest.param("arn:aws:sqs:*:queue", "arn:aws:sqs:r:111122223333:queue", False, id="but none of the first five"),
        pytest.param("arn:aws:sqs:r*:queue", "arn:aws:sqs:r:1:queue", False, id="nor from within a part"),
        pytest.param("arn:*:s3:::b", "arn:aws-cn:s3:::b", True, id="a star for the partition"),
        pytest.param(
            "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:r:111122223333:instance/*", True, id="a star in the request"
        ),
        pytest.param(
            "arn:aws:ec2:*:*:instance/i-1",
            "arn:aws:ec2:r:111122223333:instance/*",
            False,
            id="matches no particular thing",
        ),
        pytest.param(
            "arn:aws:s3*", "arn:aws:s3:::b/k", True, id="a short ARN that ends in a star takes all that follows"
        ),
        pytest.param(
            "arn:aws:sqs:eu-*", "arn:aws:sqs:eu-west-1:111122223333:q", True, id="also from within the region"
        ),
        pytest.param("arn:aws:sqs:eu-*", "arn:aws:sqs:us-east-1:111122223333:q", False, id="and only that"),
        pytest.param(
            "arn:aws:sqs:eu", "arn:aws:sqs:eu:111122223333:q", False, id="a short ARN that does not, takes nothing"
        ),
        pytest.param("arn:aws:sqs:*:eu", "arn:aws:sqs:r:eu:q", False, id="even with a star before its end"),
        pytest.param("arn:aws:sns:*:*:*", "+491701234567", False, id="what is no ARN is matched by a star alone"),
        pytest.param("arn:aws:s3:::", "arn:aws:s3:::", True, id="an empty resource equals itself"),
    ],
)
@pytest.mark.parametrize("variables", [True, False], ids=["2012", "2008"])
def test_resource(pattern: str, resource: str, matches: bool, variables: bool) -> None:
    asked = facts(resource=resource)
    assert ResourceElement([pattern], variables=variables).matches(asked) is matches
    assert ResourceElement([pattern], variables=variables, negated=True).matches(asked) is not matches


@pytest.mark.parametrize(
    ("text", "variables", "null"),
    [
        ("arn:aws:${aws:a}:::b", True, True),
        ("arn:aws:${aws:a}:::b", False, False),
        ("arn:aws:s3:::b/${aws:none}", True, True),
        ("arn:aws:s3:::b/${aws:none}", False, False),
        ("arn:aws:s3:::b/${aws:a}", True, False),
        ("arn:aws:s3:::b/*", True, False),
        ("arn:aws:s3", True, False),
    ],
)
def test_a_pattern_is_null_if_a_variable_in_it_has_no_value(text: str, variables: bool, null: bool) -> None:
    asked = Facts(Request(USER, "s3:GetObject", "*", context={"aws:a": "x"}))
    assert ARNPattern(text, variables=variables).is_null(asked) is null


@pytest.mark.parametrize(
    ("text", "variables", "never"),
    [
        ("arn:aws:s3:::b/${aws:a}", True, ""),
        ("arn:aws:${aws:a}:::b", True, "a policy variable can stand only after the fifth colon of an ARN"),
        ("arn:aws:${aws:a}:::b", False, ""),
        ("arn:aws:s3", True, "an ARN has six parts"),
        ("arn:aws:s3*", True, ""),
    ],
)
def test_a_pattern_that_cannot_match_says_why(text: str, variables: bool, never: str) -> None:
    assert ARNPattern(text, variables=variables).never == never
    if never:  # not even itself
        assert not ResourceElement([text], variables=variables).matches(facts(resource=text))


def test_not_action_and_not_resource_leave_out_what_they_list(policy: Any) -> None:
    named = policy({"Effect": "Allow", "NotAction": ["iam:*", "s3:Put*"], "NotResource": ["arn:aws:s3:::secret/*"]})

    def allowed(action: str, resource: str) -> bool:
        return evaluate(Request(USER, action, resource), PolicySet((named,))).allowed

    assert allowed("s3:GetObject", "arn:aws:s3:::b/k")
    assert allowed("ec2:DescribeInstances", "*")
    assert not allowed("s3:PutObject", "arn:aws:s3:::b/k")
    assert not allowed("iam:ListRoles", "*")
    assert not allowed("s3:GetObject", "arn:aws:s3:::secret/k")


def test_a_policy_finds_the_same_statements_by_service_as_by_asking_each(policy: Any) -> None:
    patterns = ["*", "*:*", "*:Get*", "s3:*", "S3:Get?bject", "iam:Get*", "ec2:*"]
    statements = [
        {"Effect": "Allow", name: [one], "Resource": "*"} for one in patterns for name in ("Action", "NotAction")
    ]
    compiled = policy(*statements).policy
    for action in (
        "s3:GetObject",
        "s3:PutObject",
        "iam:GetRole",
        "iam:PassRole",
        "sqs:GetQueueUrl",
        "ec2:RunInstances",
    ):
        asked = facts(action)
        assert compiled.allowing(asked) is next(one for one in compiled.statements if one.applies(asked))
        for one in compiled.statements:
            alone = policy(
                {
                    "Effect": "Allow",
                    ("NotAction" if one.actions.negated else "Action"): list(one.actions.actions),
                    "Resource": "*",
                }
            )
            assert (alone.policy.allowing(asked) is not None) is one.applies(asked)
