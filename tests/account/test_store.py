"""The accounts' records survive a restart; a change that the disk refuses is not there, for anybody."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from podrole.account.eks.operations import OPERATIONS as EKS
from podrole.account.errors import AccountError
from podrole.account.iam.operations.catalogue import OPERATIONS as IAM
from podrole.account.organizations.operations import OPERATIONS as ORGANIZATIONS
from podrole.account.store import AccountStore
from podrole.base.journal import Journal, WriteFailed
from support.clock import Turned

ACCOUNT = "111122223333"
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


class Accounts:
    """A store that can be restarted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.open()

    def open(self) -> None:
        self.journal = Journal(self._path)
        self.store = AccountStore(Turned(1_800_000_000), os.urandom, self.journal)

    def restart(self) -> None:
        self.journal.close()
        self.open()

    async def iam(self, operation: str, **given: Any) -> Mapping[str, Any]:
        return await self.store.run(IAM[operation], given, account=ACCOUNT, partition="aws")

    async def organizations(self, operation: str, **given: Any) -> Mapping[str, Any]:
        return await self.store.run_organizations(ORGANIZATIONS[operation], given, account=ACCOUNT, partition="aws")

    async def eks(self, operation: str, **given: Any) -> Mapping[str, Any]:
        return await self.store.run_eks(EKS[operation], given, account=ACCOUNT, region="us-east-1")


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    accounts = Accounts(tmp_path / "state.db")
    yield accounts
    accounts.journal.close()


async def fill(accounts: Accounts) -> None:
    await accounts.iam("CreateUser", UserName="ann", Tags=[{"Key": "team", "Value": "shop"}])
    await accounts.iam("CreateGroup", GroupName="staff")
    await accounts.iam("AddUserToGroup", UserName="ann", GroupName="staff")
    await accounts.iam("CreateAccessKey", UserName="ann")
    await accounts.iam("CreateLoginProfile", UserName="ann", Password="correct Horse battery 1")
    await accounts.iam("CreateVirtualMFADevice", VirtualMFADeviceName="phone")
    await accounts.iam("CreateRole", RoleName="reader", AssumeRolePolicyDocument=TRUST)
    await accounts.iam("PutRolePolicy", RoleName="reader", PolicyName="inline", PolicyDocument=POLICY)
    arn = (await accounts.iam("CreatePolicy", PolicyName="mine", PolicyDocument=POLICY))["Policy"]["Arn"]
    await accounts.iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    await accounts.iam("AttachRolePolicy", RoleName="reader", PolicyArn=arn)
    await accounts.iam("CreateInstanceProfile", InstanceProfileName="profile")
    await accounts.iam("AddRoleToInstanceProfile", InstanceProfileName="profile", RoleName="reader")
    await accounts.iam(
        "CreateOpenIDConnectProvider", Url="https://example.com/id/1", ClientIDList=["a"], ThumbprintList=["a" * 40]
    )
    await accounts.iam("CreateAccountAlias", AccountAlias="shop")
    await accounts.iam("UpdateAccountPasswordPolicy", MinimumPasswordLength=12)
    await accounts.iam("GenerateCredentialReport")
    await accounts.organizations("CreateOrganization")
    await accounts.organizations("CreateAccount", Email="a@example.com", AccountName="a")
    await accounts.eks(
        "CreateCluster", name="other", roleArn=f"arn:aws:iam::{ACCOUNT}:role/reader", resourcesVpcConfig={}
    )


def contents(store: AccountStore) -> dict[Any, Any]:
    return {scope: {(record.table, record.id): record for record in state.all()} for scope, state in store.scopes()}


async def test_every_record_is_there_after_a_restart(accounts: Accounts) -> None:
    await fill(accounts)
    before = contents(accounts.store)
    accounts.restart()
    assert contents(accounts.store) == before


async def test_operations_go_on_after_a_restart(accounts: Accounts) -> None:
    await fill(accounts)
    accounts.restart()
    with pytest.raises(AccountError, match="Role with name READER already exists"):
        await accounts.iam("CreateRole", RoleName="READER", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(AccountError, match="must delete access keys first"):
        await accounts.iam("DeleteUser", UserName="ann")
    await accounts.iam("RemoveRoleFromInstanceProfile", InstanceProfileName="profile", RoleName="reader")
    attached = await accounts.iam("ListAttachedRolePolicies", RoleName="reader")
    assert [policy["PolicyName"] for policy in attached["AttachedPolicies"]] == ["mine"]


async def test_a_change_that_the_disk_refuses_is_not_there(accounts: Accounts, tmp_path: Path) -> None:
    await accounts.iam("CreateUser", UserName="ann")
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"state.db{suffix}").unlink(missing_ok=True)
    with pytest.raises(WriteFailed):
        await accounts.iam("CreateUser", UserName="bob")
    state = accounts.store.iam(ACCOUNT, "aws")
    assert state is not None
    assert [user["UserName"] for user in (await accounts.iam("ListUsers"))["Users"]] == ["ann"]
    with pytest.raises(WriteFailed):  # not EntityAlreadyExists: bob was never made
        await accounts.iam("CreateUser", UserName="bob")


async def test_an_operation_that_is_refused_changes_nothing(accounts: Accounts) -> None:
    await fill(accounts)
    before = contents(accounts.store)
    with pytest.raises(AccountError):
        await accounts.iam("CreateRole", RoleName="reader", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(AccountError):
        await accounts.iam("AttachRolePolicy", RoleName="reader", PolicyArn="arn:aws:iam::111122223333:policy/none")
    assert contents(accounts.store) == before
