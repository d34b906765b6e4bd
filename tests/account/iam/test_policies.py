"""Managed and inline policies, boundaries: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import pytest

from support.iam_account import (
    ANN,
    ARN,
    AWS_POLICY,
    DOCUMENT,
    IAM,
    LINKED,
    OWN,
    READER,
    SERVICE_POLICY,
    STAFF,
    VERSION,
    Before,
    Given,
    Refusal,
    exists,
    no_such,
    policy,
    quota,
)

AWS_POLICY_TEXT = f"Policy {AWS_POLICY} is an AWS managed policy and cannot be changed."

MISSING = f"{OWN}-missing"
HOLDERS = {"User": (ANN, 10), "Group": (STAFF, 10), "Role": (READER, 20)}


def policies(count: int) -> Before:
    return [("CreatePolicy", {"PolicyName": f"p{number}", "PolicyDocument": DOCUMENT}) for number in range(count)]


REFUSED: dict[str, Refusal] = {
    "a policy's name": (
        [],
        "CreatePolicy",
        {"PolicyName": "Own", "PolicyDocument": DOCUMENT},
        exists("A policy called Own already exists. Duplicate names are not allowed."),
    ),
    "a policy that is attached": (
        [("AttachUserPolicy", {**ANN, **ARN})],
        "DeletePolicy",
        ARN,
        ("DeleteConflict", 409, "Cannot delete a policy attached to entities."),
    ),
    "no policy": ([], "GetPolicy", {"PolicyArn": MISSING}, no_such(f"Policy {MISSING} was not found.")),
    "no policy to attach": (
        [],
        "AttachUserPolicy",
        {**ANN, "PolicyArn": MISSING},
        no_such(f"Policy {MISSING} does not exist or is not attachable."),
    ),
    "no policy to detach": ([], "DetachUserPolicy", {**ANN, **ARN}, no_such(f"Policy {OWN} was not found.")),
    "no policy to list the entities of": (
        [],
        "ListEntitiesForPolicy",
        {"PolicyArn": MISSING},
        no_such(f"Policy {MISSING} was not found."),
    ),
    "no inline policy": (
        [],
        "GetUserPolicy",
        {**ANN, "PolicyName": "p"},
        no_such("The user policy with name p cannot be found."),
    ),
    "no inline policy to delete": (
        [],
        "DeleteGroupPolicy",
        {**STAFF, "PolicyName": "p"},
        no_such("The group policy with name p cannot be found."),
    ),
    "no boundary": (
        [],
        "PutUserPermissionsBoundary",
        {**ANN, "PermissionsBoundary": MISSING},
        no_such(f"Scope ARN: {MISSING} does not exist or is not attachable."),
    ),
    "no boundary to delete": (
        [],
        "DeleteUserPermissionsBoundary",
        ANN,
        no_such("User ann does not have a permissions boundary"),
    ),
    **{
        f"one policy too many of a {kind}": (
            [
                *policies(most),
                *(
                    (f"Attach{kind}Policy", {**holder, "PolicyArn": OWN.replace("own", f"p{number}")})
                    for number in range(most)
                ),
            ],
            f"Attach{kind}Policy",
            {**holder, **ARN},
            quota(f"PoliciesPer{kind}", most),
        )
        for kind, (holder, most) in HOLDERS.items()
    },
    "a policy with two versions": (
        [VERSION],
        "DeletePolicy",
        ARN,
        (
            "DeleteConflict",
            409,
            (
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            ),
        ),
    ),
    "a policy that is a role's boundary": (
        [("PutRolePermissionsBoundary", {**READER, "PermissionsBoundary": OWN})],
        "DeletePolicy",
        ARN,
        ("DeleteConflict", 409, "Cannot delete a policy attached to entities."),
    ),
    "the default version": (
        [VERSION],
        "DeletePolicyVersion",
        {**ARN, "VersionId": "v1"},
        ("DeleteConflict", 409, "Cannot delete the default version of a policy."),
    ),
    **{
        f"AWS's own policy: {operation}": (
            [],
            operation,
            {"PolicyArn": AWS_POLICY, **given},
            ("AccessDenied", 403, AWS_POLICY_TEXT),
        )
        for operation, given in {
            "CreatePolicyVersion": {"PolicyDocument": DOCUMENT},
            "DeletePolicyVersion": {"VersionId": "v1"},
            "SetDefaultPolicyVersion": {"VersionId": "v1"},
            "DeletePolicy": {},
            "TagPolicy": {"Tags": [{"Key": "a", "Value": "b"}]},
            "UntagPolicy": {"TagKeys": ["a"]},
        }.items()
    },
    "a policy of a service-linked role for another role": (
        [],
        "AttachRolePolicy",
        {**READER, "PolicyArn": SERVICE_POLICY},
        ("PolicyNotAttachable", 400, "Cannot attach a Service Role Policy to a Customer Role."),
    ),
    "a sixth version": (
        [VERSION] * 4,
        *VERSION,
        (
            "LimitExceeded",
            409,
            (
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                "existing version."
            ),
        ),
    ),
    "no version": (
        [],
        "GetPolicyVersion",
        {**ARN, "VersionId": "v9"},
        no_such(f"Policy {OWN} version v9 does not exist or is not attachable."),
    ),
    "no version of AWS's": (
        [],
        "GetPolicyVersion",
        {"PolicyArn": AWS_POLICY, "VersionId": "v99"},
        no_such(f"Policy {AWS_POLICY} version v99 does not exist or is not attachable."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


def test_counts_follow_every_change(iam: IAM) -> None:
    iam("AttachRolePolicy", **READER, **ARN)
    iam("PutUserPermissionsBoundary", **ANN, PermissionsBoundary=OWN)
    shown = iam("GetPolicy", **ARN)["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (1, 1)
    listed = iam("ListPolicies", OnlyAttached=True, Scope="Local")["Policies"]
    assert [one["PolicyName"] for one in listed] == ["own"]
    usage = iam("ListEntitiesForPolicy", **ARN, PolicyUsageFilter="PermissionsBoundary")
    assert (len(usage["PolicyUsers"]), len(usage["PolicyRoles"])) == (1, 0)
    iam("DetachRolePolicy", **READER, **ARN)
    iam("DeleteUserPermissionsBoundary", **ANN)
    shown = iam("GetPolicy", **ARN)["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (0, 0)
    assert iam("ListPolicies", OnlyAttached=True, Scope="Local")["Policies"] == []


def test_policies_of_aws_can_be_read(iam: IAM) -> None:
    assert iam("GetPolicy", PolicyArn=AWS_POLICY)["Policy"]["PolicyName"] == "AdministratorAccess"
    shown = iam("GetPolicyVersion", PolicyArn=AWS_POLICY, VersionId="v1")["PolicyVersion"]
    assert (shown["VersionId"], shown["IsDefaultVersion"]) == ("v1", True)


def test_versions_are_numbered_and_one_is_the_default(iam: IAM) -> None:
    def versions() -> list[tuple[str, bool]]:
        listed = iam("ListPolicyVersions", **ARN)["Versions"]
        assert "Document" not in listed[0]
        return [(one["VersionId"], one["IsDefaultVersion"]) for one in listed]

    made = iam("CreatePolicyVersion", **VERSION[1])["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"], "Document" in made) == ("v2", False, False)
    assert iam("CreatePolicyVersion", **VERSION[1], SetAsDefault=True)["PolicyVersion"]["IsDefaultVersion"]
    assert versions() == [("v3", True), ("v2", False), ("v1", False)]
    iam("SetDefaultPolicyVersion", **ARN, VersionId="v1")
    iam("DeletePolicyVersion", **ARN, VersionId="v3")
    assert versions() == [("v2", False), ("v1", True)]
    iam("CreatePolicyVersion", **VERSION[1])
    assert versions() == [("v4", False), ("v2", False), ("v1", True)]
    assert len(iam("ListPolicyVersions", **ARN, MaxItems=2)["Versions"]) == 2
    marker = iam("ListPolicyVersions", **ARN, MaxItems=2)["Marker"]
    assert [one["VersionId"] for one in iam("ListPolicyVersions", **ARN, Marker=marker)["Versions"]] == ["v1"]
    for version in ("v4", "v2"):
        iam("DeletePolicyVersion", **ARN, VersionId=version)
    iam("DeletePolicy", **ARN)
    assert iam.refused("GetPolicy", **ARN)[0] == "NoSuchEntity"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Scope": "Local"}, ["a", "bounds", "own"]),
        ({"Scope": "Local", "PathPrefix": "/team/"}, ["a"]),
        ({"Scope": "Local", "OnlyAttached": True}, ["own"]),
        ({"Scope": "Local", "PolicyUsageFilter": "PermissionsPolicy"}, ["own"]),
        ({"Scope": "Local", "PolicyUsageFilter": "PermissionsBoundary"}, ["bounds"]),
        ({"OnlyAttached": True}, ["AdministratorAccess", "own"]),
        ({"Scope": "AWS", "OnlyAttached": True}, ["AdministratorAccess"]),
    ],
)
def test_policies_are_listed_by_scope_path_and_use(iam: IAM, given: Given, expected: list[str]) -> None:
    iam("CreatePolicy", PolicyName="a", Path="/team/", PolicyDocument=DOCUMENT, Tags=[{"Key": "a", "Value": "b"}])
    iam("CreatePolicy", PolicyName="bounds", PolicyDocument=DOCUMENT)
    iam("AttachRolePolicy", **READER, **ARN)
    iam("AttachRolePolicy", **READER, PolicyArn=AWS_POLICY)
    iam("PutUserPermissionsBoundary", **ANN, PermissionsBoundary=OWN.replace("own", "bounds"))
    assert iam.listed("ListPolicies", "PolicyName", **given) == expected
    assert all("Tags" not in one for one in iam("ListPolicies", **given)["Policies"])


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_policy_is_attached_once_until_it_is_detached(iam: IAM, kind: str) -> None:
    holder, _ = HOLDERS[kind]
    iam("CreatePolicy", PolicyName="deep", Path="/a/b/", PolicyDocument=DOCUMENT)
    deep = OWN.replace("own", "a/b/deep")
    for arn in (OWN, OWN, deep):
        iam(f"Attach{kind}Policy", **holder, PolicyArn=arn)
    listed = f"ListAttached{kind}Policies"
    assert iam(listed, **holder)["AttachedPolicies"] == [
        {"PolicyName": "deep", "PolicyArn": deep},
        {"PolicyName": "own", "PolicyArn": OWN},
    ]
    assert iam.listed(listed, "PolicyName", **holder, PathPrefix="/a/b/") == ["deep"]
    assert iam.listed(listed, "PolicyName", **holder, PathPrefix="/o") == []
    iam(f"Detach{kind}Policy", **holder, PolicyArn=OWN)
    assert iam.listed(listed, "PolicyName", **holder) == ["deep"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (["bob", "ann"], ["staff"], ["reader"])),
        ({"PolicyUsageFilter": "PermissionsPolicy"}, (["bob"], ["staff"], ["reader"])),
        ({"PolicyUsageFilter": "PermissionsBoundary"}, (["ann"], [], [])),
        ({"EntityFilter": "Group"}, ([], ["staff"], [])),
        ({"PathPrefix": "/team/"}, (["bob"], [], [])),
    ],
)
def test_entities_of_a_policy(iam: IAM, given: Given, expected: tuple[list[str], ...]) -> None:
    iam("UpdateUser", UserName="bob", NewPath="/team/")
    iam("AttachUserPolicy", UserName="bob", **ARN)
    iam("AttachGroupPolicy", **STAFF, **ARN)
    iam("AttachRolePolicy", **READER, **ARN)
    iam("PutUserPermissionsBoundary", **ANN, PermissionsBoundary=OWN)
    answer = iam("ListEntitiesForPolicy", **ARN, **given)
    found = tuple({one[f"{kind}Name"] for one in answer[f"Policy{kind}s"]} for kind in ("User", "Group", "Role"))
    assert found == tuple(set(names) for names in expected)
    assert answer.keys() == {"PolicyUsers", "PolicyGroups", "PolicyRoles", "IsTruncated"}
    assert answer["IsTruncated"] is False


@pytest.mark.parametrize("kind", HOLDERS)
def test_an_inline_policy_is_kept_by_its_name(iam: IAM, kind: str) -> None:
    holder, _ = HOLDERS[kind]
    other = policy(Action="s3:PutObject", Resource="*")
    for name, document in (("q", DOCUMENT), ("p", DOCUMENT), ("p", other)):
        iam(f"Put{kind}Policy", **holder, PolicyName=name, PolicyDocument=document)
    assert iam(f"List{kind}Policies", **holder)["PolicyNames"] == ["p", "q"]
    (name,) = holder.values()
    shown = iam(f"Get{kind}Policy", **holder, PolicyName="p")
    assert (shown[f"{kind}Name"], "PutObject" in shown["PolicyDocument"]) == (name, True)
    iam(f"Delete{kind}Policy", **holder, PolicyName="p")
    assert iam(f"List{kind}Policies", **holder)["PolicyNames"] == ["q"]


def test_inline_policies_of_a_user_share_2048_characters_and_a_new_text_replaces_the_old(iam: IAM) -> None:
    large = policy(Action="s3:GetObject", Resource=[f"arn:aws:s3:::{'a' * 60}/{number}" for number in range(15)])
    iam("PutUserPolicy", **ANN, PolicyName="p", PolicyDocument=large)
    iam("PutUserPolicy", **ANN, PolicyName="p", PolicyDocument=large)
    assert iam.refused("PutUserPolicy", **ANN, PolicyName="q", PolicyDocument=large)[:2] == ("LimitExceeded", 409)


def test_policies_of_a_role_that_only_aws_changes_can_be_read(iam: IAM) -> None:
    assert iam("ListAttachedRolePolicies", RoleName=LINKED)["AttachedPolicies"] == []
    assert iam("ListRolePolicies", RoleName=LINKED)["PolicyNames"] == []
