"""What the accounts' own records answer to a decision: ARNs, tags, boundaries, owners and places."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import pytest

from podrole.account.eks.clusters import create_cluster
from podrole.account.iam.operations.catalogue import OPERATIONS as IAM_OPERATIONS
from podrole.account.organizations.operations import OPERATIONS as ORGANIZATIONS_OPERATIONS
from podrole.account.store import AccountStore
from podrole.aws.account_facts import AccountFacts
from podrole.aws.interfaces import Encryption, Resource
from podrole.iam.actions.call import Call, LaunchVolumes
from support.aws import allow, policy, trust_of
from support.clock import Turned

ACCOUNT, OTHER = "111122223333", "444455556666"
IAM = f"arn:aws:iam::{ACCOUNT}:"
TRUST = policy(trust_of(f"{IAM}root"))
TAGS = [{"Key": "team", "Value": "blue"}]
BOUNDARY = f"{IAM}policy/x/own"
URL = "https://oidc.example.com/id/A"
CALL = Call("iam", "iam", "Any", {}, ACCOUNT, "us-east-1")


@pytest.fixture(scope="module")
def store() -> AccountStore:
    """An account with one of each, and an organization."""
    made = AccountStore(Turned(1_800_000_000), os.urandom)

    def iam(operation: str, **given: Any) -> Mapping[str, Any]:
        return asyncio.run(made.run(IAM_OPERATIONS[operation], given, account=ACCOUNT, partition="aws", user_id=""))

    iam("CreatePolicy", PolicyName="own", Path="/x/", PolicyDocument=policy(allow("s3:GetObject")), Tags=TAGS)
    iam("CreateUser", UserName="ann", Path="/x/", Tags=TAGS, PermissionsBoundary=BOUNDARY)
    iam("CreateUser", UserName="bob")
    iam("CreateGroup", GroupName="staff", Path="/x/")
    iam("CreateRole", RoleName="r", Path="/x/", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=BOUNDARY)
    iam("CreateInstanceProfile", InstanceProfileName="p", Path="/x/", Tags=TAGS)
    iam("CreateInstanceProfile", InstanceProfileName="empty")
    iam("AddRoleToInstanceProfile", InstanceProfileName="p", RoleName="r")
    iam("CreateOpenIDConnectProvider", Url=URL, ThumbprintList=["a" * 40], Tags=TAGS)
    iam("CreateSAMLProvider", Name="corp", SAMLMetadataDocument="<EntityDescriptor/>", Tags=TAGS)
    iam("CreateVirtualMFADevice", VirtualMFADeviceName="phone", Tags=TAGS)
    vpc = {"subnetIds": ["subnet-1", "subnet-2"]}
    cluster = {"name": "c", "roleArn": f"{IAM}role/x/r", "resourcesVpcConfig": vpc, "tags": {"team": "blue"}}
    asyncio.run(made.run_eks(create_cluster, cluster, account=ACCOUNT, region="us-east-1"))

    def organizations(operation: str, **given: Any) -> Mapping[str, Any]:
        run = made.run_organizations(ORGANIZATIONS_OPERATIONS[operation], given, account=ACCOUNT, partition="aws")
        return asyncio.run(run)

    organizations("CreateOrganization", FeatureSet="ALL")
    root = organizations("ListRoots")["Roots"][0]["Id"]
    unit = organizations("CreateOrganizationalUnit", ParentId=root, Name="pods", Tags=TAGS)["OrganizationalUnit"]["Id"]
    organizations("MoveAccount", AccountId=ACCOUNT, SourceParentId=root, DestinationParentId=unit)
    return made


@pytest.fixture(scope="module")
def facts(store: AccountStore) -> AccountFacts:
    return AccountFacts(store)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("iam:user", "ann", "user/x/ann"),
        ("iam:group", "staff", "group/x/staff"),
        ("iam:role", "r", "role/x/r"),
        ("iam:policy", "own", "policy/x/own"),
        ("iam:instance-profile", "p", "instance-profile/x/p"),
        ("iam:instance-profile-role", "p", "role/x/r"),
        ("iam:instance-profile-role", f"{IAM}instance-profile/x/p", "role/x/r"),
        ("iam:instance-profile-role", "empty", None),
        ("iam:instance-profile-role", "none", None),
        ("iam:server-certificate", "none", None),
        ("iam:user", "none", None),
        ("iam:nothing", "ann", None),
        ("kms:user", "ann", None),
    ],
)
def test_name_means_an_arn(facts: AccountFacts, kind: str, name: str, expected: str | None) -> None:
    assert facts.arn_of(CALL, kind, name) == (expected and IAM + expected)
    elsewhere = Call("iam", "iam", "Any", {}, OTHER, "us-east-1")
    assert facts.arn_of(elsewhere, kind, name) is None


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"{IAM}user/x/ann", {"team": "blue"}),
        (f"{IAM}user/bob", {}),
        (f"{IAM}user/none", {}),
        (f"{IAM}policy/x/own", {"team": "blue"}),
        (f"{IAM}instance-profile/x/p", {"team": "blue"}),
        (f"{IAM}oidc-provider/oidc.example.com/id/A", {"team": "blue"}),
        (f"{IAM}oidc-provider/none", {}),
        (f"{IAM}saml-provider/corp", {"team": "blue"}),
        (f"{IAM}mfa/phone", {"team": "blue"}),
        (f"{IAM}nothing/at-all", {}),
        (f"arn:aws:iam::{OTHER}:user/x/ann", {}),
        (f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/none", {}),
        (f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/c", {"team": "blue"}),
        (f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/c", {}),
        (f"arn:aws:organizations::{ACCOUNT}:account/o-1/{ACCOUNT}", {}),
        # of other services nothing is known here
        (f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", None),
        ("arn:aws:iam", None),
        ("*", None),
    ],
)
def test_tags_of_a_resource(facts: AccountFacts, arn: str, expected: dict[str, str] | None) -> None:
    assert facts.tags_of(CALL, arn) == expected


@pytest.mark.parametrize(
    ("kind", "arn", "boundary"),
    [
        ("iam:user", f"{IAM}user/x/ann", BOUNDARY),
        ("iam:role", f"{IAM}role/x/r", BOUNDARY),
        ("iam:user", f"{IAM}user/bob", None),
        ("iam:group", f"{IAM}group/x/staff", None),
        ("iam:user", f"{IAM}user/none", None),
        ("iam:user", f"arn:aws:iam::{OTHER}:user/x/ann", None),
        ("iam:user", "arn:aws:iam", None),
        ("iam:user", f"arn:aws:iam::{ACCOUNT}", None),
        ("sqs:user", f"{IAM}user/x/ann", None),
    ],
)
def test_boundary_of_a_user_or_a_role(facts: AccountFacts, kind: str, arn: str, boundary: str | None) -> None:
    expected = {} if boundary is None else {"iam:PermissionsBoundary": boundary}
    assert facts.facts_of(CALL, kind, arn) == expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("iam:user", True), ("iam:role", True), ("iam:group", False), ("ec2:instance", False)]
)
def test_boundary_is_known_of_users_and_roles(facts: AccountFacts, kind: str, expected: bool) -> None:
    assert ("iam:permissionsboundary" in facts.described(kind)) is expected


@pytest.mark.parametrize(
    ("arn", "account"),
    [(f"{IAM}role/x/r", ACCOUNT), (f"arn:aws:iam::{OTHER}:role/r", OTHER), ("*", ""), (f"arn:aws:iam::{OTHER}", "")],
)
def test_resource_is_of_the_account_in_its_arn(facts: AccountFacts, arn: str, account: str) -> None:
    assert facts.resource(arn) == (Resource(account) if account else Resource())


@pytest.mark.parametrize(
    ("arn", "known"),
    [
        (f"{IAM}user/x/ann", True),
        (f"{IAM}role/x/r", True),
        (f"{IAM}role/none", False),
        (f"arn:aws-cn:iam::{ACCOUNT}:role/x/r", False),
        (f"arn:aws:iam::{OTHER}:role/x/r", False),
        ("arn:aws:iam", False),
    ],
)
def test_principal_that_exists_has_an_id(facts: AccountFacts, arn: str, known: bool) -> None:
    assert (facts.principal_id(arn) is not None) is known


@pytest.mark.parametrize(
    ("account", "partition", "expected"), [(ACCOUNT, "aws", True), (OTHER, "aws", False), (ACCOUNT, "aws-cn", False)]
)
def test_account_exists_once_it_was_opened(facts: AccountFacts, account: str, partition: str, expected: bool) -> None:
    assert facts.account_exists(account, partition) is expected


def test_account_has_a_path_in_its_organization(facts: AccountFacts) -> None:
    place = facts.organization(ACCOUNT)
    assert place is not None
    organization, root, unit, end = place.path.split("/")
    assert (place.organization, root[:2], unit[:3], end) == (organization, "r-", "ou-", "")
    unit_arn = f"arn:aws:organizations::{ACCOUNT}:ou/{organization}/{unit}"
    assert facts.tags_of(CALL, unit_arn) == {"team": "blue"}
    assert facts.organization(OTHER) is None
    assert facts.control_policies(OTHER, "scp") is None


def test_of_other_services_there_are_no_facts(facts: AccountFacts) -> None:
    assert facts.partition_key(CALL, "t") is None
    assert facts.policies_within("*") == []
    assert facts.bucket("b") is None
    assert facts.encryption("*") == Encryption()
    assert list(facts.secure_parameters(ACCOUNT, "us-east-1")) == []
    assert facts.object_exists("b", "k") is False
    assert facts.launch_template(CALL, {}) is None
    assert facts.launch_volumes(CALL, "ami-1") == LaunchVolumes()
    assert facts.stack_templates(ACCOUNT, "us-east-1", stack="s", change_set="") == []
