"""The adapter of an AWS account against a local world, with boto3 as the witness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podrole.doctor.sources.aws_session import Access
from podrole.setup.aws_account import AWSAccount, could_be_of_service_account
from podrole.setup.errors import CallFailed, Conflict, NotThere
from podrole.setup.ownership import ROLE_DESCRIPTION
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import AccountCall
from support.world import RunningWorld

# Odd white space, a member twice and an escape: a decoded document would lose all three.
ODD_TRUST = (
    '{ "Version":"2012-10-17",\n\t"Statement":[{"Sid":"others","Effect":"Allow","Principal":'
    '{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}  ]}'
)
READS = '{"Version":"2012-10-17", "Statement": [{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a+%/*"}]}'


def create_role(name: str, **more: object) -> AccountCall:
    return AccountCall("iam", "create_role", {"RoleName": name, "AssumeRolePolicyDocument": ODD_TRUST, **more})


def test_role_is_read_with_its_policies_byte_for_byte(account: AWSAccount, iam: Any) -> None:
    boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
    account.call(
        create_role("whole", PermissionsBoundary=boundary, Tags=[{"Key": "podrole.dev/cluster", "Value": "c"}])
    )
    account.call(AccountCall("iam", "attach_role_policy", {"RoleName": "whole", "PolicyArn": boundary}))
    account.call(
        AccountCall(
            "iam", "put_role_policy", {"RoleName": "whole", "PolicyName": "podrole-reads", "PolicyDocument": READS}
        )
    )
    role = account.role("whole")
    assert role is not None
    assert role.arn == iam.get_role(RoleName="whole")["Role"]["Arn"]
    assert role.trust_policy == ODD_TRUST
    assert dict(role.inline) == {"podrole-reads": READS}
    assert (role.managed, role.boundary) == ((boundary,), boundary)
    assert dict(role.tags) == {"podrole.dev/cluster": "c"}


def test_what_does_not_exist_is_none(account: AWSAccount) -> None:
    assert account.role("nobody") is None
    assert not account.has_policy("arn:aws:iam::aws:policy/Nothing")
    assert account.provider(f"arn:aws:iam::{account.id}:oidc-provider/example.com") is None
    assert account.cluster_arn_and_issuer("nowhere") is None
    assert account.association("podrole", ServiceAccountName("shop", "nobody")) is None


def test_provider_is_read(account: AWSAccount) -> None:
    account.call(
        AccountCall(
            "iam",
            "create_open_id_connect_provider",
            {
                "Url": "https://example.com/one",
                "ClientIDList": ["sts.amazonaws.com"],
                "ThumbprintList": ["a" * 40],
                "Tags": [{"Key": "podrole.dev/cluster", "Value": "c"}],
            },
        )
    )
    found = account.provider(f"arn:aws:iam::{account.id}:oidc-provider/example.com/one")
    assert found is not None
    assert (found.client_ids, found.thumbprints) == (("sts.amazonaws.com",), ("a" * 40,))
    assert dict(found.tags) == {"podrole.dev/cluster": "c"}


@pytest.mark.parametrize(
    "tag", ["podrole.dev/cluster", "alpha.eksctl.io/cluster-name", "eksctl.cluster.k8s.io/v1alpha1/cluster-name"]
)
def test_roles_are_found_by_each_tag_of_their_cluster(account: AWSAccount, tag: str) -> None:
    cluster = tag.replace("/", "-")
    for number in range(3):
        account.call(create_role(f"{cluster[:30]}-{number}", Tags=[{"Key": tag, "Value": cluster}]))
    account.call(create_role(f"{cluster[:30]}-other", Tags=[{"Key": tag, "Value": "another"}]))
    found = account.tagged_roles(cluster)
    assert sorted(role.name for role in found) == [f"{cluster[:30]}-{number}" for number in range(3)]
    assert {role.trust_policy for role in found} == {ODD_TRUST}


def test_podroles_tags_are_known_in_upper_case_too(account: AWSAccount) -> None:
    """IAM does not tell upper from lower case in the keys of tags."""
    tags = [{"Key": "Podrole.Dev/Cluster", "Value": "upper"}, {"Key": "Team", "Value": "shop"}]
    account.call(create_role("tagged-in-upper-case", Description=ROLE_DESCRIPTION, Tags=tags))
    (found,) = account.tagged_roles("upper")
    assert found.tags == {"podrole.dev/cluster": "upper", "Team": "shop"}


def trusting(principal: dict[str, str]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal}]})


@pytest.mark.parametrize(
    ("more", "trust", "could_be"),
    [
        ({}, trusting({"Federated": "arn:aws:iam::111122223333:oidc-provider/example.com"}), True),
        ({}, trusting({"Federated": r"arn:aws:iam::111122223333:oidc-provider/x"}).replace("/", r"\/"), True),
        ({}, trusting({"Service": "pods.eks.amazonaws.com"}), True),
        ({}, trusting({"Service": "ec2.amazonaws.com"}), False),
        ({"Description": ROLE_DESCRIPTION}, trusting({"Service": "ec2.amazonaws.com"}), True),
        ({}, "not a document", True),
        ({"Path": "/aws-service-role/x/"}, trusting({"Service": "pods.eks.amazonaws.com"}), False),
        ({"Path": "/aws-reserved/x/"}, trusting({"Service": "pods.eks.amazonaws.com"}), False),
    ],
)
def test_roles_that_can_be_of_a_service_account(more: dict[str, str], trust: str, could_be: bool) -> None:
    assert could_be_of_service_account({"Path": "/", "AssumeRolePolicyDocument": trust, **more}) is could_be


def test_associations_are_read_with_all_their_fields(account: AWSAccount) -> None:
    account.call(create_role("associated"))
    role = f"arn:aws:iam::{account.id}:role/associated"
    for name in ("one", "two"):
        account.call(
            AccountCall(
                "eks",
                "create_pod_identity_association",
                {
                    "clusterName": "podrole",
                    "namespace": "shop",
                    "serviceAccount": name,
                    "roleArn": role,
                    "targetRoleArn": "arn:aws:iam::444455556666:role/target",
                    "disableSessionTags": True,
                    "tags": {"podrole.dev/cluster": "podrole"},
                },
            )
        )
    found = account.association("podrole", ServiceAccountName("shop", "two"))
    assert found is not None
    assert (found.account, found.role_arn) == (ServiceAccountName("shop", "two"), role)
    assert found.target_role_arn == "arn:aws:iam::444455556666:role/target"
    assert found.disable_session_tags
    assert found.external_id
    assert dict(found.tags) == {"podrole.dev/cluster": "podrole"}
    assert {str(each.account) for each in account.associations("podrole")} == {"shop/one", "shop/two"}


def test_existing_role_is_a_conflict(account: AWSAccount) -> None:
    account.call(create_role("twice"))
    with pytest.raises(Conflict):
        account.call(create_role("twice"))


def test_missing_role_is_not_there(account: AWSAccount) -> None:
    with pytest.raises(NotThere):
        account.call(AccountCall("iam", "delete_role", {"RoleName": "nobody"}))


def test_unknown_principal_is_not_there(account: AWSAccount) -> None:
    trust = ODD_TRUST.replace('"Service":"pods.eks.amazonaws.com"', f'"AWS":"arn:aws:iam::{account.id}:role/nobody"')
    with pytest.raises(NotThere) as caught:
        account.call(create_role("unknown-principal", AssumeRolePolicyDocument=trust))
    assert "role/nobody" in caught.value.what


def test_role_that_eks_cannot_assume_is_not_there(account: AWSAccount) -> None:
    role = f"arn:aws:iam::{account.id}:role/nobody"
    given = {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "x", "roleArn": role}
    with pytest.raises(NotThere) as caught:
        account.call(AccountCall("eks", "create_pod_identity_association", given))
    assert role in str(caught.value.got)


def test_too_long_trust_policy_names_the_quota(account: AWSAccount) -> None:
    wide = json.loads(ODD_TRUST)
    wide["Statement"][0]["Condition"] = {"StringEquals": {"aws:RequestTag/x": ["y" * 100 + str(n) for n in range(30)]}}
    with pytest.raises(CallFailed) as caught:
        account.call(create_role("too-long", AssumeRolePolicyDocument=json.dumps(wide)))
    assert caught.value.expected == "at most 2,048"
    assert caught.value.got is not None
    assert caught.value.got.endswith("characters without white space")
    assert "Role trust policy length" in str(caught.value.next_step)
    assert "8,192" in str(caught.value.next_step)


def test_operation_that_is_not_listed_is_not_called(account: AWSAccount) -> None:
    with pytest.raises(ValueError, match="create_user"):
        account.call(AccountCall("iam", "create_user", {"UserName": "eve"}))


def test_rejected_credentials_are_one_sentence(world: RunningWorld) -> None:
    access = Access(str(world.description["aws_url"]), "us-east-1", None, "AKIAIOSFODNN7EXAMPLE", "wrong")
    with pytest.raises(CallFailed, match=r"^AWS does not accept the credentials: .+"):
        AWSAccount(access)


def test_credentials_that_cannot_be_read_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text("[profile broken]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(CallFailed, match=r"^The AWS credentials cannot be used: .*retrieving credentials"):
        AWSAccount(Access("http://127.0.0.1:9", "us-east-1", "broken"))


def test_profile_that_does_not_exist_is_one_sentence() -> None:
    with pytest.raises(CallFailed, match=r"^The AWS credentials cannot be used: .*\(nowhere\)"):
        AWSAccount(Access("http://127.0.0.1:9", "us-east-1", "nowhere"))


class Scripted(AWSAccount):
    """An account that answers as a test says."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def _listed(self, service: str, operation: str, _member: str, **_parameters: Any) -> list[Any]:
        raise NotThere(f"{service}:{operation}")

    def _call(self, service: str, operation: str, **_parameters: Any) -> dict[str, Any]:
        if operation not in self._answers:
            raise NotThere(f"{service}:{operation}")
        answer: dict[str, Any] = self._answers[operation]
        return answer


@pytest.mark.parametrize(
    ("answers", "has"),
    [
        ({}, False),
        ({"describe_cluster": {"cluster": {}}}, False),
        ({"describe_cluster": {"cluster": {"computeConfig": {"enabled": False}}}}, False),
        ({"describe_cluster": {"cluster": {"computeConfig": {"enabled": True}}}}, True),
        ({"describe_addon": {"addon": {"status": "ACTIVE"}}}, True),
        ({"describe_addon": {"addon": {"status": "UPDATING"}}}, True),
        ({"describe_addon": {"addon": {"status": "DELETING"}}}, False),
        ({"describe_addon": {"addon": {"status": "CREATE_FAILED"}}}, False),
    ],
)
def test_agent_is_the_add_on_or_part_of_auto_mode(answers: dict[str, Any], has: bool) -> None:
    assert Scripted(answers).has_pod_identity_agent("prod") is has


def test_agent_of_the_world_is_found(account: AWSAccount) -> None:
    assert account.has_pod_identity_agent("podrole")
    assert not account.has_pod_identity_agent("nowhere")


def test_role_that_is_deleted_while_it_is_read_is_none() -> None:
    role = {"RoleName": "x", "Arn": "arn:aws:iam::111122223333:role/x", "AssumeRolePolicyDocument": "{}"}
    assert Scripted({"get_role": {"Role": role}}).role("x") is None


def test_endpoint_that_does_not_answer_is_one_sentence() -> None:
    access = Access("http://127.0.0.1:9", "us-east-1", None, "AKIAIOSFODNN7EXAMPLE", "x")
    with pytest.raises(CallFailed, match="AWS did not answer") as caught:
        AWSAccount(access)
    assert "\n" not in caught.value.what
