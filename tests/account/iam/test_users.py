"""Users and groups: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import pytest

from podrole.account.iam.records import GroupRecord
from support.complete import key_and_certificate, mfa_codes
from support.iam_account import (
    ACCOUNT,
    ANN,
    ARN,
    DOCUMENT,
    IAM,
    NOW,
    STAFF,
    Before,
    Given,
    Refusal,
    conflict,
    exists,
    quota,
)

PRIVATE, CERTIFICATE, PUBLIC = key_and_certificate()

REFUSED: dict[str, Refusal] = {
    "a user with an SSH key": (
        [("UploadSSHPublicKey", {**ANN, "SSHPublicKeyBody": PUBLIC})],
        "DeleteUser",
        ANN,
        conflict("delete SSH public keys"),
    ),
    "a user with a signing certificate": (
        [("UploadSigningCertificate", {**ANN, "CertificateBody": CERTIFICATE})],
        "DeleteUser",
        ANN,
        conflict("delete signing certificates"),
    ),
    "a group with an inline policy": (
        [("PutGroupPolicy", {**STAFF, "PolicyName": "p", "PolicyDocument": DOCUMENT})],
        "DeleteGroup",
        STAFF,
        conflict("delete policies"),
    ),
    **{
        f"a user with {what}": ([before], "DeleteUser", ANN, conflict(must))
        for what, before, must in (
            ("an access key", ("CreateAccessKey", ANN), "delete access keys"),
            ("a password", ("CreateLoginProfile", {**ANN, "Password": "pass-Word-1"}), "delete login profile"),
            ("a group", ("AddUserToGroup", {**ANN, **STAFF}), "remove users from group"),
            ("a policy", ("AttachUserPolicy", {**ANN, **ARN}), "detach all policies"),
            (
                "an inline policy",
                ("PutUserPolicy", {**ANN, "PolicyName": "p", "PolicyDocument": DOCUMENT}),
                "delete policies",
            ),
        )
    },
    "a group with a policy": (
        [("AttachGroupPolicy", {**STAFF, **ARN})],
        "DeleteGroup",
        STAFF,
        conflict("detach all policies"),
    ),
    "an eleventh group": (
        [
            call
            for number in range(10)
            for call in (
                ("CreateGroup", {"GroupName": f"g{number}"}),
                ("AddUserToGroup", {**ANN, "GroupName": f"g{number}"}),
            )
        ],
        "AddUserToGroup",
        {**ANN, **STAFF},
        quota("GroupsPerUser", 10),
    ),
    "a user's name": ([], "CreateUser", {"UserName": "Ann"}, exists("User with name Ann already exists.")),
    "another user's name": (
        [],
        "UpdateUser",
        {**ANN, "NewUserName": "BOB"},
        exists("User with name BOB already exists."),
    ),
    "a group's name": ([], "CreateGroup", {"GroupName": "Staff"}, exists("Group with name Staff already exists.")),
    "another group's name": (
        [("CreateGroup", {"GroupName": "crew"})],
        "UpdateGroup",
        {**STAFF, "NewGroupName": "Crew"},
        exists("Group with name Crew already exists."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


def test_a_group_goes_with_nobody_in_it(iam: IAM) -> None:
    iam("AddUserToGroup", **ANN, **STAFF)
    state = iam.store.newest_iam(ACCOUNT, "aws")
    group = state.named(GroupRecord, "staff")
    assert group is not None
    assert [user.name for user in state.members(group)] == ["ann"]
    assert iam.refused("DeleteGroup", **STAFF) == conflict("remove users from group")
    iam("RemoveUserFromGroup", **ANN, **STAFF)
    assert state.members(group) == []
    iam("DeleteGroup", **STAFF)
    assert iam.listed("ListGroups", "GroupName") == []


def test_a_new_name_is_free_for_others_and_the_old_one_too(iam: IAM) -> None:
    iam("UpdateUser", UserName="ann", NewUserName="Anna")
    assert iam.refused("GetUser", UserName="ann")[0] == "NoSuchEntity"
    iam("CreateUser", UserName="ann")
    iam("UpdateUser", UserName="Anna", NewUserName="ANNA")
    assert iam.refused("CreateUser", UserName="anna")[0] == "EntityAlreadyExists"
    iam("DeleteUser", UserName="ANNA")
    iam("CreateUser", UserName="anna")


def test_users_are_listed_by_path_without_their_tags(iam: IAM) -> None:
    iam("CreateUser", UserName="zoe", Path="/team/", Tags=[{"Key": "a", "Value": "b"}])
    assert iam.listed("ListUsers", "UserName") == ["ann", "bob", "zoe"]
    assert iam.listed("ListUsers", "UserName", PathPrefix="/team/") == ["zoe"]
    assert "Tags" not in iam("ListUsers", PathPrefix="/team/")["Users"][0]
    assert iam("GetUser", UserName="zoe")["User"]["Tags"] == [{"Key": "a", "Value": "b"}]
    iam("UpdateUser", UserName="zoe", NewPath="/other/")
    assert iam.listed("ListUsers", "UserName", PathPrefix="/other/") == ["zoe"]


def test_a_member_is_one_once_and_leaves_one_group(iam: IAM) -> None:
    iam("CreateGroup", GroupName="Crew", Path="/team/")
    iam("AddUserToGroup", **ANN, GroupName="Crew")
    for _ in range(2):
        iam("AddUserToGroup", **ANN, **STAFF)
    assert iam.listed("ListGroupsForUser", "GroupName", **ANN) == ["Crew", "staff"]
    for _ in range(2):
        iam("RemoveUserFromGroup", **ANN, **STAFF)
    assert iam.listed("ListGroupsForUser", "GroupName", **ANN) == ["Crew"]
    iam("UpdateGroup", GroupName="Crew", NewGroupName="crew", NewPath="/other/")
    assert iam.listed("ListGroups", "GroupName") == ["crew", "staff"]
    assert iam.listed("ListGroups", "GroupName", PathPrefix="/other/") == ["crew"]


def test_a_group_shows_its_users_without_their_tags(iam: IAM) -> None:
    iam("TagUser", **ANN, Tags=[{"Key": "a", "Value": "b"}])
    for name in ("bob", "ann"):
        iam("AddUserToGroup", UserName=name, **STAFF)
    users = iam("GetGroup", **STAFF)["Users"]
    assert [user["UserName"] for user in users] == ["ann", "bob"]
    assert "Tags" not in users[0]


@pytest.mark.parametrize(
    ("create", "get", "name", "member"),
    [
        ("CreateUser", "GetUser", "UserName", "User"),
        ("CreateGroup", "GetGroup", "GroupName", "Group"),
    ],
)
def test_an_entity_has_the_default_path(iam: IAM, create: str, get: str, name: str, member: str) -> None:
    iam(create, **{name: "new"})
    assert iam(get, **{name: "new"})[member]["Path"] == "/"


def test_a_user_with_a_device_stays(iam: IAM) -> None:
    made = iam("CreateVirtualMFADevice", VirtualMFADeviceName="own")["VirtualMFADevice"]
    codes = mfa_codes(made["Base32StringSeed"].decode(), NOW)
    iam("EnableMFADevice", **ANN, SerialNumber=made["SerialNumber"], **codes)
    assert iam.refused("DeleteUser", **ANN) == conflict("delete MFA device")
