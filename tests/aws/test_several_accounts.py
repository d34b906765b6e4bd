"""Several accounts in one world: made by Organizations, used through the access role, limited by it and by SCPs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import boto3
import pytest

from support.aws import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, REGION, LocalAWS, policy, refused, trust_of, trust_policy
from support.issuer import ISSUER

ALLOW_ALL = "arn:aws:iam::aws:policy/AdministratorAccess"


def new_account(aws: LocalAWS, name: str = "staging", **more: Any) -> str:
    """Have the organization, which is made if there is none, create an account."""
    organizations = aws.client("organizations")
    with contextlib.suppress(organizations.exceptions.AlreadyInOrganizationException):
        organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(Email=f"{name}@example.com", AccountName=name, **more)
    return str(made["CreateAccountStatus"]["AccountId"])


def inside(aws: LocalAWS, account: str, role: str = "OrganizationAccountAccessRole") -> dict[str, str]:
    """Return the administrator's credentials of a role in an account."""
    arn = f"arn:aws:iam::{account}:role/{role}"
    return dict(aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="admin")["Credentials"])


def test_a_new_account_is_used_through_its_access_role(aws: LocalAWS) -> None:
    account = new_account(aws)
    key = inside(aws, account)
    assert aws.client("sts", key).get_caller_identity()["Account"] == account
    iam = aws.client("iam", key)
    attached = iam.list_attached_role_policies(RoleName="OrganizationAccountAccessRole")["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [ALLOW_ALL]
    trust = policy(trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
    arn = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    assert arn == f"arn:aws:iam::{account}:role/deployer"
    assert "deployer" not in {role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]}
    assert aws.client("sts", inside(aws, account, "deployer")).get_caller_identity()["Arn"].endswith("deployer/admin")


def test_the_access_role_may_have_another_name(aws: LocalAWS) -> None:
    account = new_account(aws, RoleName="landing-zone")
    assert aws.client("sts", inside(aws, account, "landing-zone")).get_caller_identity()["Account"] == account


def test_only_the_management_account_may_take_the_access_role(aws: LocalAWS) -> None:
    first, second = new_account(aws), new_account(aws, "production")
    arn = f"arn:aws:iam::{second}:role/OrganizationAccountAccessRole"
    stranger = aws.client("sts", inside(aws, first))
    assert refused(stranger.assume_role, RoleArn=arn, RoleSessionName="session")[0] == "AccessDenied"
    may_nothing = aws.client("sts", aws.user("blue"))
    assert refused(may_nothing.assume_role, RoleArn=arn, RoleSessionName="session")[0] == "AccessDenied"


def test_services_have_a_state_for_each_account(aws: LocalAWS) -> None:
    key = inside(aws, new_account(aws))
    aws.client("sqs", key).create_queue(QueueName="orders")
    assert "QueueUrls" not in aws.client("sqs").list_queues()
    aws.client("s3", key).create_bucket(Bucket="staging-logs")
    assert aws.client("s3").list_buckets()["Buckets"] == []
    aws.client("s3", key).put_object(Bucket="staging-logs", Key="k", Body=b"1")
    assert refused(aws.client("s3").get_object, Bucket="staging-logs", Key="k")[0] == "AccessDenied"


def test_an_scp_limits_the_access_role(aws: LocalAWS) -> None:
    account = new_account(aws)
    organizations = aws.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    deny = policy({"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"})
    made = organizations.create_policy(Content=deny, Description="", Name="no-users", Type="SERVICE_CONTROL_POLICY")
    organizations.attach_policy(PolicyId=made["Policy"]["PolicySummary"]["Id"], TargetId=account)
    iam = aws.client("iam", inside(aws, account))
    code, _, text = refused(iam.create_user, UserName="x")
    assert code == "AccessDenied"
    assert "service control policy" in text
    assert iam.list_users()["Users"] == []
    aws.client("iam").create_user(UserName="x")


def test_a_pod_takes_a_role_of_a_member_account(aws: LocalAWS) -> None:
    account = new_account(aws)
    iam = aws.client("iam", inside(aws, account))
    provider = iam.create_open_id_connect_provider(
        Url=ISSUER, ClientIDList=["sts.amazonaws.com"], ThumbprintList=aws.issuer.thumbprints
    )["OpenIDConnectProviderArn"]
    statement = trust_policy()["Statement"][0] | {"Principal": {"Federated": provider}}
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=policy(statement))["Role"]["Arn"]
    assert aws.client("sts", aws.credentials(role=role)).get_caller_identity()["Account"] == account


def test_a_profile_acts_in_a_member_account(aws: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = new_account(aws)
    (tmp_path / "config").write_text(
        f"[profile staging]\nrole_arn = arn:aws:iam::{account}:role/OrganizationAccountAccessRole\n"
        "credential_source = Environment\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ADMIN_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ADMIN_SECRET)
    session = boto3.Session(profile_name="staging", region_name=REGION)
    assert session.client("sts").get_caller_identity()["Account"] == account
