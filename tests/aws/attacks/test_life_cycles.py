"""Every event in the life of credentials counts for the very next request that is signed with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from podrole.sts.credentials import Vault
from support.aws import ACCOUNT, ADMIN_KEY, LocalAWS, allow, policy, refused, trust_of
from support.pods import ROLE as POD_ROLE
from support.pods import associate, assume, create, credentials, trust_of_pods

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
UNKNOWN = ("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
BAD_TOKEN = ("InvalidClientTokenId", 403, "The security token included in the request is invalid")
DENY = policy({"Effect": "Deny", "Action": "*", "Resource": "*"})


def may(aws: LocalAWS, key: dict[str, str]) -> bool:
    """Say whether the holder may list instances; anything but the refusal of authorization is a failure."""
    try:
        aws.client("ec2", key).describe_instances()
    except ClientError as problem:
        if problem.response["Error"]["Code"] == "UnauthorizedOperation":
            return False
        raise
    return True


def who(aws: LocalAWS, key: dict[str, str]) -> Any:
    return aws.client("sts", key).get_caller_identity


def session_of(aws: LocalAWS, *statements: dict[str, Any], **more: Any) -> dict[str, str]:
    """Return a session of a role named ``worker`` with an inline policy named ``own``."""
    role = aws.role("worker", trust_of(ROOT), *(statements or (allow("ec2:*"),)), **more)
    return dict(aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one")["Credentials"])


# Access keys


def test_a_key_that_is_switched_off_is_unknown_until_it_is_switched_on_again(aws: LocalAWS) -> None:
    key = aws.user("blue", allow("ec2:*"))
    switch = aws.client("iam").update_access_key
    for status, works in (("Inactive", False), ("Active", True), ("Inactive", False)):
        switch(UserName="blue", AccessKeyId=key["AccessKeyId"], Status=status)
        if works:
            assert who(aws, key)()["Account"] == ACCOUNT
        else:
            assert refused(who(aws, key)) == UNKNOWN


def test_a_deleted_key_is_unknown_and_its_users_other_key_is_not(aws: LocalAWS) -> None:
    first = aws.user("blue", allow("ec2:*"))
    second = aws.client("iam").create_access_key(UserName="blue")["AccessKey"]
    aws.client("iam").delete_access_key(UserName="blue", AccessKeyId=first["AccessKeyId"])
    assert refused(who(aws, first)) == UNKNOWN
    assert may(aws, second)


def test_a_key_goes_with_its_user_and_does_not_come_back_with_another_of_the_name(aws: LocalAWS) -> None:
    key = aws.user("blue")
    iam = aws.client("iam")
    iam.delete_access_key(UserName="blue", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="blue")
    again = aws.user("blue", allow("ec2:*"))
    assert refused(who(aws, key)) == UNKNOWN
    assert may(aws, again)


def test_a_user_of_another_name_keeps_its_key(aws: LocalAWS) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    statement = allow("ec2:*", Condition=condition)
    key = aws.user("blue", statement, Tags=[{"Key": "team", "Value": "blue"}])
    aws.client("iam").update_user(UserName="blue", NewUserName="green", NewPath="/team/")
    assert who(aws, key)()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/green"
    assert may(aws, key)
    assert not may(aws, aws.user("blue", statement))


def test_an_administrator_who_switches_its_own_key_off_is_out(aws: LocalAWS) -> None:
    aws.client("iam").update_access_key(AccessKeyId=ADMIN_KEY, Status="Inactive")
    assert refused(aws.client("sts").get_caller_identity) == UNKNOWN


def test_a_users_session_outlives_its_key_but_not_its_user(aws: LocalAWS) -> None:
    key = aws.user("blue", allow("ec2:*"))
    session = aws.client("sts", key).get_session_token()["Credentials"]
    iam = aws.client("iam")
    iam.delete_access_key(UserName="blue", AccessKeyId=key["AccessKeyId"])
    assert may(aws, session)
    iam.delete_user_policy(UserName="blue", PolicyName="own")
    assert not may(aws, session)
    iam.delete_user(UserName="blue")
    assert refused(who(aws, session)) == BAD_TOKEN
    aws.user("blue", allow("ec2:*"))
    assert refused(who(aws, session)) == BAD_TOKEN


# What a user may do

Change = Callable[[Any], Any]
OWN = {"UserName": "blue", "PolicyName": "own"}
GROUP = {"GroupName": "readers"}
TAKING: dict[str, tuple[Change, Change]] = {
    "an inline policy": (
        lambda iam: iam.put_user_policy(**OWN, PolicyDocument=policy(allow("ec2:*"))),
        lambda iam: iam.delete_user_policy(**OWN),
    ),
    "a managed policy": (
        lambda iam: iam.attach_user_policy(UserName="blue", PolicyArn=READ_ONLY),
        lambda iam: iam.detach_user_policy(UserName="blue", PolicyArn=READ_ONLY),
    ),
    "a group": (
        lambda iam: iam.add_user_to_group(**GROUP, UserName="blue"),
        lambda iam: iam.remove_user_from_group(**GROUP, UserName="blue"),
    ),
}


@pytest.mark.parametrize(("give", "take"), TAKING.values(), ids=TAKING.keys())
def test_an_attached_policy_counts_until_it_is_detached(aws: LocalAWS, give: Change, take: Change) -> None:
    iam, key = aws.client("iam"), aws.user("blue")
    iam.create_group(**GROUP)
    iam.put_group_policy(**GROUP, PolicyName="p", PolicyDocument=policy(allow("ec2:*")))
    for _ in range(2):
        assert not may(aws, key)
        give(iam)
        assert may(aws, key)
        take(iam)
    assert not may(aws, key)


def test_members_have_the_permissions_of_their_group(aws: LocalAWS) -> None:
    iam, key = aws.client("iam"), aws.user("blue")
    iam.create_group(**GROUP)
    iam.add_user_to_group(**GROUP, UserName="blue")
    iam.attach_group_policy(**GROUP, PolicyArn=READ_ONLY)
    assert may(aws, key)
    iam.put_group_policy(**GROUP, PolicyName="deny", PolicyDocument=DENY)
    assert not may(aws, key)
    iam.delete_group_policy(**GROUP, PolicyName="deny")
    iam.detach_group_policy(**GROUP, PolicyArn=READ_ONLY)
    assert not may(aws, key)


def test_a_user_is_made_with_its_boundary(aws: LocalAWS) -> None:
    """moto would make the user without one: a user who may do everything."""
    key = aws.user("blue", allow("*"), PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert not may(aws, key)
    assert aws.client("s3", key).list_buckets()["Buckets"] == []


def test_a_users_boundary_counts_as_soon_as_it_is_put_and_no_longer_when_it_is_gone(aws: LocalAWS) -> None:
    iam, key = aws.client("iam"), aws.user("blue", allow("*"))
    session = aws.client("sts", key).get_session_token()["Credentials"]
    assert may(aws, key)
    assert may(aws, session)
    iam.put_user_permissions_boundary(
        UserName="blue", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    )
    assert not may(aws, key)
    assert not may(aws, session)
    iam.put_user_permissions_boundary(UserName="blue", PermissionsBoundary=READ_ONLY)
    assert may(aws, key)
    assert refused(aws.client("ec2", key).run_instances, ImageId="ami-1", MinCount=1, MaxCount=1)[1] == 403
    iam.delete_user_permissions_boundary(UserName="blue")
    assert may(aws, session)


def test_a_boundary_does_not_go_over_to_another_user_of_the_name(aws: LocalAWS) -> None:
    iam, key = aws.client("iam"), aws.user("blue", PermissionsBoundary=READ_ONLY)
    iam.delete_access_key(UserName="blue", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="blue")
    again = aws.user("blue", allow("*"))
    assert "PermissionsBoundary" not in iam.get_user(UserName="blue")["User"]
    assert aws.client("s3", again).list_buckets()["Buckets"] == []


# Roles and their sessions


def test_a_roles_boundary_counts_for_sessions_that_are_there(aws: LocalAWS) -> None:
    session = session_of(aws, allow("*"))
    iam = aws.client("iam")
    assert may(aws, session)
    iam.put_role_permissions_boundary(
        RoleName="worker", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    )
    assert not may(aws, session)
    iam.delete_role_permissions_boundary(RoleName="worker")
    assert may(aws, session)


def test_a_policys_new_default_version_counts_for_sessions_that_are_there(aws: LocalAWS) -> None:
    session = session_of(aws, allow("s3:*"))
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="shared", PolicyDocument=policy(allow("ec2:*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=arn)
    assert may(aws, session)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=DENY, SetAsDefault=False)
    assert may(aws, session)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert not may(aws, session)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert may(aws, session)


def test_a_changed_trust_policy_ends_no_session_and_begins_none(aws: LocalAWS) -> None:
    session = session_of(aws)
    trust = policy(trust_of("arn:aws:iam::444455556666:root"))
    aws.client("iam").update_assume_role_policy(RoleName="worker", PolicyDocument=trust)
    assert may(aws, session)
    assume_role = aws.client("sts").assume_role
    arn = f"arn:aws:iam::{ACCOUNT}:role/worker"
    assert refused(assume_role, RoleArn=arn, RoleSessionName="two")[:2] == ("AccessDenied", 403)


def test_sessions_can_be_revoked_as_the_console_does(aws: LocalAWS) -> None:
    session = session_of(aws)
    assert may(aws, session)
    before = {"DateLessThan": {"aws:TokenIssueTime": "2999-01-01T00:00:00Z"}}
    document = policy({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": before})
    aws.client("iam").put_role_policy(RoleName="worker", PolicyName="AWSRevokeOlderSessions", PolicyDocument=document)
    assert not may(aws, session)
    assert who(aws, session)()["Account"] == ACCOUNT


def test_a_shorter_maximum_is_for_sessions_to_come(aws: LocalAWS) -> None:
    role = aws.role("worker", trust_of(ROOT), allow("ec2:*"), MaxSessionDuration=43_200)
    arguments = {"RoleArn": role, "RoleSessionName": "one", "DurationSeconds": 7_200}
    session = aws.client("sts").assume_role(**arguments)["Credentials"]
    aws.client("iam").update_role(RoleName="worker", MaxSessionDuration=3_600)
    assert refused(aws.client("sts").assume_role, **arguments) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    assert may(aws, session)


@pytest.mark.parametrize("path", ["/", "/other/"])
def test_a_role_that_is_made_again_is_another(aws: LocalAWS, path: str) -> None:
    session = session_of(aws)
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName="worker", PolicyName="own")
    iam.delete_role(RoleName="worker")
    assert refused(who(aws, session)) == BAD_TOKEN
    again = aws.role("worker", trust_of(ROOT), allow("*"), Path=path)
    assert refused(who(aws, session)) == BAD_TOKEN
    fresh = aws.client("sts").assume_role(RoleArn=again, RoleSessionName="one")["Credentials"]
    assert may(aws, dict(fresh))
    assert refused(who(aws, session)) == BAD_TOKEN


def test_a_session_of_another_world_is_refused(aws: LocalAWS) -> None:
    session = session_of(aws)
    opened = aws.vault.open(session["AccessKeyId"], session["SessionToken"])
    assert opened is not None
    made = Vault(bytes(range(1, 33))).issue(opened)
    elsewhere = {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "SessionToken": made.session_token,
    }
    assert refused(who(aws, elsewhere)) == BAD_TOKEN


def test_a_session_token_is_bound_to_its_key(aws: LocalAWS) -> None:
    first, second = (dict(session_of(aws)), dict(aws.client("sts").get_session_token()["Credentials"]))
    assert refused(who(aws, {**first, "SessionToken": second["SessionToken"]})) == BAD_TOKEN
    assert refused(who(aws, {**first, "AccessKeyId": second["AccessKeyId"]})) == BAD_TOKEN
    assert refused(who(aws, {**aws.user("blue"), "SessionToken": first["SessionToken"]})) == BAD_TOKEN
    without = {name: value for name, value in first.items() if name != "SessionToken"}
    assert refused(who(aws, without)) == UNKNOWN


def test_a_pods_session_ends_with_its_role_and_not_with_the_association(aws: LocalAWS) -> None:
    association = associate(aws)
    session = credentials(assume(aws))
    assert may(aws, session)
    identified = {"clusterName": "podrole", "associationId": association["associationId"]}
    aws.client("eks").delete_pod_identity_association(**identified)
    assert may(aws, session)
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName="pods", PolicyName="own")
    assert not may(aws, session)
    iam.delete_role(RoleName="pods")
    assert refused(who(aws, session)) == BAD_TOKEN
    assert aws.role("pods", trust_of_pods(), allow("*")) == POD_ROLE
    create(aws)
    assert refused(who(aws, session)) == BAD_TOKEN
    assert may(aws, credentials(assume(aws)))


def test_a_session_policys_managed_policy_counts_as_it_is_now(aws: LocalAWS) -> None:
    role = aws.role("worker", trust_of(ROOT), allow("*"))
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="limit", PolicyDocument=policy(allow("ec2:*")))["Policy"]["Arn"]
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one", PolicyArns=[{"arn": arn}])
    key = dict(session["Credentials"])
    assert may(aws, key)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")), SetAsDefault=True)
    assert not may(aws, key)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    assert not may(aws, key)
    assert refused(aws.client("s3", key).list_buckets)[1] == 403


def test_tags_of_a_role_count_as_they_are_now(aws: LocalAWS) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    session = session_of(aws, allow("ec2:*", Condition=condition), Tags=[{"Key": "team", "Value": "blue"}])
    assert may(aws, session)
    iam = aws.client("iam")
    iam.tag_role(RoleName="worker", Tags=[{"Key": "team", "Value": "red"}])
    assert not may(aws, session)
    iam.tag_role(RoleName="worker", Tags=[{"Key": "team", "Value": "blue"}])
    assert may(aws, session)
    iam.untag_role(RoleName="worker", TagKeys=["team"])
    assert not may(aws, session)


def test_a_deleted_user_whom_a_trust_policy_names_does_not_come_back_by_name(aws: LocalAWS) -> None:
    iam, key = aws.client("iam"), aws.user("blue")
    role = aws.role("worker", trust_of(f"arn:aws:iam::{ACCOUNT}:user/blue"), allow("ec2:*"))
    assert aws.client("sts", key).assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    iam.delete_access_key(UserName="blue", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="blue")
    again = aws.user("blue")
    assert refused(aws.client("sts", again).assume_role, RoleArn=role, RoleSessionName="one")[:2] == (
        "AccessDenied",
        403,
    )
    shown = iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"]
    assert "blue" in json.dumps(shown) or "AIDA" in json.dumps(shown)
