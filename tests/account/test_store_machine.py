"""Operations, restarts, crashes and a failing disk, in random order: what was acknowledged is there, and all fits."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from podrole.account.eks.operations import OPERATIONS as EKS
from podrole.account.errors import AccountError
from podrole.account.iam.operations.catalogue import OPERATIONS as IAM
from podrole.account.iam.records import (
    AccessKeyRecord,
    MFADeviceRecord,
    ServerCertificateRecord,
    SigningCertificateRecord,
    SSHKeyRecord,
    UserRecord,
)
from podrole.account.organizations.operations import OPERATIONS as ORGANIZATIONS
from podrole.account.organizations.records import MemberRecord, RootRecord, UnitRecord
from podrole.account.store import AccountStore
from podrole.base.certificates import Authority
from podrole.base.journal import Journal, WriteFailed
from podrole.iam.errors import PolicyError
from support.account_invariants import check, contents
from support.clock import Turned

ACCOUNT = "111122223333"
NOW = 1_800_000_000.0
_NAMES = ["ann", "Ann", "bob", "eve"]
_ALLOW = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
_DOCUMENTS = [_ALLOW, _ALLOW.replace("Allow", "Deny"), '{"Version":"2012-10-17","Statement":[]}', "{", ""]
_ARNS = [
    f"arn:aws:iam::{ACCOUNT}:policy/ann",
    f"arn:aws:iam::{ACCOUNT}:policy/bob",
    f"arn:aws:iam::{ACCOUNT}:policy/a/eve",
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "arn:aws:iam::aws:policy/NoSuchPolicy",
    "not an ARN",
]


def _trust(principal: Mapping[str, str]) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_TRUSTS = [
    _trust({"Service": "ec2.amazonaws.com"}),
    _trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"}),
    _trust({"AWS": f"arn:aws:iam::{ACCOUNT}:role/bob"}),
    _ALLOW,
    "{",
]
_TAGS = [
    [],
    [{"Key": "team", "Value": "shop"}],
    [{"Key": "Team", "Value": "ünï"}, {"Key": "x", "Value": ""}],
    [{"Key": "aws:x", "Value": "1"}],
]
_authority = Authority.create("a test", now=NOW)
_ssh_key = (
    rsa.generate_private_key(65_537, 2_048)
    .public_key()
    .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    .decode()
)
_VALUES: Mapping[str, Sequence[Any]] = {
    "AWSServiceName": ["eks.amazonaws.com", "autoscaling.amazonaws.com", "nothing"],
    "AccountAlias": ["shop", "other"],
    "AccountName": _NAMES,
    "AssumeRolePolicyDocument": _TRUSTS,
    "AuthenticationCode1": ["000000"],
    "AuthenticationCode2": ["000001"],
    "CertificateBody": [_authority.certificate_pem.decode(), "no certificate"],
    "ClientID": ["sts.amazonaws.com", "other"],
    "ClientIDList": [[], ["sts.amazonaws.com"]],
    "Content": [_ALLOW, "{"],
    "CustomSuffix": ["one", "two"],
    "Description": ["", "what it is for"],
    "Email": ["a@example.com", "b@example.com"],
    "GroupName": _NAMES,
    "InstanceProfileName": _NAMES,
    "MaxSessionDuration": [3_600, 43_200],
    "MinimumPasswordLength": [6, 40],
    "Name": _NAMES,
    "NewGroupName": _NAMES,
    "NewPath": ["/", "/a/"],
    "NewServerCertificateName": _NAMES,
    "NewUserName": _NAMES,
    "OpenIDConnectProviderArn": [
        f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com/id/1",
        f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com",
    ],
    "Password": ["short", "correct horse battery"],
    "Path": ["/", "/a/"],
    "PermissionsBoundary": _ARNS,
    "PolicyArn": _ARNS,
    "PolicyDocument": [*_DOCUMENTS, *_TRUSTS],
    "PolicyName": _NAMES,
    "PrivateKey": [_authority.key_pem.decode()],
    "RoleName": [*_NAMES, "AWSServiceRoleForAmazonEKS", "AWSServiceRoleForAutoScaling_one"],
    "ServerCertificateName": _NAMES,
    "SetAsDefault": [True, False],
    "SSHPublicKeyBody": [_ssh_key, "no key"],
    "Status": ["Active", "Inactive"],
    "TagKeys": [["team"], ["TEAM", "x"]],
    "Tags": _TAGS,
    "ThumbprintList": [["a" * 40], ["b" * 40]],
    "Type": ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"],
    "Url": ["https://example.com/id/1", "https://example.com", "http://example.com"],
    "UserName": _NAMES,
    "VersionId": ["v1", "v2", "v3", "v9"],
    "VirtualMFADeviceName": _NAMES,
}
"""What a parameter may be, by its name."""

_KINDS = {
    "AccessKeyId": AccessKeyRecord,
    "CertificateId": SigningCertificateRecord,
    "SSHPublicKeyId": SSHKeyRecord,
    "SerialNumber": MFADeviceRecord,
    "ServerCertificateId": ServerCertificateRecord,
}
"""Parameters that name a record by an id that was made here."""

_UNITS = {"AccountId", "ChildId", "DestinationParentId", "ParentId", "SourceParentId", "TargetId"}

_loader = Loader()
_MODELS = {name: ServiceModel(_loader.load_service_model(name, "service-2"), name) for name in ("iam", "organizations")}
_EKS_INPUTS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "CreateCluster": {"name": _NAMES, "roleArn": [f"arn:aws:iam::{ACCOUNT}:role/ann", "x"], "resourcesVpcConfig": [{}]},
    "CreateNodegroup": {
        "clusterName": _NAMES,
        "nodegroupName": _NAMES,
        "nodeRole": [f"arn:aws:iam::{ACCOUNT}:role/ann"],
        "subnets": [["subnet-1"]],
    },
    "DeleteCluster": {"name": _NAMES},
    "DeleteNodegroup": {"clusterName": _NAMES, "nodegroupName": _NAMES},
    "UpdateClusterConfig": {"name": _NAMES, "logging": [{"clusterLogging": []}]},
    "UpdateNodegroupConfig": {"clusterName": _NAMES, "nodegroupName": _NAMES, "labels": [{}]},
}


def _drawable(service: str, operation: str) -> bool:
    shape = _MODELS[service].operation_model(operation).input_shape
    known = _VALUES.keys() | _KINDS.keys() | _UNITS
    return shape is None or all(name in known for name in shape.required_members)


_WRITES = [name for name in sorted(IAM) if not name.startswith(("Get", "List")) and _drawable("iam", name)]
_ORGANIZATIONS_WRITES = [
    name
    for name in sorted(ORGANIZATIONS)
    if not name.startswith(("Describe", "List")) and _drawable("organizations", name)
]
_LISTS = [
    "GetAccountAuthorizationDetails",
    "ListAccountAliases",
    "ListInstanceProfiles",
    "ListOpenIDConnectProviders",
    "ListServerCertificates",
    "ListVirtualMFADevices",
]
_LISTS_OF_A_USER = [
    "ListAccessKeys",
    "ListGroupsForUser",
    "ListMFADevices",
    "ListSSHPublicKeys",
    "ListSigningCertificates",
]


class Accounts(RuleBasedStateMachine):
    """A store on a disk; ``acknowledged`` is what it held when it last acknowledged something."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.path = self.directory / "state.db"
        self.crashes = 0
        self.clock = Turned(NOW)
        # The same ids in each run of an example: the order of records depends on them.
        self.random = random.Random(0)
        self.open()
        self.runner.run(self.fill())

    async def fill(self) -> None:
        """Make the first things, since most operations need some."""
        for operation, given in (
            ("CreateUser", {"UserName": "ann"}),
            ("CreateUser", {"UserName": "bob"}),
            ("CreateAccessKey", {"UserName": "ann"}),
            ("CreateGroup", {"GroupName": "ann"}),
            ("AddUserToGroup", {"UserName": "ann", "GroupName": "ann"}),
            ("CreateRole", {"RoleName": "ann", "AssumeRolePolicyDocument": _TRUSTS[0]}),
            ("CreateInstanceProfile", {"InstanceProfileName": "ann"}),
            ("AddRoleToInstanceProfile", {"InstanceProfileName": "ann", "RoleName": "ann"}),
            ("CreatePolicy", {"PolicyName": "ann", "PolicyDocument": _ALLOW}),
            ("CreatePolicyVersion", {"PolicyArn": _ARNS[0], "PolicyDocument": _ALLOW}),
        ):
            assert await self.run("iam", operation, given), operation
        assert await self.run("organizations", "CreateOrganization", {})

    def open(self) -> None:
        self.journal = Journal(self.path)
        self.store = AccountStore(self.clock, self.random.randbytes, self.journal)

    def teardown(self) -> None:
        self.runner.run(self.close())
        self.runner.close()
        shutil.rmtree(self.directory)

    async def close(self) -> None:
        self.journal.close()
        await asyncio.sleep(0)

    # Inputs

    def given(self, service: str, operation: str, data: st.DataObject) -> dict[str, Any]:
        """Draw an input: what the operation requires, and some of what it allows."""
        shape = _MODELS[service].operation_model(operation).input_shape
        if shape is None:
            return {}
        given = {}
        for name in shape.members:
            choices = self.choices(name)
            # The endpoint fills these in where a caller leaves them out.
            filled = name == "ThumbprintList" or (name == "UserName" and operation != "DeactivateMFADevice")
            if choices and (filled or name in shape.required_members or data.draw(st.booleans(), label=name)):
                given[name] = data.draw(st.sampled_from(choices), label=name)
        return given

    def choices(self, parameter: str) -> Sequence[Any]:
        state = self.store.newest_iam(ACCOUNT, "aws")
        if parameter in _KINDS:
            return [record.id for record in state.records(_KINDS[parameter])] or ["AKIAIOSFODNN7EXAMPLE"]
        if parameter in _UNITS:
            organizations = self.store.organizations
            nodes = [node.id for kind in (RootRecord, UnitRecord, MemberRecord) for node in organizations.records(kind)]
            return nodes or ["r-none"]
        return _VALUES.get(parameter, ())

    async def run(self, service: str, operation: str, given: Mapping[str, Any]) -> bool:
        """Run one operation; say whether it was acknowledged."""
        self.clock.now += 1
        try:
            if service == "iam":
                await self.store.run(IAM[operation], given, account=ACCOUNT, partition="aws", user_id="")
            elif service == "organizations":
                await self.store.run_organizations(ORGANIZATIONS[operation], given, account=ACCOUNT, partition="aws")
            else:
                await self.store.run_eks(EKS[operation], given, account=ACCOUNT, region="us-east-1")
        except (AccountError, PolicyError):
            return False
        return True

    # Rules

    @rule(operation=st.sampled_from(_WRITES), data=st.data())
    def change_iam(self, operation: str, data: st.DataObject) -> None:
        given = self.given("iam", operation, data)
        before = contents(self.store)
        if not self.runner.run(self.run("iam", operation, given)):
            assert contents(self.store) == before

    @rule(operation=st.sampled_from(_ORGANIZATIONS_WRITES), data=st.data())
    def change_organizations(self, operation: str, data: st.DataObject) -> None:
        given = self.given("organizations", operation, data)
        before = contents(self.store)
        if not self.runner.run(self.run("organizations", operation, given)):
            assert contents(self.store) == before

    @rule(operation=st.sampled_from(sorted(_EKS_INPUTS)), data=st.data())
    def change_eks(self, operation: str, data: st.DataObject) -> None:
        given = {name: data.draw(st.sampled_from(values)) for name, values in _EKS_INPUTS[operation].items()}
        self.runner.run(self.run("eks", operation, given))

    @rule(operations=st.lists(st.sampled_from(_WRITES), min_size=2, max_size=6), data=st.data())
    def change_at_the_same_time(self, operations: list[str], data: st.DataObject) -> None:
        given = [self.given("iam", operation, data) for operation in operations]

        async def run_all() -> None:
            await asyncio.gather(
                *(self.run("iam", operation, each) for operation, each in zip(operations, given, strict=True))
            )

        self.runner.run(run_all())

    @rule(operations=st.lists(st.sampled_from(_WRITES), min_size=1, max_size=4), data=st.data())
    def change_while_the_disk_is_full(self, operations: list[str], data: st.DataObject) -> None:
        given = [self.given("iam", operation, data) for operation in operations]
        before = contents(self.store)

        async def run_all() -> list[object]:
            return await asyncio.gather(
                *(self.run("iam", operation, each) for operation, each in zip(operations, given, strict=True)),
                return_exceptions=True,
            )

        full = sqlite3.OperationalError("database or disk is full")
        with mock.patch.object(Journal, "_store", side_effect=full):
            outcomes = self.runner.run(run_all())
        assert all(isinstance(outcome, bool | WriteFailed) for outcome in outcomes), outcomes
        assert contents(self.store) == before

    @rule()
    def restart(self) -> None:
        before, lists = contents(self.store), self.lists()
        self.runner.run(self.close())
        self.open()
        assert contents(self.store) == before
        assert self.lists() == lists

    @rule()
    def crash(self) -> None:
        """Go on with a copy of the files as they are now: nothing was closed."""
        before = contents(self.store)
        self.crashes += 1
        crashed = self.directory / f"crash-{self.crashes}"
        crashed.mkdir()
        for name in ("state.db", "state.db-wal"):
            shutil.copy(self.path.with_name(name), crashed / name)
        self.runner.run(self.close())
        self.path = crashed / "state.db"
        self.open()
        assert contents(self.store) == before

    def lists(self) -> list[Any]:
        """What lists show, in their order."""

        async def ask(operation: str, **given: str) -> Any:
            return await self.store.run(IAM[operation], given, account=ACCOUNT, partition="aws")

        async def ask_all() -> list[Any]:
            users = self.store.newest_iam(ACCOUNT, "aws").records(UserRecord)
            return [await ask(name) for name in _LISTS] + [
                await ask(name, UserName=user.name) for user in users for name in _LISTS_OF_A_USER
            ]

        organizations = self.store.organizations
        nodes = [node.id for kind in (RootRecord, UnitRecord, MemberRecord) for node in organizations.records(kind)]
        return [*self.runner.run(ask_all()), nodes]

    # What always holds

    @invariant()
    def everything_fits(self) -> None:
        check(self.store)

    @invariant()
    def what_is_worked_on_is_what_is_on_disk(self) -> None:
        newest = {(record.table, record.id): record for record in self.store.newest_iam(ACCOUNT, "aws").all()}
        assert newest == contents(self.store).get(("iam", ACCOUNT, "aws"), {})


def _run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Accounts,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=(Phase.generate, Phase.shrink),
        ),
    )


def test_the_store_keeps_what_it_acknowledged_through_restarts_crashes_and_full_disks() -> None:
    _run(examples=15, steps=30)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_the_store_keeps_what_it_acknowledged_for_long() -> None:
    _run(examples=300, steps=60)
