"""IAM's resources in CloudFormation's stacks are podrole's records: made, changed, deleted and rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podrole.base.certificates import Authority
from podrole.oidc.keys import SigningKey
from support.aws import ACCOUNT, ISSUER, LocalAWS, allow, local_aws, policy, refused, trust_of

pytestmark = pytest.mark.services

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
TRUST = json.loads(policy(trust_of(ROOT)))
READ = json.loads(policy(allow("s3:GetObject")))
WRITE = json.loads(policy(allow("s3:PutObject")))
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
EC2_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
THUMBPRINT = "a" * 40


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::IAM::{kind}", "Properties": properties}


def template(outputs: dict[str, Any] | None = None, **resources: dict[str, Any]) -> dict[str, Any]:
    shown = {name: {"Value": value} for name, value in (outputs or {}).items()}
    return {"Resources": resources, **({"Outputs": shown} if shown else {})}


def create(aws: LocalAWS, content: dict[str, Any], name: str = "shop") -> dict[str, str]:
    """Create a stack and return its outputs."""
    aws.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(content), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    return outputs(aws, name)


def update(aws: LocalAWS, content: dict[str, Any]) -> dict[str, str]:
    aws.client("cloudformation").update_stack(
        StackName="shop", TemplateBody=json.dumps(content), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    return outputs(aws)


def outputs(aws: LocalAWS, name: str = "shop") -> dict[str, str]:
    stack = described(aws, name)
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def described(aws: LocalAWS, name: str = "shop") -> dict[str, Any]:
    return dict(aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0])


def delete(aws: LocalAWS) -> None:
    aws.client("cloudformation").delete_stack(StackName="shop")


def is_gone(call: Callable[..., Any], **arguments: Any) -> bool:
    return refused(call, **arguments)[0] == "NoSuchEntity"


REF, ARN = {"Ref": "It"}, {"Fn::GetAtt": ["It", "Arn"]}


def role(**more: Any) -> dict[str, Any]:
    return resource("Role", AssumeRolePolicyDocument=TRUST, **more)


def inline(name: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"PolicyName": name, "PolicyDocument": document}]


# Each kind


def test_a_role_is_made_changed_and_deleted(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    first = role(
        Path="/team/",
        Description="d",
        MaxSessionDuration=7200,
        Policies=inline("own", READ),
        ManagedPolicyArns=[READ_ONLY],
        PermissionsBoundary=READ_ONLY,
        Tags=[{"Key": "colour", "Value": "blue"}],
    )
    shown = {"Ref": REF, "Arn": ARN, "Id": {"Fn::GetAtt": ["It", "RoleId"]}}
    made = create(aws, template(shown, It=first))
    name = made["Ref"]
    assert name.startswith("shop-It-")
    record = iam.get_role(RoleName=name)["Role"]
    assert (record["Arn"], record["RoleId"]) == (made["Arn"], made["Id"])
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/team/{name}"
    assert (record["Description"], record["MaxSessionDuration"]) == ("d", 7200)
    assert record["PermissionsBoundary"]["PermissionsBoundaryArn"] == READ_ONLY
    assert record["Tags"] == [{"Key": "colour", "Value": "blue"}]
    assert iam.get_role_policy(RoleName=name, PolicyName="own")["PolicyDocument"] == READ
    session = aws.client("sts").assume_role(RoleArn=made["Arn"], RoleSessionName="one")["Credentials"]
    assert aws.client("sts", session).get_caller_identity()["Arn"].endswith(f"assumed-role/{name}/one")
    changed = role(Path="/team/", Policies=inline("other", WRITE), ManagedPolicyArns=[EC2_ONLY])
    assert update(aws, template(shown, It=changed)) == made
    record = iam.get_role(RoleName=name)["Role"]
    assert record.get("PermissionsBoundary") is None
    assert (record.get("Tags", []), record["MaxSessionDuration"]) == ([], 3600)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["other"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [EC2_ONLY]
    delete(aws)
    assert is_gone(iam.get_role, RoleName=name)
    assert refused(aws.client("sts", session).get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_role_with_another_name_is_another_role(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    first = create(aws, template({"Id": {"Fn::GetAtt": ["It", "RoleId"]}}, It=role(RoleName="first")))
    second = update(aws, template({"Id": {"Fn::GetAtt": ["It", "RoleId"]}}, It=role(RoleName="second")))
    assert first["Id"] != second["Id"]
    assert is_gone(iam.get_role, RoleName="first")
    assert iam.get_role(RoleName="second")["Role"]["RoleId"] == second["Id"]
    update(aws, template({"Name": REF}, It=role()))
    assert is_gone(iam.get_role, RoleName="second")
    assert outputs(aws)["Name"].startswith("shop-It-")


def test_a_generated_name_is_short_enough(aws: LocalAWS) -> None:
    long = "Logical" * 10
    made = create(aws, template({"Name": {"Ref": long}}, **{long: role()}))
    assert len(made["Name"]) <= 64
    assert aws.client("iam").get_role(RoleName=made["Name"])["Role"]["RoleName"] == made["Name"]


def test_a_user_with_groups_and_a_key_is_made_changed_and_deleted(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    resources = {
        "Readers": resource("Group", GroupName="readers", ManagedPolicyArns=[READ_ONLY], Policies=inline("own", READ)),
        "Writers": resource("Group", GroupName="writers"),
        "It": resource("User", UserName="ann", Groups=[{"Ref": "Readers"}], Policies=inline("own", READ)),
        "Key": resource("AccessKey", UserName=REF),
    }
    shown = {
        "Arn": ARN,
        "Group": {"Fn::GetAtt": ["Readers", "Arn"]},
        "Key": {"Ref": "Key"},
        "Secret": {"Fn::GetAtt": ["Key", "SecretAccessKey"]},
    }
    made = create(aws, template(shown, **resources))
    assert made["Arn"] == iam.get_user(UserName="ann")["User"]["Arn"]
    assert made["Group"] == iam.get_group(GroupName="readers")["Group"]["Arn"]
    credentials = {"AccessKeyId": made["Key"], "SecretAccessKey": made["Secret"]}
    assert aws.client("sts", credentials).get_caller_identity()["Arn"] == made["Arn"]
    resources["It"] = resource("User", UserName="ann", Groups=[{"Ref": "Writers"}], PermissionsBoundary=READ_ONLY)
    resources["Key"] = resource("AccessKey", UserName=REF, Status="Inactive")
    update(aws, template(shown, **resources))
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName="ann")["Groups"]] == ["writers"]
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] == []
    assert refused(aws.client("sts", credentials).get_caller_identity)[0] == "InvalidClientTokenId"
    delete(aws)
    assert is_gone(iam.get_user, UserName="ann")
    assert is_gone(iam.get_group, GroupName="readers")
    assert is_gone(iam.get_group, GroupName="writers")


def test_an_instance_profile_is_made_changed_and_deleted(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    roles = {"One": role(RoleName="one"), "Two": role(RoleName="two")}
    shown = {"Name": REF, "Arn": ARN}
    made = create(aws, template(shown, **roles, It=resource("InstanceProfile", Roles=[{"Ref": "One"}])))
    found = iam.get_instance_profile(InstanceProfileName=made["Name"])["InstanceProfile"]
    assert (found["Arn"], [each["RoleName"] for each in found["Roles"]]) == (made["Arn"], ["one"])
    update(aws, template(shown, **roles, It=resource("InstanceProfile", Roles=[{"Ref": "Two"}])))
    found = iam.get_instance_profile(InstanceProfileName=made["Name"])["InstanceProfile"]
    assert [each["RoleName"] for each in found["Roles"]] == ["two"]
    delete(aws)
    assert is_gone(iam.get_instance_profile, InstanceProfileName=made["Name"])
    assert is_gone(iam.get_role, RoleName="two")


def test_a_managed_policy_is_made_changed_and_deleted(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    resources = {"One": role(RoleName="one"), "Two": role(RoleName="two")}
    shown = {"Ref": REF, "Arn": {"Fn::GetAtt": ["It", "PolicyArn"]}}

    def it(document: dict[str, Any], holder: str) -> dict[str, Any]:
        return resource("ManagedPolicy", PolicyDocument=document, Roles=[{"Ref": holder}])

    made = create(aws, template(shown, **resources, It=it(READ, "One")))
    assert made["Ref"] == made["Arn"]
    for number in range(6):  # a policy has at most five versions
        assert update(aws, template(shown, **resources, It=it((WRITE, READ)[number % 2], "Two"))) == made
    found = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId=found["DefaultVersionId"])["PolicyVersion"]
    assert (version["Document"], found["AttachmentCount"]) == (READ, 1)
    assert iam.list_attached_role_policies(RoleName="one")["AttachedPolicies"] == []
    delete(aws)
    assert is_gone(iam.get_policy, PolicyArn=made["Arn"])


def test_an_inline_policy_is_made_changed_and_deleted(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    iam.create_role(RoleName="one", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_user(UserName="ann")
    it = resource("Policy", PolicyName="p", PolicyDocument=READ, Roles=["one"], Users=["ann"])
    create(aws, template(It=it))
    assert iam.get_role_policy(RoleName="one", PolicyName="p")["PolicyDocument"] == READ
    update(aws, template(It=resource("Policy", PolicyName="p", PolicyDocument=WRITE, Users=["ann"])))
    assert iam.list_role_policies(RoleName="one")["PolicyNames"] == []
    assert iam.get_user_policy(UserName="ann", PolicyName="p")["PolicyDocument"] == WRITE
    update(aws, template(It=resource("Policy", PolicyName="q", PolicyDocument=WRITE, Users=["ann"])))
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] == ["q"]
    delete(aws)
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] == []


def test_an_inline_policy_of_a_role_of_the_same_stack_goes_with_it(aws: LocalAWS) -> None:
    it = resource("Policy", PolicyName="p", PolicyDocument=READ, Roles=[{"Ref": "Role"}])
    made = create(aws, template({"Role": {"Ref": "Role"}}, Role=role(), It=it))
    assert aws.client("iam").list_role_policies(RoleName=made["Role"])["PolicyNames"] == ["p"]
    delete(aws)
    assert is_gone(aws.client("iam").get_role, RoleName=made["Role"])


def test_a_provider_is_made_used_changed_and_deleted(aws: LocalAWS) -> None:
    iam = aws.client("iam")

    def it(*clients: str) -> dict[str, Any]:
        thumbprints = list(aws.issuer.thumbprints)
        return resource("OIDCProvider", Url=ISSUER, ClientIdList=list(clients), ThumbprintList=thumbprints)

    made = create(aws, template({"Ref": REF, "Arn": ARN}, It=it("sts.amazonaws.com")))
    assert made["Ref"] == made["Arn"]
    aws.set_up_role()
    aws.credentials()
    update(aws, template({"Ref": REF, "Arn": ARN}, It=it("another")))
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made["Arn"])["ClientIDList"] == ["another"]
    assert aws.exchange().status_code == 400
    delete(aws)
    assert is_gone(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=made["Arn"])


# What goes wrong


def test_a_stack_does_not_take_over_or_delete_a_role_that_was_there(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    before = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["RoleId"]
    create(aws, template(It=role(RoleName="mine")))
    assert described(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert iam.get_role(RoleName="mine")["Role"]["RoleId"] == before
    delete(aws)
    assert iam.get_role(RoleName="mine")["Role"]["RoleId"] == before


def test_a_stack_that_fails_is_rolled_back_and_says_why(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    bad = role(RoleName="second", ManagedPolicyArns=[f"arn:aws:iam::{ACCOUNT}:policy/missing"])
    create(aws, template({"Arn": {"Fn::GetAtt": ["First", "Arn"]}}, First=role(RoleName="first"), Second=bad))
    stack = described(aws)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    for name in ("first", "second"):
        assert is_gone(iam.get_role, RoleName=name)
    described(aws)  # a question does not make them again
    assert is_gone(iam.get_role, RoleName="first")
    events = aws.client("cloudformation").describe_stack_events(StackName="shop")["StackEvents"]
    assert any("missing" in each.get("ResourceStatusReason", "") for each in events)


def test_an_update_that_fails_leaves_the_stack_as_it_was(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    create(aws, template(It=role(RoleName="it", Policies=inline("own", READ))))
    bad = role(RoleName="new", ManagedPolicyArns=[f"arn:aws:iam::{ACCOUNT}:policy/missing"])
    update(aws, template(It=role(RoleName="it", Policies=inline("own", WRITE)), New=bad))
    assert described(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert iam.get_role_policy(RoleName="it", PolicyName="own")["PolicyDocument"] == READ
    assert is_gone(iam.get_role, RoleName="new")


def test_questions_about_a_deleted_stack_do_not_make_its_resources_again(aws: LocalAWS) -> None:
    create(aws, template({"Arn": ARN}, It=role(RoleName="it")))
    stack_id = described(aws)["StackId"]
    delete(aws)
    assert described(aws, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    aws.client("cloudformation").describe_stack_events(StackName=stack_id)
    assert is_gone(aws.client("iam").get_role, RoleName="it")


def test_a_role_that_was_deleted_by_hand_is_no_fault_of_the_stack(aws: LocalAWS) -> None:
    create(aws, template(It=role(RoleName="it")))
    aws.client("iam").delete_role(RoleName="it")
    stack_id = described(aws)["StackId"]
    delete(aws)
    assert described(aws, stack_id)["StackStatus"] == "DELETE_COMPLETE"


# After a restart


def test_a_stack_is_changed_and_deleted_after_a_restart(
    signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    resources = {
        "It": role(RoleName="it", Policies=inline("own", READ)),
        "Profile": resource("InstanceProfile", Roles=[REF]),
        "Policy": resource("Policy", PolicyName="p", PolicyDocument=READ, Roles=[REF]),
        "User": resource("User", UserName="ann"),
        "Key": resource("AccessKey", UserName={"Ref": "User"}),
    }
    with local_aws(signing_key, authority, tmp_path) as aws:
        made = create(aws, template({"Arn": ARN, "Key": {"Ref": "Key"}}, **resources))
    with local_aws(signing_key, authority, tmp_path) as aws:
        iam = aws.client("iam")
        assert outputs(aws) == made
        resources["It"] = role(RoleName="it", Policies=inline("own", WRITE))
        assert update(aws, template({"Arn": ARN, "Key": {"Ref": "Key"}}, **resources)) == made
        assert iam.get_role_policy(RoleName="it", PolicyName="own")["PolicyDocument"] == WRITE
        delete(aws)
        assert is_gone(iam.get_role, RoleName="it")
        assert is_gone(iam.get_user, UserName="ann")
        assert iam.list_instance_profiles()["InstanceProfiles"] == []
