"""The accounts' records survive a restart; a change that the disk refuses is not there, for anybody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from podrole.account.eks.operations import OPERATIONS as EKS
from podrole.account.eks.records import RECORDS as EKS_RECORDS
from podrole.account.eks.records import AssociationRecord
from podrole.account.eks.request import EKSRequest
from podrole.account.errors import AccountError
from podrole.account.iam.operations.catalogue import OPERATIONS as IAM
from podrole.account.iam.records import RECORDS as IAM_RECORDS
from podrole.account.iam.records import AccessKeyRecord, MFADeviceRecord, UserRecord
from podrole.account.opening import Account, NodeRole, open_account
from podrole.account.organizations.operations import OPERATIONS as ORGANIZATIONS
from podrole.account.organizations.records import RECORDS as ORGANIZATIONS_RECORDS
from podrole.account.store import AccountStore
from podrole.base.journal import Journal, Write, WriteFailed
from podrole.base.journal_file import JournalError
from podrole.sts.pod_identity import Association
from support.clock import Turned
from support.complete import key_and_certificate

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
    await accounts.iam("CreateSAMLProvider", Name="corp", SAMLMetadataDocument="<EntityDescriptor/>")
    private, certificate, public = key_and_certificate()
    await accounts.iam("UploadSSHPublicKey", UserName="ann", SSHPublicKeyBody=public)
    await accounts.iam("UploadSigningCertificate", UserName="ann", CertificateBody=certificate)
    await accounts.iam(
        "UploadServerCertificate", ServerCertificateName="web", CertificateBody=certificate, PrivateKey=private
    )
    root = (await accounts.organizations("ListRoots"))["Roots"][0]["Id"]
    await accounts.organizations("CreateOrganizationalUnit", ParentId=root, Name="u")
    await accounts.organizations(
        "CreatePolicy", Name="p", Description="", Type="SERVICE_CONTROL_POLICY", Content=POLICY
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/reader"
    await accounts.eks("CreateCluster", name="other", roleArn=role, resourcesVpcConfig={})
    await accounts.eks("CreateNodegroup", clusterName="other", nodegroupName="n", nodeRole=role, subnets=["s"])
    await accounts.eks(
        "CreateFargateProfile",
        clusterName="other",
        fargateProfileName="f",
        podExecutionRoleArn=role,
        selectors=[{"namespace": "a"}],
    )

    def associate(request: EKSRequest) -> None:
        arn = request.arn("podidentityassociation", "other", "a-1")
        request.put(
            AssociationRecord(
                id="a-1",
                association=Association("a-1", arn, role),
                cluster="other",
                namespace="shop",
                service_account="inventory",
                created_at=request.transaction.now,
                modified_at=request.transaction.now,
            )
        )

    await accounts.store.run_eks(associate, {}, account=ACCOUNT, region="us-east-1")


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


async def test_every_kind_of_record_is_filled_and_survives(accounts: Accounts) -> None:
    await fill(accounts)
    kinds = {record.table for _, state in accounts.store.scopes() for record in state.all()}
    not_filled = set(IAM_RECORDS) | set(EKS_RECORDS) | set(ORGANIZATIONS_RECORDS)
    assert not_filled - kinds == set()


class Slow:
    """A journal whose commits end when the test says, one after the other."""

    def __init__(self) -> None:
        self.waiting: list[tuple[asyncio.Future[None], Callable[[], None]]] = []
        self._forget: list[Callable[[], None]] = []

    def tables(self, prefix: str = "") -> Mapping[str, dict[str, bytes]]:
        return {}

    def on_failure(self, forget: Callable[[], None]) -> None:
        self._forget.append(forget)

    def commit(self, writes: Sequence[Write], apply: Callable[[], None]) -> asyncio.Future[None]:
        assert writes
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((done, apply))
        return done

    def succeed(self) -> None:
        waiting, self.waiting = self.waiting, []
        for done, apply in waiting:
            apply()
            done.set_result(None)

    def fail(self) -> None:
        waiting, self.waiting = self.waiting, []
        for forget in self._forget:
            forget()
        for done, _ in waiting:
            done.set_exception(WriteFailed("The disk is full."))


class Pending(Accounts):
    """Accounts whose changes wait for the test."""

    def __init__(self) -> None:
        self.slow = Slow()
        self.store = AccountStore(Turned(1_800_000_000), os.urandom, cast("Journal", self.slow))

    async def begin(self, operation: str, **given: Any) -> asyncio.Task[Mapping[str, Any]]:
        task = asyncio.create_task(self.iam(operation, **given))
        await asyncio.sleep(0)
        return task


async def test_nothing_rests_on_a_change_before_it_is_on_disk() -> None:
    accounts = Pending()
    create = await accounts.begin("CreateUser", UserName="ann")
    read = await accounts.begin("GetUser", UserName="ann")
    again = await accounts.begin("CreateUser", UserName="Ann")
    await asyncio.sleep(0.01)
    assert [task.done() for task in (create, read, again)] == [False] * 3
    state = accounts.store.iam(ACCOUNT, "aws")
    assert state is None or state.count(UserRecord) == 0
    accounts.slow.succeed()
    assert (await create)["User"] == (await read)["User"]
    with pytest.raises(AccountError, match="User with name Ann already exists"):
        await again


async def test_what_rested_on_a_change_that_failed_is_worked_out_again() -> None:
    accounts = Pending()
    create = await accounts.begin("CreateUser", UserName="ann")
    read = await accounts.begin("ListUsers")
    again = await accounts.begin("CreateUser", UserName="Ann")
    accounts.slow.fail()
    with pytest.raises(WriteFailed):
        await create
    assert (await read)["Users"] == []
    await asyncio.sleep(0)
    accounts.slow.succeed()
    assert (await again)["User"]["UserName"] == "Ann"  # nobody has the name after all


async def test_a_change_that_was_there_already_is_acknowledged_once_it_is_on_disk() -> None:
    accounts = Pending()
    for operation, given in (("CreateUser", {"UserName": "ann"}), ("CreateGroup", {"GroupName": "staff"})):
        task = await accounts.begin(operation, **given)
        accounts.slow.succeed()
        await task
    first = await accounts.begin("AddUserToGroup", UserName="ann", GroupName="staff")
    second = await accounts.begin("AddUserToGroup", UserName="ann", GroupName="staff")
    await asyncio.sleep(0.01)
    assert not second.done()
    accounts.slow.fail()
    with pytest.raises(WriteFailed):
        await first
    await asyncio.sleep(0)
    accounts.slow.succeed()
    assert await second == {}
    state = accounts.store.iam(ACCOUNT, "aws")
    assert state is not None
    assert [len(user.groups) for user in state.records(UserRecord)] == [1]


async def test_the_caller_who_goes_away_does_not_take_the_change_back() -> None:
    accounts = Pending()
    create = await accounts.begin("CreateUser", UserName="ann")
    create.cancel()
    await asyncio.sleep(0)
    accounts.slow.succeed()
    assert (await accounts.iam("GetUser", UserName="ann"))["User"]["UserName"] == "ann"


async def test_an_operation_over_two_accounts_is_whole_or_absent() -> None:
    accounts = Pending()
    create = asyncio.create_task(accounts.organizations("CreateOrganization"))
    await asyncio.sleep(0)
    accounts.slow.succeed()
    await create
    member = asyncio.create_task(accounts.organizations("CreateAccount", Email="a@example.com", AccountName="a"))
    await asyncio.sleep(0)
    accounts.slow.fail()
    with pytest.raises(WriteFailed):
        await member
    assert [state.account for state in accounts.store.iam_accounts()] == []
    assert len((await accounts.organizations("ListAccounts"))["Accounts"]) == 1


async def test_of_two_users_of_one_name_one_is_made(accounts: Accounts) -> None:
    made = await asyncio.gather(
        *(accounts.iam("CreateUser", UserName=name) for name in ("ann", "Ann", "ANN")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in made) == ["AccountError", "AccountError", "dict"]


async def test_two_hundred_writes_at_once_are_all_there(accounts: Accounts) -> None:
    await asyncio.gather(*(accounts.iam("CreateUser", UserName=f"u{number}") for number in range(200)))
    before = contents(accounts.store)
    accounts.restart()
    assert contents(accounts.store) == before
    assert len((await accounts.iam("ListUsers", MaxItems=1_000))["Users"]) == 200


async def test_a_closed_journal_refuses_a_change_and_memory_shows_none(accounts: Accounts) -> None:
    await accounts.iam("CreateUser", UserName="ann")
    accounts.journal.close()
    with pytest.raises(WriteFailed):
        await accounts.iam("CreateUser", UserName="bob")
    assert [user["UserName"] for user in (await accounts.iam("ListUsers"))["Users"]] == ["ann"]
    accounts.open()


NODE = NodeRole("node", "ec2.amazonaws.com", ("AmazonEKSWorkerNodePolicy",), "d")


async def test_an_account_is_opened_once(accounts: Accounts) -> None:
    account = Account(ACCOUNT, "us-east-1", "AKIAIOSFODNN7EXAMPLE", "s" * 40)
    ids = await asyncio.gather(*(open_account(accounts.store, account, NODE) for _ in range(3)))
    assert len(set(ids)) == 1
    accounts.restart()
    assert await open_account(accounts.store, account, NODE) == ids[0]
    await accounts.iam("DeleteAccessKey", UserName="admin", AccessKeyId=account.admin_key_id)
    await accounts.iam("DetachUserPolicy", UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    await accounts.iam("DeleteUser", UserName="admin")
    accounts.restart()
    assert await open_account(accounts.store, account, NODE) == ""


async def test_the_administrator_gets_a_new_key_when_the_world_has_lost_the_old_one(accounts: Accounts) -> None:
    lost, new = (Account(ACCOUNT, "us-east-1", f"AKIAIOSFODNN7EXAMPL{end}", end * 40) for end in "AB")
    administrator = await open_account(accounts.store, lost, NODE)
    accounts.restart()
    assert await open_account(accounts.store, new, NODE) == administrator
    accounts.restart()
    state = accounts.store.iam(ACCOUNT, "aws")
    assert state is not None
    assert [(key.id, key.secret) for key in state.records(AccessKeyRecord)] == [(new.admin_key_id, new.admin_secret)]
    await accounts.iam("DeleteAccessKey", UserName="admin", AccessKeyId=new.admin_key_id)
    await open_account(accounts.store, new, NODE)  # a key that was deleted does not come back
    assert state.records(AccessKeyRecord) == []


async def test_a_cleared_store_is_as_new_and_stays_so(accounts: Accounts) -> None:
    await fill(accounts)
    await accounts.store.clear()
    assert contents(accounts.store) == {("organizations",): {}}
    assert accounts.store.iam(ACCOUNT, "aws") is None
    accounts.restart()
    assert contents(accounts.store) == {("organizations",): {}}
    await fill(accounts)


async def test_secrets_are_on_disk_in_an_owner_only_file_and_in_no_repr(accounts: Accounts, tmp_path: Path) -> None:
    await fill(accounts)
    records = [record for _, state in accounts.store.scopes() for record in state.all()]
    secrets = [record.secret for record in records if isinstance(record, AccessKeyRecord)]
    secrets += [record.seed for record in records if isinstance(record, MFADeviceRecord)]
    users = [record for record in records if isinstance(record, UserRecord)]
    secrets += [repr(user.password.hash) for user in users if user.password is not None]
    shown = repr(records)
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in shown]
    assert modes(tmp_path) == {0o600}


def modes(directory: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in directory.iterdir()}


async def test_a_record_that_cannot_be_read_is_named(accounts: Accounts) -> None:
    await accounts.journal.commit([Write("iam.user", f"{ACCOUNT}/aws/AIDA", b'{"id": 1}')])
    with pytest.raises(JournalError, match=f"The record {ACCOUNT}/aws/AIDA of iam.user cannot be read: "):
        accounts.restart()


def test_what_is_to_be_written_does_not_show_itself() -> None:
    assert "secret" not in repr(Write("iam.access-key", "k", b"secret"))
