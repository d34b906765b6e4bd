"""What is attached to a principal is kept between two changes of its account, and never longer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import pytest

from podrole.account.directory import AccountDirectory
from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.store import AccountStore
from podrole.iam.directory import PrincipalPolicies, User

ACCOUNT = "111122223333"
READS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
WRITES = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}'
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/shop"
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
ANN = {"UserName": "ann"}


class Account:
    """An account with the user ann of the group shop; both and the managed policy shop are attached to each other."""

    def __init__(self) -> None:
        self.store = AccountStore(lambda: 1_800_000_000.0, os.urandom)
        self.directory = AccountDirectory(self.store)
        for operation, given in (
            ("CreatePolicy", {"PolicyName": "shop", "PolicyDocument": READS}),
            ("CreateGroup", {"GroupName": "shop"}),
            ("CreateUser", ANN),
            ("AddUserToGroup", {**ANN, "GroupName": "shop"}),
            ("AttachUserPolicy", {**ANN, "PolicyArn": POLICY}),
            ("PutUserPermissionsBoundary", {**ANN, "PermissionsBoundary": POLICY}),
        ):
            self.run(operation, given)

    def run(self, operation: str, given: Mapping[str, Any]) -> None:
        asyncio.run(self.store.run(OPERATIONS[operation], given, account=ACCOUNT, partition="aws"))

    @property
    def ann(self) -> User:
        user = self.directory.user(f"arn:aws:iam::{ACCOUNT}:user/ann")
        assert user is not None
        return user

    def policies(self) -> PrincipalPolicies:
        return self.directory.policies_of(self.ann)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("AttachUserPolicy", {**ANN, "PolicyArn": AWS_POLICY}),
        ("DetachUserPolicy", {**ANN, "PolicyArn": POLICY}),
        ("PutUserPolicy", {**ANN, "PolicyName": "own", "PolicyDocument": WRITES}),
        ("PutGroupPolicy", {"GroupName": "shop", "PolicyName": "own", "PolicyDocument": WRITES}),
        ("AttachGroupPolicy", {"GroupName": "shop", "PolicyArn": AWS_POLICY}),
        ("CreatePolicyVersion", {"PolicyArn": POLICY, "PolicyDocument": WRITES, "SetAsDefault": True}),
        ("DeleteUserPermissionsBoundary", ANN),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_is_seen_at_once(account: Account, operation: str, given: Mapping[str, Any]) -> None:
    before = account.policies()
    account.run(operation, given)
    assert account.policies() != before
    assert account.policies() == AccountDirectory(account.store).policies_of(account.ann)


def test_a_user_who_left_a_group_loses_its_policies(account: Account) -> None:
    account.run("AttachGroupPolicy", {"GroupName": "shop", "PolicyArn": AWS_POLICY})
    assert AWS_POLICY in [policy.name for policy in account.policies().identity]
    account.run("RemoveUserFromGroup", {**ANN, "GroupName": "shop"})
    assert AWS_POLICY not in [policy.name for policy in account.policies().identity]


def test_policies_are_read_once_between_two_changes(account: Account) -> None:
    assert account.policies() is account.policies()


def test_policies_read_while_another_thread_changes_the_account_are_not_taken_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = account.store.iam(ACCOUNT, "aws")
    assert state is not None
    groups_of = state.groups_of

    def changed_meanwhile(user: Any) -> Any:
        groups = groups_of(user)
        account.run("PutUserPolicy", {**ANN, "PolicyName": "own", "PolicyDocument": WRITES})
        return groups

    with monkeypatch.context() as patch:
        patch.setattr(state, "groups_of", changed_meanwhile)
        read_before = account.policies()
    assert len(read_before.identity) == 1
    assert len(account.policies().identity) == 2


def test_a_principal_that_is_gone_has_no_policies(account: Account) -> None:
    ann = account.ann
    account.policies()
    for operation, given in (
        ("DetachUserPolicy", {**ANN, "PolicyArn": POLICY}),
        ("RemoveUserFromGroup", {**ANN, "GroupName": "shop"}),
        ("DeleteUser", ANN),
    ):
        account.run(operation, given)
    assert account.directory.policies_of(ann) == PrincipalPolicies(())
