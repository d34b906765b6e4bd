"""Sources that are not there: every method raises SourceError with the reason.

So a cluster without an account, or an account without a cluster, is examined by the same code as both together.
"""

# ruff: noqa: ARG002 - the parameters are the Protocols'

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import NoReturn

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.sources.cluster import IssuedToken, Object
from podrole.doctor.unknown import UnknownFact
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User


class _Missing:
    """Raises why a source is missing."""

    def __init__(self, reason: UnknownFact) -> None:
        self.reason = reason

    def _raise(self) -> NoReturn:
        raise SourceError(self.reason.what, got=self.reason.got, next_step=self.reason.next_step)


class MissingDirectory(_Missing):
    """See ``podrole.iam.directory.Directory``."""

    def role(self, arn: str) -> Role | None:
        """See Directory. Raises SourceError."""
        self._raise()

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        """See Directory. Raises SourceError."""
        self._raise()

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """See Directory. Raises SourceError."""
        self._raise()

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory. Raises SourceError."""
        self._raise()

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory. Raises SourceError."""
        self._raise()


class MissingAccount(MissingDirectory):
    """See ``podrole.doctor.sources.account.Account``."""

    what = "no AWS account"
    id = ""

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """See Account. Raises SourceError."""
        self._raise()

    def roles(self) -> Sequence[Role]:
        """See Account. Raises SourceError."""
        self._raise()

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:
        """See Account. Raises SourceError."""
        self._raise()


class MissingCluster(_Missing):
    """See ``podrole.doctor.sources.cluster.Cluster``."""

    what = "no cluster"

    async def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """See Cluster. Raises SourceError."""
        self._raise()

    async def list(self, resource: str, namespace: str = "") -> builtins.list[Object]:
        """See Cluster. Raises SourceError."""
        self._raise()

    async def discovery_document(self) -> Object:
        """See Cluster. Raises SourceError."""
        self._raise()

    async def keys(self) -> Object:
        """See Cluster. Raises SourceError."""
        self._raise()

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IssuedToken:
        """See Cluster. Raises SourceError."""
        self._raise()

    async def admit(self, pod: Object) -> Object:
        """See Cluster. Raises SourceError."""
        self._raise()
