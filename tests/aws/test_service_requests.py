"""What a service may do for a resource: the receiver's policy and its organization's RCPs decide, by the keys that the
service's request has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from podrole.aws.global_keys import OrganizationPlace
from podrole.aws.interfaces import Resource
from podrole.aws.service_requests import Sender, is_allowed, is_allowed_to_role
from podrole.iam.directory import Directory, PolicyText, PrincipalPolicies, Role, User
from support.aws import policy
from support.aws_facts import FakeFacts

OURS, THEIRS = "111122223333", "444455556666"
QUEUE = f"arn:aws:sqs:us-east-1:{THEIRS}:orders"
TOPIC = f"arn:aws:sns:us-east-1:{OURS}:news"
SNS = Sender("sns.amazonaws.com", TOPIC, OURS)
FULL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
FULL_RCP = PolicyText("RCPFullAWSAccess", policy(FULL))
PLACES = {
    OURS: OrganizationPlace("o-ours", "o-ours/r-1/"),
    THEIRS: OrganizationPlace("o-theirs", "o-theirs/r-2/"),
}


def statement(**changed: Any) -> dict[str, Any]:
    given = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return {**given, "Resource": QUEUE, **changed}


def may(*statements: dict[str, Any], sender: Sender = SNS, more: dict[str, str] | None = None, **facts: Any) -> bool:
    held = PolicyText("the policy of queue orders", policy(*statements)) if statements else None
    known = FakeFacts(resources={QUEUE: Resource(THEIRS, held, exists=True)}, places=PLACES, **facts)
    return is_allowed(known, sender, "sqs:SendMessage", QUEUE, more or {})


def test_the_policy_of_the_resource_must_allow_the_service() -> None:
    assert may(statement())
    assert not may()
    assert not may(statement(Principal={"Service": "s3.amazonaws.com"}))
    assert not may(statement(Action="sqs:ReceiveMessage"))
    assert not may(statement(Resource=f"{QUEUE}-2"))
    assert not may(statement(), statement(Effect="Deny"))


KEYS = {
    "aws:PrincipalIsAWSService": "true",
    "aws:PrincipalServiceName": "sns.amazonaws.com",
    "aws:ResourceAccount": THEIRS,
    "aws:SecureTransport": "true",
    "aws:SourceAccount": OURS,
    "aws:SourceArn": TOPIC,
    "aws:ResourceOrgID": "o-theirs",
    "aws:SourceOrgID": "o-ours",
    "s3:x-amz-acl": "bucket-owner-full-control",
}


@pytest.mark.parametrize("key", KEYS)
def test_the_request_of_a_service_has_its_keys(key: str) -> None:
    more = {"s3:x-amz-acl": "bucket-owner-full-control"}
    assert may(statement(Condition={"StringEquals": {key: KEYS[key]}}), more=more)
    assert not may(statement(Condition={"StringEquals": {key: "other"}}), more=more)


@pytest.mark.parametrize("key", ["aws:CurrentTime", "aws:EpochTime", "aws:SourceIp", "aws:UserAgent"])
def test_what_only_aws_knows_of_its_request_is_unknown(key: str) -> None:
    absent = {"Null": {key: "true"}}
    assert not may(statement(Condition=absent))
    assert not may(statement(), statement(Effect="Deny", Condition=absent))


@dataclass
class RolePolicies:
    """A directory that knows one role's policy."""

    policy: PolicyText

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        return PrincipalPolicies((self.policy,))


@pytest.mark.parametrize(("organization", "allowed"), [("o-ours", True), ("o-theirs", False)])
def test_the_session_of_a_role_is_of_the_organization_of_its_account(organization: str, allowed: bool) -> None:
    role = Role(f"arn:aws:iam::{OURS}:role/deliver", "AROA1", "deliver", OURS, "{}")
    condition = {"StringEquals": {"aws:PrincipalOrgID": organization}}
    granting = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", "Condition": condition}
    directory = cast("Directory", RolePolicies(PolicyText("inline policy send", policy(granting))))
    own = QUEUE.replace(THEIRS, OURS)
    facts = FakeFacts(resources={own: Resource(OURS, exists=True)}, places=PLACES)
    assert is_allowed_to_role(facts, directory, role, "sqs:SendMessage", own) is allowed


def test_a_policy_that_cannot_be_read_allows_nothing() -> None:
    held = Resource(THEIRS, PolicyText("the policy of queue orders", "{}"), exists=True)
    assert not is_allowed(FakeFacts(resources={QUEUE: held}), SNS, "sqs:SendMessage", QUEUE)


def test_the_control_policies_of_the_owner_count_for_services_that_have_them() -> None:
    denial = PolicyText("guard", policy(FULL | {"Effect": "Deny"}))
    assert may(statement(), rcps={THEIRS: ((FULL_RCP,),)})
    assert not may(statement(), rcps={THEIRS: ((FULL_RCP, denial),)})
    assert may(statement(), rcps={OURS: ((FULL_RCP, denial),)})
    topic = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}
    held = Resource(THEIRS, PolicyText("the policy of topic news", policy(topic)), exists=True)
    facts = FakeFacts(resources={TOPIC: held}, rcps={THEIRS: ((FULL_RCP, denial),)})
    bucket = Sender("s3.amazonaws.com", "arn:aws:s3:::uploads", OURS)
    assert is_allowed(facts, bucket, "sns:Publish", TOPIC)  # RCPs do not concern SNS
