"""The account that a world begins with: who is in it from the start.

The administrator is an ordinary IAM user with AdministratorAccess and a generated access key; the embedded cluster's
node has an ordinary role.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from podrole.account.iam.records import AccessKeyRecord, AccountSettingsRecord, RoleRecord, UserRecord
from podrole.account.ids import unique_id
from podrole.account.store import AccountStore
from podrole.account.transaction import Transaction
from podrole.iam.arn import is_account_id

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class NodeRole:
    """The role of the cluster's node: its name, the service that may assume it, and AWS's policies that it has."""

    name: str
    service: str
    policies: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Account:
    """The AWS account of a world."""

    id: str
    region: str
    admin_key_id: str
    admin_secret: str = field(repr=False)
    partition: str = "aws"

    def __post_init__(self) -> None:
        """Refuse what is not an account id."""
        if not is_account_id(self.id):
            raise ValueError(f"an account id has 12 digits, unlike {self.id!r}")


async def open_account(store: AccountStore, account: Account, node: NodeRole) -> str:
    """Make the administrator and the node's role, unless they are there already.

    An account that was opened before stays as it is: an administrator or a key that was deleted does not come back. If
    the world has lost its secrets and made new ones, the administrator's new key takes the place of the lost one.
    Returns the administrator's unique id, empty if there is none any more. Raises WriteFailed.
    """

    def key_of(user_id: str, now: float) -> tuple[AccessKeyRecord, AccountSettingsRecord]:
        settings = store.newest_iam(account.id, account.partition).settings
        key = AccessKeyRecord(id=account.admin_key_id, user_id=user_id, secret=account.admin_secret, created_at=now)
        return key, replace(settings, opened=True, administrator_key=key.id)

    def create(transaction: Transaction) -> str:
        state = store.newest_iam(account.id, account.partition)
        if state.settings.opened:
            present = state.named(UserRecord, ADMINISTRATOR)
            if present is not None and state.settings.administrator_key != account.admin_key_id:
                lost = state.get(AccessKeyRecord, state.settings.administrator_key or "")
                transaction.delete(state, *([lost] if lost is not None else []))
                transaction.put(state, *key_of(present.id, transaction.now))
            return present.id if present is not None else ""
        user = UserRecord(
            id=unique_id("AIDA", transaction.random),
            name=ADMINISTRATOR,
            created_at=transaction.now,
            attached=(f"arn:{account.partition}:iam::aws:policy/AdministratorAccess",),
        )
        statement = {"Effect": "Allow", "Principal": {"Service": node.service}, "Action": "sts:AssumeRole"}
        role = RoleRecord(
            id=unique_id("AROA", transaction.random),
            name=node.name,
            created_at=transaction.now,
            trust_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            description=node.description,
            attached=tuple(f"arn:{account.partition}:iam::aws:policy/{name}" for name in node.policies),
        )
        transaction.put(state, user, role, *key_of(user.id, transaction.now))
        return user.id

    return await store.transact(create)
