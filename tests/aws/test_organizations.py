"""Control policies of an organization limit its member accounts; a resource's owner decides across accounts."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from podrole.aws.access_denied import Refusals
from podrole.aws.authorize import authorize
from podrole.aws.caller import Caller
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import AuthorizedCall, Facts
from podrole.aws.protocol.call import ReceivedRequest
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest
from podrole.iam.directory import User
from podrole.iam.principal import Principal, PrincipalType
from support.aws import ACCOUNT, REGION, LocalAWS


def document(effect: str, action: str, **more: Any) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": "*", **more}}
    )


@pytest.fixture
def member(aws: LocalAWS) -> str:
    """Make an organization with a member account, which has an SCP against deleting buckets."""
    organizations = aws.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        organizations.enable_policy_type(RootId=root, PolicyType=kind)
    status = organizations.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]
    account = str(status["AccountId"])
    policy = organizations.create_policy(
        Name="no-delete",
        Description="d",
        Type="SERVICE_CONTROL_POLICY",
        Content=document("Deny", "s3:DeleteBucket"),
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=account)
    return account


def test_levels_go_from_the_root_to_the_account(aws: LocalAWS, member: str) -> None:
    levels = aws.facts.control_policies(member, "scp")
    assert levels is not None
    assert [[one.name.partition(" ")[0] for one in level] for level in levels] == [
        ["FullAWSAccess"],
        ["FullAWSAccess", "no-delete"],
    ]


def test_the_management_account_is_not_limited(aws: LocalAWS, member: str) -> None:
    facts = aws.facts
    assert facts.control_policies(ACCOUNT, "scp") is None
    assert facts.control_policies("999988887777", "scp") is None


def asked(aws: LocalAWS, method: str, path: str, account: str) -> AuthorizedCall:
    """Ask as the root user of an account, whom no identity policy limits."""
    scope = f"AWS4-HMAC-SHA256 Credential=A/20260101/{REGION}/s3/aws4_request,"
    http = HTTPRequest(method, path, "", [("authorization", scope)], b"", "127.0.0.1")
    call = identify(ReceivedRequest("id", http, time.time()))
    arn = f"arn:aws:iam::{account}:root"
    principal = Principal(PrincipalType.ROOT, account, arn, account)
    caller = Caller(principal, User(arn, account, "", account))
    refusals = Refusals(EncodedMessages("test"))

    def decide(facts: Facts) -> AuthorizedCall:
        authorized = authorize(call, caller, aws.directory, facts, refusals)
        assert isinstance(authorized, AuthorizedCall)
        return authorized

    return aws.run(lambda: aws.services.ask(decide))


def test_a_service_control_policy_stops_even_the_members_root_user(aws: LocalAWS, member: str) -> None:
    assert asked(aws, "GET", "/", member).account == member
    with pytest.raises(AWSError, match="with an explicit deny in a service control policy"):
        asked(aws, "DELETE", "/some-bucket", member)


def test_a_bucket_of_another_account_needs_that_accounts_policy_and_is_served_there(aws: LocalAWS, member: str) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="shop-logs")
    with pytest.raises(AWSError, match="Access Denied"):
        asked(aws, "GET", "/shop-logs", member)
    grant = {"Principal": {"AWS": member}, "Resource": "arn:aws:s3:::shop-logs"}
    s3.put_bucket_policy(Bucket="shop-logs", Policy=document("Allow", "s3:ListBucket", **grant))
    assert asked(aws, "GET", "/shop-logs", member).account == ACCOUNT


def test_a_control_policy_that_is_none_is_not_stored(aws: LocalAWS, member: str) -> None:
    with pytest.raises(Exception, match="does not meet the requirements of the specified policy type"):
        aws.client("organizations").create_policy(
            Name="p", Description="d", Type="SERVICE_CONTROL_POLICY", Content=document("Deny", "*", Principal="*")
        )
