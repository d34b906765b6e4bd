"""Roles, service-linked roles and instance profiles: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import pytest

from support.iam_account import (
    ARN,
    DOCUMENT,
    IAM,
    LINKED,
    NODE,
    OWN,
    READER,
    RESERVED,
    TRUST,
    Before,
    Given,
    Refusal,
    conflict,
    exists,
    no_such,
    policy,
    quota,
)

REFUSED: dict[str, Refusal] = {
    "a role with a policy": (
        [("AttachRolePolicy", {**READER, **ARN})],
        "DeleteRole",
        READER,
        conflict("detach all policies"),
    ),
    "a role with an inline policy": (
        [("PutRolePolicy", {**READER, "PolicyName": "p", "PolicyDocument": DOCUMENT})],
        "DeleteRole",
        READER,
        conflict("delete policies"),
    ),
    "a role's name": (
        [],
        "CreateRole",
        {"RoleName": "Reader", "AssumeRolePolicyDocument": TRUST},
        exists("Role with name Reader already exists."),
    ),
    "a service-linked role's name in another case": (
        [("CreateRole", {"RoleName": "awsserviceroleforecs", "AssumeRolePolicyDocument": TRUST})],
        "CreateServiceLinkedRole",
        {"AWSServiceName": "ecs.amazonaws.com"},
        (
            "InvalidInput",
            400,
            "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.",
        ),
    ),
    "a trust policy that does not parse": (
        [],
        "UpdateAssumeRolePolicy",
        {**READER, "PolicyDocument": "{"},
        ("MalformedPolicyDocument", 400, "This policy contains invalid Json"),
    ),
    "a role in an instance profile": (
        [("AddRoleToInstanceProfile", {**READER, **NODE})],
        "DeleteRole",
        READER,
        conflict("remove roles from instance profile"),
    ),
    "an instance profile with a role": (
        [("AddRoleToInstanceProfile", {**READER, **NODE})],
        "DeleteInstanceProfile",
        NODE,
        conflict("remove roles from instance profile"),
    ),
    "a profile's name": (
        [],
        "CreateInstanceProfile",
        {"InstanceProfileName": "Node"},
        exists("Instance Profile Node already exists."),
    ),
    "a service-linked role": (
        [],
        "CreateServiceLinkedRole",
        {"AWSServiceName": "autoscaling.amazonaws.com"},
        (
            "InvalidInput",
            400,
            f"Service role name {LINKED} has been taken in this account, please try a different suffix.",
        ),
    ),
    "a role at a reserved path": (
        [],
        "CreateRole",
        {"RoleName": "x", "Path": "/aws-reserved/", "AssumeRolePolicyDocument": TRUST},
        ("AccessDenied", 403, "Roles with the path /aws-reserved/ can be created only by AWS services."),
    ),
    "a second role in a profile": (
        [("AddRoleToInstanceProfile", {**READER, **NODE})],
        "AddRoleToInstanceProfile",
        {**READER, **NODE},
        quota("InstanceSessionsPerInstanceProfile", 1),
    ),
    "no profile": (
        [],
        "GetInstanceProfile",
        {"InstanceProfileName": "x"},
        no_such("Instance Profile x cannot be found."),
    ),
    "no such role in the profile": (
        [],
        "RemoveRoleFromInstanceProfile",
        {**READER, **NODE},
        no_such("Role reader in instance profile node cannot be found."),
    ),
    "no deletion": (
        [],
        "GetServiceLinkedRoleDeletionStatus",
        {"DeletionTaskId": "task/aws-service-role/x"},
        no_such("The deletion task task/aws-service-role/x cannot be found."),
    ),
    "a role that is not service-linked": (
        [],
        "DeleteServiceLinkedRole",
        READER,
        ("InvalidInput", 400, "reader is not a service-linked role."),
    ),
    "a service that is none": (
        [],
        "CreateServiceLinkedRole",
        {"AWSServiceName": "autoscaling"},
        ("InvalidInput", 400, "Service name autoscaling is not valid."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


def test_of_a_service_linked_role_the_description_alone_is_changed(iam: IAM) -> None:
    iam("UpdateRole", RoleName=LINKED, Description="mine")
    assert iam("GetRole", RoleName=LINKED)["Role"]["Description"] == "mine"
    assert iam("UpdateRoleDescription", RoleName=LINKED, Description="ours")["Role"]["Description"] == "ours"
    assert iam("GetRole", RoleName=LINKED)["Role"]["Description"] == "ours"
    for operation, given in (("UpdateRole", {"MaxSessionDuration": 7_200}), ("UpdateRoleDescription", {})):
        refused = {"Description": "x", **given, "RoleName": RESERVED}
        assert iam.refused(operation, **refused)[0] == "UnmodifiableEntity"
    assert iam.refused("UpdateRole", RoleName=LINKED, MaxSessionDuration=7_200)[0] == "UnmodifiableEntity"
    iam("DeleteServiceLinkedRole", RoleName=LINKED)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
        ("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
        ("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup"),
        ("spot.amazonaws.com", "AWSServiceRoleForEC2Spot"),
        ("ops.apigateway.amazonaws.com", "AWSServiceRoleForAPIGateway"),
        ("dynamodb.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"),
        ("elasticbeanstalk.amazonaws.com.cn", "AWSServiceRoleForElasticBeanstalk"),
    ],
)
def test_a_service_linked_role_has_the_name_that_its_service_gives_it(iam: IAM, service: str, name: str) -> None:
    role = iam("CreateServiceLinkedRole", AWSServiceName=service)["Role"]
    assert role["RoleName"] == name
    assert role["Path"] == f"/aws-service-role/{service}/"


def test_roles_are_listed_by_path_without_their_tags(iam: IAM) -> None:
    given = {"RoleName": "web", "Path": "/team/", "AssumeRolePolicyDocument": TRUST}
    made = iam("CreateRole", **given, Tags=[{"Key": "a", "Value": "b"}])["Role"]
    assert made["Tags"] == [{"Key": "a", "Value": "b"}]
    assert made["MaxSessionDuration"] == 3_600
    assert iam.listed("ListRoles", "RoleName", PathPrefix="/team/") == ["web"]
    assert iam.listed("ListRoles", "RoleName") == sorted([LINKED, RESERVED, "reader", "web"], key=str.lower)
    assert "Tags" not in iam("ListRoles", PathPrefix="/team/")["Roles"][0]
    assert iam("GetRole", **READER)["Role"]["Path"] == "/"


def test_an_update_without_a_duration_makes_it_an_hour_again(iam: IAM) -> None:
    iam("UpdateRole", **READER, MaxSessionDuration=7_200, Description="mine")
    assert iam("GetRole", **READER)["Role"]["MaxSessionDuration"] == 7_200
    iam("UpdateRole", **READER)
    role = iam("GetRole", **READER)["Role"]
    assert (role["MaxSessionDuration"], role["Description"]) == (3_600, "mine")
    made = {"RoleName": "long", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 7_200}
    assert iam("CreateRole", **made)["Role"]["MaxSessionDuration"] == 7_200


def test_a_role_has_a_boundary_until_it_is_taken_away(iam: IAM) -> None:
    iam("PutRolePermissionsBoundary", **READER, PermissionsBoundary=OWN)
    assert iam("GetRole", **READER)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == OWN
    iam("DeleteRolePermissionsBoundary", **READER)
    assert "PermissionsBoundary" not in iam("GetRole", **READER)["Role"]


def test_a_trust_policy_is_replaced_and_a_role_deleted(iam: IAM) -> None:
    other = policy(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
    iam("UpdateAssumeRolePolicy", **READER, PolicyDocument=other)
    assert "ec2.amazonaws.com" in iam("GetRole", **READER)["Role"]["AssumeRolePolicyDocument"]
    iam("DeleteRole", **READER)
    assert iam.refused("GetRole", **READER)[0] == "NoSuchEntity"


def test_a_deleted_service_linked_role_is_gone(iam: IAM) -> None:
    given = {"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": "two"}
    made = iam("CreateServiceLinkedRole", **given)["Role"]
    assert made["RoleName"] == f"{LINKED}_two"
    path = "aws-service-role/autoscaling.amazonaws.com"
    task = {"DeletionTaskId": f"task/{path}/{made['RoleName']}/{made['RoleId']}"}
    assert iam("GetServiceLinkedRoleDeletionStatus", **task)["Status"] == "FAILED"
    assert iam("DeleteServiceLinkedRole", RoleName=made["RoleName"]) == task
    assert iam("GetServiceLinkedRoleDeletionStatus", **task)["Status"] == "SUCCEEDED"


def test_an_instance_profile_holds_a_role_until_it_is_removed(iam: IAM) -> None:
    iam("CreateInstanceProfile", InstanceProfileName="Other", Path="/team/")
    iam("AddRoleToInstanceProfile", **READER, InstanceProfileName="Other")
    (shown,) = iam("ListInstanceProfilesForRole", **READER)["InstanceProfiles"]
    assert (shown["InstanceProfileName"], shown["Roles"][0]["RoleName"]) == ("Other", "reader")
    assert iam.listed("ListInstanceProfiles", "InstanceProfileName") == ["node", "Other"]
    assert iam.listed("ListInstanceProfiles", "InstanceProfileName", PathPrefix="/team/") == ["Other"]
    iam("RemoveRoleFromInstanceProfile", **READER, InstanceProfileName="Other")
    assert iam("ListInstanceProfilesForRole", **READER)["InstanceProfiles"] == []
    iam("DeleteInstanceProfile", InstanceProfileName="Other")
    assert iam.listed("ListInstanceProfiles", "InstanceProfileName") == ["node"]
