"""Users, roles, groups and policies: what IAM refuses is refused here, in IAM's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from support.aws import ACCOUNT, ADMIN_KEY, LocalAWS, allow, policy, refused, trust_of

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
NOWHERE = f"arn:aws:iam::{ACCOUNT}:policy/nowhere"
TRUST = policy(trust_of(f"arn:aws:iam::{ACCOUNT}:root"))


def iam(aws: LocalAWS) -> Any:
    return aws.client("iam", parameter_validation=False)


@pytest.fixture
def people(aws: LocalAWS) -> LocalAWS:
    """A user, a role and a group named ``blue``."""
    client = iam(aws)
    client.create_user(UserName="blue")
    client.create_role(RoleName="blue", AssumeRolePolicyDocument=TRUST)
    client.create_group(GroupName="blue")
    return aws


def test_unique_ids_tell_what_they_are_of(people: LocalAWS) -> None:
    client = iam(people)
    ids = {
        "AIDA": client.get_user(UserName="blue")["User"]["UserId"],
        "AROA": client.get_role(RoleName="blue")["Role"]["RoleId"],
        "AGPA": client.get_group(GroupName="blue")["Group"]["GroupId"],
        "ANPA": client.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["PolicyId"],
        "AIPA": client.create_instance_profile(InstanceProfileName="p")["InstanceProfile"]["InstanceProfileId"],
    }
    for prefix, unique_id in ids.items():
        assert re.fullmatch(prefix + "[A-Z2-7]{17}", unique_id), unique_id


def test_an_access_key_is_of_the_form_that_clients_look_for(people: LocalAWS) -> None:
    key = iam(people).create_access_key(UserName="blue")["AccessKey"]
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"])
    assert re.fullmatch("[A-Za-z0-9/+]{40}", key["SecretAccessKey"])
    assert people.client("sts").get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == ACCOUNT


TAKEN: dict[str, tuple[dict[str, Any], str]] = {
    "create_user": ({"UserName": "Blue"}, "User with name Blue already exists."),
    "create_role": ({"RoleName": "BLUE", "AssumeRolePolicyDocument": TRUST}, "Role with name BLUE already exists."),
    "create_group": ({"GroupName": "bluE"}, "Group with name bluE already exists."),
}


@pytest.mark.parametrize("operation", TAKEN)
def test_names_differ_in_more_than_case(people: LocalAWS, operation: str) -> None:
    given, text = TAKEN[operation]
    assert refused(getattr(iam(people), operation), **given) == ("EntityAlreadyExists", 409, text)


def test_a_user_cannot_take_anothers_name_but_may_write_its_own_otherwise(people: LocalAWS) -> None:
    client = iam(people)
    client.create_user(UserName="red")
    assert refused(client.update_user, UserName="red", NewUserName="BLUE")[:2] == ("EntityAlreadyExists", 409)
    client.update_user(UserName="red", NewUserName="Red")
    assert client.get_user(UserName="Red")["User"]["UserName"] == "Red"


def test_policies_differ_in_more_than_case_too(aws: LocalAWS) -> None:
    client = iam(aws)
    client.create_policy(PolicyName="own", PolicyDocument=policy(allow("s3:*")))
    assert refused(client.create_policy, PolicyName="Own", PolicyDocument=policy(allow("s3:*"))) == (
        "EntityAlreadyExists",
        409,
        "A policy called Own already exists. Duplicate names are not allowed.",
    )


MISSING: dict[str, tuple[str, dict[str, Any], str]] = {
    "a role": ("get_role", {"RoleName": "none"}, "The role with name none cannot be found."),
    "a role to delete": ("delete_role", {"RoleName": "none"}, "The role with name none cannot be found."),
    "a role to change": (
        "update_assume_role_policy",
        {"RoleName": "none", "PolicyDocument": TRUST},
        "The role with name none cannot be found.",
    ),
    "a user": ("get_user", {"UserName": "none"}, "The user with name none cannot be found."),
    "a group": ("get_group", {"GroupName": "none"}, "The group with name none cannot be found."),
    "a user for a group": (
        "add_user_to_group",
        {"GroupName": "blue", "UserName": "none"},
        "The user with name none cannot be found.",
    ),
    "a policy": ("get_policy", {"PolicyArn": NOWHERE}, f"Policy {NOWHERE} was not found."),
    "a policy to attach": (
        "attach_role_policy",
        {"RoleName": "blue", "PolicyArn": NOWHERE},
        f"Policy {NOWHERE} does not exist or is not attachable.",
    ),
    "a policy that is not attached": (
        "detach_role_policy",
        {"RoleName": "blue", "PolicyArn": READ_ONLY},
        f"Policy {READ_ONLY} was not found.",
    ),
    "an inline policy": (
        "get_role_policy",
        {"RoleName": "blue", "PolicyName": "none"},
        "The role policy with name none cannot be found.",
    ),
    "an inline policy to delete": (
        "delete_user_policy",
        {"UserName": "blue", "PolicyName": "none"},
        "The user policy with name none cannot be found.",
    ),
    "an access key": (
        "delete_access_key",
        {"UserName": "blue", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
        "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.",
    ),
    "a boundary for a role": (
        "put_role_permissions_boundary",
        {"RoleName": "blue", "PermissionsBoundary": NOWHERE},
        f"Scope ARN: {NOWHERE} does not exist or is not attachable.",
    ),
    "a boundary for a user": (
        "create_user",
        {"UserName": "new", "PermissionsBoundary": NOWHERE},
        f"Scope ARN: {NOWHERE} does not exist or is not attachable.",
    ),
    "a boundary that a user does not have": (
        "delete_user_permissions_boundary",
        {"UserName": "blue"},
        "User blue does not have a permissions boundary",
    ),
}


@pytest.mark.parametrize(("operation", "given", "text"), MISSING.values(), ids=MISSING.keys())
def test_what_is_not_there_is_not_found(people: LocalAWS, operation: str, given: dict[str, Any], text: str) -> None:
    assert refused(getattr(iam(people), operation), **given) == ("NoSuchEntity", 404, text)


INVALID: dict[str, tuple[str, dict[str, Any], str]] = {
    "a long name": (
        "create_role",
        {"RoleName": "r" * 65, "AssumeRolePolicyDocument": TRUST},
        "'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
    ),
    "a name of other letters": (
        "create_user",
        {"UserName": "a b"},
        r"'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+",
    ),
    "a path without slashes": (
        "create_role",
        {"RoleName": "r", "Path": "team", "AssumeRolePolicyDocument": TRUST},
        (
            r"'path' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"
        ),
    ),
    "a short session": (
        "create_role",
        {"RoleName": "r", "MaxSessionDuration": 3_599, "AssumeRolePolicyDocument": TRUST},
        "'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600",
    ),
    "a long session": (
        "update_role",
        {"RoleName": "blue", "MaxSessionDuration": 43_201},
        "'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200",
    ),
    "a key that is neither on nor off": (
        "update_access_key",
        {"AccessKeyId": ADMIN_KEY, "Status": "Off"},
        "'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]",
    ),
    "nothing": ("create_group", {}, "'groupName' failed to satisfy constraint: Member must not be null"),
}


@pytest.mark.parametrize(("operation", "given", "text"), INVALID.values(), ids=INVALID.keys())
def test_what_the_model_does_not_take_is_refused(
    people: LocalAWS, operation: str, given: dict[str, Any], text: str
) -> None:
    answer = refused(getattr(iam(people), operation), **given)
    assert answer == ("ValidationError", 400, f"1 validation error detected: Value at {text}")


def test_several_faults_come_in_one_message(aws: LocalAWS) -> None:
    given = {"RoleName": "a b", "Path": "x", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 1}
    code, _, text = refused(iam(aws).create_role, **given)
    assert code == "ValidationError"
    assert text.startswith("3 validation errors detected: Value at ")


def test_a_policy_that_is_no_arn_is_said_to_be_none(people: LocalAWS) -> None:
    given = {"RoleName": "blue", "PolicyArn": "AmazonEC2ReadOnlyAccess"}
    expected = ("ValidationError", 400, "Invalid ARN:  Could not be parsed!")
    assert refused(iam(people).attach_role_policy, **given) == expected


@pytest.mark.parametrize(("kind", "most"), [("role", 20), ("user", 10), ("group", 10)])
def test_managed_policies_are_attached_up_to_the_quota(people: LocalAWS, kind: str, most: int) -> None:
    client, document = iam(people), policy(allow("s3:*"))
    arns = [
        client.create_policy(PolicyName=f"p{number}", PolicyDocument=document)["Policy"]["Arn"]
        for number in range(most + 1)
    ]
    attach, name = getattr(client, f"attach_{kind}_policy"), f"{kind.title()}Name"
    for arn in arns[:most]:
        attach(**{name: "blue"}, PolicyArn=arn)
    attach(**{name: "blue"}, PolicyArn=arns[0])
    quota = f"Cannot exceed quota for PoliciesPer{kind.title()}: {most}"
    assert refused(attach, **{name: "blue"}, PolicyArn=arns[most]) == ("LimitExceeded", 409, quota)


def test_a_user_is_in_ten_groups(people: LocalAWS) -> None:
    client = iam(people)
    for number in range(11):
        client.create_group(GroupName=f"g{number}")
    for number in range(10):
        client.add_user_to_group(GroupName=f"g{number}", UserName="blue")
    client.add_user_to_group(GroupName="g0", UserName="blue")
    answer = refused(client.add_user_to_group, GroupName="g10", UserName="blue")
    assert answer == ("LimitExceeded", 409, "Cannot exceed quota for GroupsPerUser: 10")


def test_a_user_has_two_access_keys(people: LocalAWS) -> None:
    client = iam(people)
    for _ in range(2):
        client.create_access_key(UserName="blue")
    answer = refused(client.create_access_key, UserName="blue")
    assert answer == ("LimitExceeded", 409, "Cannot exceed quota for AccessKeysPerUser: 2")


HOLDING: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "a user with a key": (lambda one: one.create_access_key(UserName="blue"), "user", "delete access keys"),
    "a user in a group": (
        lambda one: one.add_user_to_group(GroupName="blue", UserName="blue"),
        "user",
        "remove users from group",
    ),
    "a user with a password": (
        lambda one: one.create_login_profile(UserName="blue", Password="p4ssW0rd!p4ssW0rd!"),
        "user",
        "delete login profile",
    ),
    "a user with a managed policy": (
        lambda one: one.attach_user_policy(UserName="blue", PolicyArn=READ_ONLY),
        "user",
        "detach all policies",
    ),
    "a user with an inline policy": (
        lambda one: one.put_user_policy(UserName="blue", PolicyName="p", PolicyDocument=policy(allow("s3:*"))),
        "user",
        "delete policies",
    ),
    "a group with a user": (
        lambda one: one.add_user_to_group(GroupName="blue", UserName="blue"),
        "group",
        "remove users from group",
    ),
    "a group with a managed policy": (
        lambda one: one.attach_group_policy(GroupName="blue", PolicyArn=READ_ONLY),
        "group",
        "detach all policies",
    ),
    "a role with a managed policy": (
        lambda one: one.attach_role_policy(RoleName="blue", PolicyArn=READ_ONLY),
        "role",
        "detach all policies",
    ),
    "a role with an inline policy": (
        lambda one: one.put_role_policy(RoleName="blue", PolicyName="p", PolicyDocument=policy(allow("s3:*"))),
        "role",
        "delete policies",
    ),
}


@pytest.mark.parametrize(("hold", "kind", "what"), HOLDING.values(), ids=HOLDING.keys())
def test_nobody_deletes(people: LocalAWS, hold: Callable[[Any], Any], kind: str, what: str) -> None:
    client = iam(people)
    hold(client)
    delete, name = getattr(client, f"delete_{kind}"), {f"{kind.title()}Name": "blue"}
    assert refused(delete, **name) == ("DeleteConflict", 409, f"Cannot delete entity, must {what} first.")


def test_a_policy_in_use_stays(people: LocalAWS) -> None:
    client = iam(people)
    arn = client.create_policy(PolicyName="own", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    conflict = ("DeleteConflict", 409, "Cannot delete a policy attached to entities.")
    client.attach_group_policy(GroupName="blue", PolicyArn=arn)
    assert refused(client.delete_policy, PolicyArn=arn) == conflict
    client.detach_group_policy(GroupName="blue", PolicyArn=arn)
    client.put_user_permissions_boundary(UserName="blue", PermissionsBoundary=arn)
    assert refused(client.delete_policy, PolicyArn=arn) == conflict
    client.delete_user_permissions_boundary(UserName="blue")
    client.delete_policy(PolicyArn=arn)


def test_a_users_boundary_is_shown_and_taken_away(people: LocalAWS) -> None:
    client = iam(people)
    shown = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": READ_ONLY}
    made = client.create_user(UserName="new", PermissionsBoundary=READ_ONLY)["User"]
    assert made["PermissionsBoundary"] == client.get_user(UserName="new")["User"]["PermissionsBoundary"] == shown
    client.delete_user_permissions_boundary(UserName="new")
    assert "PermissionsBoundary" not in client.get_user(UserName="new")["User"]
    client.put_user_permissions_boundary(UserName="new", PermissionsBoundary=READ_ONLY)
    assert client.get_user(UserName="new")["User"]["PermissionsBoundary"] == shown


def test_a_user_who_names_nobody_means_themselves(aws: LocalAWS) -> None:
    own = allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    key = aws.user("blue", own)
    blue = aws.client("iam", key)
    assert blue.get_user()["User"]["UserName"] == "blue"
    assert [one["AccessKeyId"] for one in blue.list_access_keys()["AccessKeyMetadata"]] == [key["AccessKeyId"]]
    second = blue.create_access_key()["AccessKey"]
    assert second["UserName"] == "blue"
    blue.delete_access_key(AccessKeyId=second["AccessKeyId"])


@pytest.mark.parametrize("operation", ["delete_access_key", "update_access_key"])
def test_a_user_who_names_nobody_reaches_nobody_elses_key(aws: LocalAWS, operation: str) -> None:
    own = allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    blue = aws.client("iam", aws.user("blue", own), parameter_validation=False)
    given = {"AccessKeyId": ADMIN_KEY, **({"Status": "Inactive"} if operation.startswith("update") else {})}
    assert refused(getattr(blue, operation), **given)[:2] == ("NoSuchEntity", 404)
    assert refused(getattr(blue, operation), **given, UserName="admin")[:2] == ("AccessDenied", 403)
    assert aws.client("sts").get_caller_identity()["Account"] == ACCOUNT


@pytest.mark.parametrize("operation", ["get_user", "create_access_key", "list_access_keys", "list_mfa_devices"])
def test_a_role_must_say_which_user_it_means(aws: LocalAWS, operation: str) -> None:
    role = aws.role("deployer", trust_of(f"arn:aws:iam::{ACCOUNT}:root"), allow("*"))
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    answer = refused(getattr(aws.client("iam", session), operation))
    assert answer == ("ValidationError", 400, "Must specify userName when calling with non-User credentials")


def test_a_role_shows_when_and_where_it_was_last_used(aws: LocalAWS) -> None:
    client = aws.client("iam")
    role = aws.role("deployer", trust_of(f"arn:aws:iam::{ACCOUNT}:root"), allow("sts:*"))
    assert client.get_role(RoleName="deployer")["Role"]["RoleLastUsed"] == {}
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    assert client.get_role(RoleName="deployer")["Role"]["RoleLastUsed"] == {}
    aws.client("sts", session).get_caller_identity()
    used = client.get_role(RoleName="deployer")["Role"]["RoleLastUsed"]
    assert used["Region"] == "us-east-1"
    assert abs(used["LastUsedDate"].timestamp() - aws.now()) < 60


METADATA = f"<EntityDescriptor>{' ' * 1_000}</EntityDescriptor>"
TAGGED: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "a device": (
        lambda one: one.create_virtual_mfa_device(VirtualMFADeviceName="x", Tags=[{"Key": "team", "Value": "blue"}]),
        "iam:DeleteVirtualMFADevice",
        lambda one: one.delete_virtual_mfa_device(SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/x"),
    ),
    "a SAML provider": (
        lambda one: one.create_saml_provider(
            Name="x", SAMLMetadataDocument=METADATA, Tags=[{"Key": "team", "Value": "blue"}]
        ),
        "iam:DeleteSAMLProvider",
        lambda one: one.delete_saml_provider(SAMLProviderArn=f"arn:aws:iam::{ACCOUNT}:saml-provider/x"),
    ),
    "a role": (
        lambda one: one.create_role(
            RoleName="x", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "team", "Value": "blue"}]
        ),
        "iam:DeleteRole",
        lambda one: one.delete_role(RoleName="x"),
    ),
}


@pytest.mark.parametrize(("make", "action", "delete"), TAGGED.values(), ids=TAGGED.keys())
def test_tags_decide(aws: LocalAWS, make: Callable[[Any], Any], action: str, delete: Callable[[Any], Any]) -> None:
    make(aws.client("iam"))
    conditions = {team: {"StringEquals": {"aws:ResourceTag/team": team}} for team in ("red", "blue")}
    red, blue = (
        aws.client("iam", aws.user(team, allow(action, Condition=condition))) for team, condition in conditions.items()
    )
    assert refused(lambda: delete(red))[:2] == ("AccessDenied", 403)
    delete(blue)
