"""The seam to an AWS account: ``podrole.iam.directory.Directory``, and lists to search for what was meant.

A question that cannot be answered raises SourceError, which passes through the deciding functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from podrole.iam.directory import Directory, OIDCProvider, Role


@dataclass(frozen=True, slots=True)
class EKSAssociation:
    """An EKS Pod Identity association, with the EKS cluster's name and ARN."""

    namespace: str
    service_account: str
    role_arn: str
    cluster_name: str
    cluster_arn: str
    session_tags: bool = True
    target_role_arn: str | None = None
    external_id: str | None = None


class Account(Directory, Protocol):
    """Reads an account. Every method raises SourceError if it cannot answer: not reachable, not allowed, in another
    account, not in the files."""

    @property
    def what(self) -> str:
        """The account's name, as it is shown."""
        ...

    @property
    def id(self) -> str:
        """The account's id; empty if it is not known."""
        ...

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """Return all OpenID Connect providers of the account."""
        ...

    def roles(self) -> Sequence[Role]:
        """Return all roles of the account, possibly without their tags."""
        ...

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:
        """Return the EKS Pod Identity associations of the EKS cluster with this issuer; none if there is no such
        cluster."""
        ...
