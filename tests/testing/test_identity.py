"""Identities of pods, taken by the test's own process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from podrole.testing import Call, Identity, InvalidArrangement, Refusal, World

Identities = Callable[..., Identity]
DENY = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
LIST = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}}
ROLES = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"}}


def list_roles() -> None:
    boto3.client("iam").list_roles()


def code_of(call: Callable[[], object]) -> str:
    try:
        call()
    except ClientError as problem:
        return str(problem.response["Error"]["Code"])
    return "allowed"


@pytest.mark.parametrize("method", ["irsa", "pod-identity"])
def test_the_process_is_the_role_inside_the_context_only(podrole_identity: Identities, method: str) -> None:
    inventory = podrole_identity("shop", "inventory", method=method)
    before = dict(os.environ)
    with inventory:
        arn = boto3.client("sts").get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:sts::111122223333:assumed-role/shop-inventory/")
    assert inventory.role_arn == "arn:aws:iam::111122223333:role/shop-inventory"
    assert dict(os.environ) == before


def test_an_identity_may_do_what_is_allowed_and_nothing_else(podrole_identity: Identities) -> None:
    with podrole_identity("shop", "inventory", allow=["iam:ListRoles"]):
        list_roles()
        assert code_of(lambda: boto3.client("iam").list_users()) == "AccessDenied"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"policies": ["arn:aws:iam::aws:policy/IAMReadOnlyAccess"]}, "allowed"),
        ({"policies": [ROLES]}, "allowed"),
        ({"policies": [json.dumps(ROLES)]}, "allowed"),
        ({"policies": [ROLES, DENY]}, "AccessDenied"),
        ({"allow": ["iam:ListRoles"], "boundary": ROLES}, "allowed"),
        ({"allow": ["iam:ListRoles"], "boundary": LIST}, "AccessDenied"),
        ({"allow": ["iam:ListRoles"], "boundary": "arn:aws:iam::aws:policy/AmazonSQSFullAccess"}, "AccessDenied"),
        ({}, "AccessDenied"),
    ],
)
def test_policies_and_the_boundary_decide(podrole_identity: Identities, given: dict[str, Any], code: str) -> None:
    with podrole_identity("shop", "inventory", **given):
        assert code_of(list_roles) == code


def test_a_trust_policy_of_the_tests_own_decides(podrole_identity: Identities, podrole_refusal: Any) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
    refusal: Refusal = podrole_refusal(match="AssumeRoleWithWebIdentity")
    with podrole_identity("shop", "inventory", trust=trust), refusal:
        boto3.client("sts").get_caller_identity()
    assert [call.code for call in refusal.calls] == ["AccessDenied"]


def test_contexts_nest_and_each_keeps_its_session(podrole_identity: Identities, podrole_calls: Sequence[Call]) -> None:
    one, other = podrole_identity("shop", "one"), podrole_identity("shop", "other")

    def who() -> str:
        return str(boto3.client("sts").get_caller_identity()["Arn"]).split("/")[1]

    with one:
        assert who() == "shop-one"
        with other:
            assert who() == "shop-other"
        assert who() == "shop-one"
    with other:
        assert who() == "shop-other"
    assert [call.action for call in podrole_calls].count("sts:AssumeRoleWithWebIdentity") == 2


def test_contexts_that_overlap_are_refused_and_the_environment_is_as_before(podrole_identity: Identities) -> None:
    one, other = podrole_identity("shop", "one"), podrole_identity("shop", "other")
    before = dict(os.environ)
    one.__enter__()
    other.__enter__()
    with pytest.raises(InvalidArrangement, match="shop/one ended before that of shop/other, which was entered later"):
        one.__exit__(None, None, None)
    assert dict(os.environ) == before
    other.__exit__(None, None, None)
    assert dict(os.environ) == before


def test_a_context_can_be_entered_again_inside_itself(podrole_identity: Identities) -> None:
    with podrole_identity("shop", "inventory", allow=["iam:ListRoles"]) as inventory:
        with inventory:
            list_roles()
        list_roles()


async def test_an_identity_is_an_asynchronous_context_too(podrole_identity: Identities) -> None:
    async with podrole_identity("shop", "inventory", allow=["iam:ListRoles"]):
        list_roles()


def test_a_program_runs_with_the_identity(podrole_identity: Identities) -> None:
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = podrole_identity("shop", "inventory").run([sys.executable, "-c", script])
    assert (done.returncode, "/shop-inventory/" in done.stdout) == (0, True), done.stderr


def test_the_token_is_bound_to_a_pod_of_the_cluster(podrole_identity: Identities, podrole_world: World) -> None:
    inventory = podrole_identity("shop", "inventory")
    with inventory:
        list_roles_is_refused = code_of(list_roles)
    assert list_roles_is_refused == "AccessDenied"
    exchange = next(call for call in podrole_world.calls if call.action == "sts:AssumeRoleWithWebIdentity")
    assert exchange.explanation is not None
    assert exchange.explanation["pod"] == inventory.pod


def test_a_long_name_gets_a_role_with_a_shorter_one(podrole_identity: Identities) -> None:
    names = [podrole_identity("n" * 40, "a" * 40 + end).role_arn.rpartition("/")[2] for end in ("1", "2")]
    assert [len(name) for name in names] == [64, 64]
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"allow": ["s3:PutObjekt"]}, r"AWS has no action 's3:PutObjekt'.*did you mean s3:PutObject\?"),
        ({"policies": ["{"]}, "AWS refuses PutRolePolicy: MalformedPolicyDocument"),
        ({"policies": ["arn:aws:iam::aws:policy/None"]}, "AWS refuses AttachRolePolicy: NoSuchEntity"),
        ({"trust": {"Version": "2012-10-17"}}, "AWS refuses CreateRole: MalformedPolicyDocument"),
        ({"trust": ROLES}, "AWS refuses CreateRole: MalformedPolicyDocument"),
        ({"boundary": "{}"}, "AWS refuses CreatePolicy: MalformedPolicyDocument"),
        ({"method": "kiam"}, "There is no such method.*'irsa' or 'pod-identity'"),
        ({"namespace": "Shop"}, "The namespace is not one that Kubernetes takes"),
        ({"account": "in_ventory"}, "The service account's name is not one that Kubernetes takes"),
        (
            {"method": "pod-identity", "trust": {**ROLES, "Statement": {**ROLES["Statement"]}}},
            "AWS refuses CreateRole: MalformedPolicyDocument",
        ),
    ],
)
def test_what_cannot_be_is_refused(podrole_identity: Identities, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArrangement, match=f"(?s){message}"):
        podrole_identity(**{"namespace": "shop", "account": "inventory", **given})


def test_a_role_that_eks_refuses_is_refused_in_its_words(podrole_identity: Identities) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
    with pytest.raises(InvalidArrangement, match="AWS refuses CreatePodIdentityAssociation: InvalidParameterException"):
        podrole_identity("shop", "inventory", method="pod-identity", trust=trust)


def test_the_same_service_account_twice_is_refused(podrole_identity: Identities) -> None:
    podrole_identity("shop", "inventory")
    with pytest.raises(InvalidArrangement, match="EntityAlreadyExists: Role with name shop-inventory already exists"):
        podrole_identity("shop", "inventory")
