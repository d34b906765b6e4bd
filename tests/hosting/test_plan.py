"""What is planned to serve an issuer on AWS: a pure function of what is wanted and what is there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from podrole.hosting.distribution import wanted_config
from podrole.hosting.plan import plan_hosting, policy_with
from podrole.hosting.wanted import (
    BLOCKS,
    ISSUER_NAME,
    POLICY_BLOCKS,
    FoundBucket,
    FoundDistribution,
    HostedIssuer,
    HostingFound,
    check_bucket,
)
from podrole.hosting.writes import OWNERSHIP
from podrole.issuer.errors import InvalidIssuer

ACCOUNT, ARN = "111122223333", "arn:aws:cloudfront::111122223333:distribution/E1"
WANTED = HostedIssuer("prod", "documents", "prod", ACCOUNT, "aws", "eu-west-1")
PUBLIC = replace(WANTED, public=True)
TAGS = {ISSUER_NAME: "prod"}
OURS = FoundDistribution("E1", ARN, "d1.cloudfront.net", "Deployed", TAGS, wanted_config("C1"))
BUCKET = FoundBucket("eu-west-1", TAGS, frozenset(BLOCKS), OWNERSHIP, policy_with(WANTED, None, ARN))
DONE = HostingFound(BUCKET, control="C1", distributions=(OURS,), issuer="https://d1.cloudfront.net/prod")
PUBLIC_BUCKET = replace(BUCKET, blocks=frozenset(BLOCKS) - POLICY_BLOCKS, policy=policy_with(PUBLIC, None, ""))
FOREIGN = '{ "Sid":"theirs",  "Effect":"Deny", "Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::documents/x" }'


def operations(wanted: HostedIssuer, found: HostingFound) -> list[str]:
    plan = plan_hosting(wanted, found)
    assert not plan.part.refusals, plan.part.refusals
    return [getattr(one.call, "operation") for one in plan.part.writes]  # noqa: B009 - only one of two kinds has it


def refusal(wanted: HostedIssuer, found: HostingFound) -> str:
    plan = plan_hosting(wanted, found)
    assert not plan.part.writes
    (one,) = plan.part.refusals
    assert one.next_step
    return one.what


CREATE = ["create_bucket", "create_origin_access_control", "create_distribution_with_tags", "put_bucket_policy"]
CREATE_PUBLIC = ["create_bucket", "put_public_access_block", "put_bucket_policy"]


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (WANTED, HostingFound(), CREATE),
        (WANTED, DONE, []),
        (WANTED, HostingFound(replace(BUCKET, policy=None)), CREATE[1:]),
        (WANTED, HostingFound(replace(BUCKET, policy=None), control="C1"), CREATE[2:]),
        (WANTED, replace(DONE, bucket=replace(BUCKET, policy=None), issuer=None), CREATE[3:]),
        (WANTED, replace(DONE, bucket=replace(BUCKET, ownership="ObjectWriter")), ["put_bucket_ownership_controls"]),
        (WANTED, replace(DONE, bucket=replace(BUCKET, blocks=frozenset())), ["put_public_access_block"]),
        (PUBLIC, HostingFound(), CREATE_PUBLIC),
        (PUBLIC, HostingFound(PUBLIC_BUCKET), []),
        (
            PUBLIC,
            HostingFound(account_blocks=frozenset({"BlockPublicAcls"})),
            [*CREATE[:1], "put_public_access_block", *CREATE[3:]],
        ),
    ],
)
def test_only_what_is_missing_is_planned(wanted: HostedIssuer, found: HostingFound, expected: list[str]) -> None:
    assert operations(wanted, found) == expected


def test_url_is_that_of_what_serves_the_documents() -> None:
    assert plan_hosting(WANTED, HostingFound()).url is None
    assert plan_hosting(WANTED, DONE).url == "https://d1.cloudfront.net/prod"
    assert plan_hosting(replace(WANTED, prefix=""), replace(DONE, issuer=None)).url == "https://d1.cloudfront.net"
    assert plan_hosting(PUBLIC, HostingFound()).url == "https://documents.s3.eu-west-1.amazonaws.com/prod"
    china = replace(PUBLIC, partition="aws-cn", region="cn-north-1")
    assert plan_hosting(china, HostingFound()).url == "https://documents.s3.cn-north-1.amazonaws.com.cn/prod"


def test_policy_lets_only_this_distribution_read_the_two_documents() -> None:
    (statement,) = json.loads(policy_with(WANTED, None, ARN))["Statement"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceArn": ARN}}
    assert statement["Action"] == "s3:GetObject"
    assert statement["Resource"] == [
        "arn:aws:s3:::documents/prod/.well-known/openid-configuration",
        "arn:aws:s3:::documents/prod/openid/v1/jwks",
    ]


def test_public_policy_lets_everybody_read_the_same_two_documents() -> None:
    (statement,) = json.loads(policy_with(PUBLIC, None, ""))["Statement"]
    assert statement["Principal"] == "*"
    assert "Condition" not in statement
    assert len(statement["Resource"]) == 2


@pytest.mark.parametrize("old", [None, "arn:aws:cloudfront::111122223333:distribution/OLD"])
def test_foreign_statements_stay_byte_for_byte(old: str | None) -> None:
    text = f'{{"Version":"2012-10-17",\n "Statement":[ {FOREIGN} ]}}'
    if old is not None:
        text = policy_with(WANTED, text, old)
    after = policy_with(WANTED, text, ARN)
    assert FOREIGN in after
    assert len(json.loads(after)["Statement"]) == 2
    assert "OLD" not in after
    assert policy_with(WANTED, after, ARN) == after


def test_each_prefix_has_its_own_statement() -> None:
    both = policy_with(replace(WANTED, prefix="staging"), policy_with(WANTED, None, ARN), ARN)
    assert len(json.loads(both)["Statement"]) == 2


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (WANTED, HostingFound(name_is_taken=True), "belongs to another account"),
        (WANTED, replace(DONE, bucket=replace(BUCKET, tags={})), "belongs to somebody else"),
        (WANTED, replace(DONE, bucket=replace(BUCKET, tags={ISSUER_NAME: "x"})), "belongs to the issuer x"),
        (WANTED, replace(DONE, bucket=replace(BUCKET, policy="{")), "cannot be read"),
        (WANTED, replace(DONE, issuer="https://other.example.com"), "of the issuer https://other.example.com"),
        (WANTED, replace(DONE, distributions=()), "of the issuer https://d1.cloudfront.net/prod"),
        (PUBLIC, DONE, "of the issuer https://d1.cloudfront.net/prod"),
        (
            PUBLIC,
            HostingFound(account_blocks=frozenset({"BlockPublicPolicy"})),
            "forbids public buckets: BlockPublicPolicy",
        ),
        (PUBLIC, HostingFound(account_blocks=frozenset({"RestrictPublicBuckets"})), "RestrictPublicBuckets"),
    ],
)
def test_what_belongs_to_others_is_refused(wanted: HostedIssuer, found: HostingFound, expected: str) -> None:
    assert expected in refusal(wanted, found)


@pytest.mark.parametrize(("name", "value"), [(name, "other") for name in wanted_config("C1")])
def test_changed_distribution_is_refused_and_named(name: str, value: Any) -> None:
    changed = replace(OURS, config={**OURS.config, name: value})
    assert f"{name} is {value!r}" in refusal(WANTED, replace(DONE, distributions=(changed,)))


def test_distribution_of_somebody_else_is_left_alone() -> None:
    theirs = replace(OURS, tags={}, id="E2")
    assert (
        operations(WANTED, HostingFound(replace(BUCKET, policy=None), control="C1", distributions=(theirs,)))
        == CREATE[2:]
    )


def test_deployment_that_is_under_way_is_told() -> None:
    plan = plan_hosting(WANTED, replace(DONE, distributions=(replace(OURS, status="InProgress"),)))
    assert "still deploying" in plan.part.notes[0]


@pytest.mark.parametrize(
    ("bucket", "prefix", "public"),
    [
        ("ab", "", False),
        ("Documents", "", False),
        ("a..b", "", False),
        ("-ab", "", False),
        ("10.0.0.1", "", False),
        ("my.bucket", "", True),
        ("documents", "a b", False),
        ("documents", "a?b", False),
        ("documents", "a//b", False),
        ("documents", "../b", False),
    ],
)
def test_name_that_cannot_be_an_issuer_is_refused(bucket: str, prefix: str, public: bool) -> None:
    with pytest.raises(InvalidIssuer):
        check_bucket(bucket, prefix, public=public)


def test_usual_names_are_taken() -> None:
    check_bucket("my.bucket", "", public=False)
    check_bucket("my-bucket", "clusters/prod.eu_1~a", public=True)
