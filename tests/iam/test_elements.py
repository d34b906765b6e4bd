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
from podrole.iam.unknown import UNKNOWN, Truth

USER = principal_of("arn:aws:iam::111122223333:user/bob")


def facts(action: str = "s3:GetObject", resource: str = "*") -> Facts:
    return Facts(Request(USER, action, resource))


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("*", "s3:GetObject", True),
        ("*:*", "s3:GetObject", True),
        ("*:Get*", "s3:GetObject", False),
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
        (["s3:Get*", "*:*"], "s3:PutObject", True),
        (["s3:Get*", "*:*"], "sqs:PutX", True),
        (["s3:Get*", "*:Put*"], "s3:PutObject", False),
        (["s3:Get*", "*:Put*"], "sqs:PutX", False),
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
        (["*:*"], False, None),
        (["*:Get*"], False, set()),
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
        pytest.param("arn:aws:sqs:*:1:q", "arn:aws:sqs:r:x:1:q", False, id="nor in an ARN of six parts"),
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
            "arn:aws:sqs:eu-*",
            "arn:aws:sqs:eu-west-1:111122223333:q",
            True,
            id="a short ARN that ends in a star takes all that follows",
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
        ("arn:aws:s3", True, True),
        ("arn:aws:s*:::b", True, True),
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
        ("arn:aws:s3:*", True, ""),
        ("arn:aws:s3*", True, "the service of an ARN takes no wildcard"),
        ("arn:aws:*:us-east-1:111122223333:q", True, "the service of an ARN takes no wildcard"),
        ("arn:aws:s?s:us-east-1:111122223333:q", False, "the service of an ARN takes no wildcard"),
    ],
)
def test_a_pattern_that_cannot_match_says_why(text: str, variables: bool, never: str) -> None:
    assert ARNPattern(text, variables=variables).never == never
    if never:  # not even itself
        assert not ResourceElement([text], variables=variables).matches(facts(resource=text))


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:sqs", "arn:aws:sqs:eu-west-1:111122223333:q", True),
        ("arn:aws:sqs", "arn:aws:sns:eu-west-1:111122223333:t", False),
        ("arn:aws:sqs:us-east-1", "arn:aws:sqs:us-east-1:111122223333:q", True),
        ("arn:aws:sqs:us-east-1", "arn:aws:sqs:eu-west-1:111122223333:q", False),
        ("arn:aws:sqs:*:111122223333", "arn:aws:sqs:eu-west-1:111122223333:q", True),
        ("arn:aws:sqs:*:111122223333", "arn:aws:sqs:eu-west-1:444455556666:q", False),
        ("arn:aws:s3", "arn:aws:s3:::b/k", True),
        ("arn:aws:sqs:eu-*", "arn:aws:sqs:eu-west-1:111122223333:q", True),
        ("arn:aws:sqs", "*", False),
    ],
)
def test_an_incomplete_arn_is_completed_with_stars(pattern: str, resource: str, matches: bool) -> None:
    asked = facts(resource=resource)
    assert ResourceElement([pattern], variables=True, completes=True).matches(asked) is matches
    assert ResourceElement([pattern], variables=True, completes=True, negated=True).matches(asked) is not matches


@pytest.mark.parametrize(
    ("pattern", "completes"),
    [
        ("arn:aws:sqs", False),  # an ARN of three parts that is not completed
        ("arn:aws:s*s:*:*:*", True),
        ("arn:aws:*:eu-west-1:111122223333:q", True),
        ("arn:aws:sq?:eu-west-1:111122223333:q", False),
        ("arn:aws:sq*", True),
    ],
)
def test_an_arn_that_can_match_nothing_leaves_open_what_not_resource_excludes(pattern: str, completes: bool) -> None:
    asked = facts(resource="arn:aws:sqs:eu-west-1:111122223333:q")
    assert ResourceElement([pattern], variables=True, completes=completes).matches(asked) is False
    assert ResourceElement([pattern], variables=True, completes=completes, negated=True).matches(asked) is UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:ec2:us-east-1:111122223333:*/i-1", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", UNKNOWN),
        ("arn:aws:ec2:*:*:inst*/*1", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", UNKNOWN),
        ("arn:aws:ec2:*:*:security-group*/sg-*", "arn:aws:ec2:us-east-1:111122223333:security-group/sg-1", UNKNOWN),
        (
            "arn:aws:lambda:us-east-2:111122223333:functi*:my-function",
            "arn:aws:lambda:us-east-2:111122223333:function:my-function",
            UNKNOWN,
        ),
        ("arn:aws:ec2:us-east-1:111122223333:*/i-2", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", False),
        ("arn:aws:ec2:us-east-1:111122223333:*/*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", True),
        ("arn:aws:ec2:us-east-1:111122223333:*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", True),
        ("arn:aws:s3:::*/logs/*", "arn:aws:s3:::bucket/logs/a", True),  # a bucket's name is no type
        ("arn:aws:wafv2:*:*:*/webacl/*", "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/a/1", True),
        ("arn:aws:ec2:*:*:instance/i-*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", True),
        ("arn:aws:made-up:*:*:*/x", "arn:aws:made-up:us-east-1:111122223333:thing/x", True),
    ],
)
def test_a_wildcard_in_the_type_of_a_resource_leaves_open_what_it_matches(
    pattern: str, resource: str, matches: Truth
) -> None:
    asked = facts(resource=resource)
    opposite = UNKNOWN if matches is UNKNOWN else not matches
    assert ResourceElement([pattern], variables=True).matches(asked) is matches
    assert ResourceElement([pattern], variables=True, negated=True).matches(asked) is opposite


@pytest.mark.parametrize(
    ("pattern", "touches"),
    [("arn:aws:dynamodb:us-*", True), ("arn:aws:dynamodb:eu-*", False), ("arn:aws:dynamodb", False)],
)
def test_an_incomplete_arn_that_is_not_completed_can_mean_a_partly_known_resource(pattern: str, touches: bool) -> None:
    asked = Facts(Request(USER, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/*", partial=True))
    assert ResourceElement([pattern], variables=True).touches(asked) is touches


@pytest.mark.parametrize(
    ("effect", "resources", "applies"),
    [
        ("Allow", {"Resource": "arn:aws:ec2:us-east-1:111122223333:*/i-1"}, False),
        ("Deny", {"Resource": "arn:aws:ec2:us-east-1:111122223333:*/i-1"}, True),
        ("Allow", {"NotResource": "arn:aws:e*:us-east-1:111122223333:instance/i-1"}, False),
        ("Deny", {"NotResource": "arn:aws:e*:us-east-1:111122223333:instance/i-1"}, True),
        ("Allow", {"Resource": "arn:aws:ec2"}, True),
        ("Allow", {"NotResource": "arn:aws:ec2:us-east-1"}, False),
    ],
)
def test_an_undecided_resource_denies_and_does_not_allow(
    policy: Any, effect: str, resources: dict[str, str], applies: bool
) -> None:
    statement = policy({"Effect": effect, "Action": "*", **resources}).policy.statements[0]
    asked = facts("ec2:StartInstances", resource="arn:aws:ec2:us-east-1:111122223333:instance/i-1")
    assert statement.applies(asked) is applies


@pytest.mark.parametrize(
    ("effect", "actions", "applies"),
    [
        ("Allow", {"Action": "*:GetBucket"}, False),
        ("Deny", {"Action": "*:GetBucket"}, False),
        ("Allow", {"Action": ["*:GetBucket", "s3:Get*"]}, True),
        ("Allow", {"NotAction": "*:GetBucket"}, False),
        ("Deny", {"NotAction": "*:GetBucket"}, True),
        ("Deny", {"NotAction": ["*:GetBucket", "s3:Get*"]}, False),
        ("Allow", {"NotAction": "*:PutBucket"}, True),
        ("Allow", {"NotAction": "*:*"}, False),
        ("Deny", {"NotAction": "*:*"}, False),
    ],
)
def test_a_wildcard_for_the_service_of_an_action_never_matches(
    policy: Any, effect: str, actions: dict[str, Any], applies: bool
) -> None:
    named = policy({"Effect": effect, "Resource": "*", **actions}).policy
    asked = facts("s3:GetBucket")
    assert named.statements[0].applies(asked) is applies
    assert ((named.allowing if effect == "Allow" else named.denying)(asked) is not None) is applies


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


@pytest.mark.parametrize(
    ("patterns", "negated", "undecided"),
    [
        (["*:Get*"], True, True),
        (["*:Get*"], False, False),
        (["*:Put*"], True, False),
        (["*:Get*", "s3:Get*"], True, False),
    ],
)
def test_a_not_action_with_a_wildcard_for_the_service_is_undecided(
    patterns: list[str], negated: bool, undecided: bool
) -> None:
    assert ActionElement(patterns, negated=negated).is_undecided(facts("s3:GetObject")) is undecided
