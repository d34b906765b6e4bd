"""What is in an AWS account beyond what a decision asks for: lists, to look for what was meant.

The seam is ``podrole.iam.directory.Directory``; whatever cannot be answered is raised as SourceError, and goes through
the deciding functions untouched.
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


class Account(Directory, Protocol):
    """Reads an account. Every method raises SourceError where there is no answer: not reachable, not allowed, another
    account's, not in the files."""

    @property
    def what(self) -> str:
        """The account's name for people."""
        ...

    @property
    def id(self) -> str:
        """The account's id; empty where there is none, as in files."""
        ...

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """Return all OpenID Connect providers of the account."""
        ...

    def roles(self) -> Sequence[Role]:
        """Return all roles of the account; their tags may be left out."""
        ...

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:
        """Return the EKS Pod Identity associations of the EKS cluster with that issuer; none where there is no such
        cluster."""
        ...
