"""The node's credentials: those of its role, for as long as the role exists."""

from __future__ import annotations

from typing import cast

import pytest

from podrole.account.identities import IdentityDirectory
from podrole.aws.eks.node_role import NODE, node_credentials
from podrole.iam.directory import Role
from podrole.sts.credentials import Vault
from podrole.sts.session import SessionKind

ARN = "arn:aws-cn:iam::111122223333:role/podrole-node"
ROLE = Role(ARN, "AROANODE", NODE.name, "111122223333", "{}")


class Directory:
    """A directory that has one role."""

    def role(self, arn: str) -> Role | None:
        return ROLE if arn == ARN else None


@pytest.mark.parametrize(("account", "partition"), [("444455556666", "aws-cn"), ("111122223333", "aws")])
def test_without_the_role_there_are_no_credentials(account: str, partition: str) -> None:
    directory = cast("IdentityDirectory", Directory())
    assert node_credentials(directory, Vault(b"k" * 32), account, partition, 1_000.5) is None


def test_credentials_are_a_session_of_the_role_for_six_hours() -> None:
    vault = Vault(b"k" * 32)
    made = node_credentials(cast("IdentityDirectory", Directory()), vault, "111122223333", "aws-cn", 1_000.5)
    assert made is not None
    session = vault.open(made.access_key_id, made.session_token)
    assert session is not None
    assert (session.kind, session.principal_arn, session.principal_id) == (SessionKind.ASSUMED_ROLE, ARN, "AROANODE")
    assert (session.name, session.issued_at, session.expires_at) == ("i-0podrole", 1_000, 22_600)
