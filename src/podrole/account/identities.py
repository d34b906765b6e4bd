"""What authentication, STS and authorization ask of an AWS account."""

from __future__ import annotations

from typing import Protocol

from podrole.iam.directory import Directory, PolicyText, Role, User


class IdentityDirectory(Directory, Protocol):
    """A directory that also knows unique ids. Its reads may run beside a write, and see the account before or after
    it, never in between."""

    def role_by_id(self, account: str, role_id: str, partition: str = "aws") -> Role | None:
        """Return the role with that unique id. A deleted role has none, even if another one has its name."""
        ...

    def user_by_id(self, account: str, user_id: str, partition: str = "aws") -> User | None:
        """Return the user with that unique id."""
        ...

    def user(self, arn: str) -> User | None:
        """Return the user with that ARN, path included."""
        ...

    def group_policies(self, arn: str) -> tuple[PolicyText, ...] | None:
        """Return the policies of the group with that ARN; None if there is no such group."""
        ...
