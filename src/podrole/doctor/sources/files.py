"""An account as files describe it: trust policies, Terraform plans, CloudFormation templates.

A role is found by its name in any account, because a plan has no account numbers. What is not in the files is unknown.
A provider that is missing is assumed to exist, and to accept every audience that the manifests request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from podrole.doctor.errors import SourceError
from podrole.doctor.similarity import nearest
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.sources.items import ProviderFile, RoleFile
from podrole.iam.arn import oidc_provider_arn, parse_arn
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.errors import InvalidARN


@dataclass
class FilesAccount:
    """See ``podrole.doctor.sources.account.Account``. ``id`` is the account's number, if it is known."""

    listed: Sequence[RoleFile]
    providers: Sequence[ProviderFile]
    audiences: tuple[str, ...]
    id: str = ""
    _by_name: dict[str, RoleFile] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {role.name: role for role in self.listed if role.name and role.trust is not None}

    @property
    def what(self) -> str:
        """See Account."""
        return "the files"

    def role_file(self, arn: str) -> RoleFile | None:
        """Return the role that an ARN names, None if the files have no role with its name."""
        return self._by_name.get(arn.rpartition("/")[2])

    def role(self, arn: str) -> Role | None:
        """See Directory. None if only the path differs. Raises SourceError for a role that is not in the files."""
        role = self.role_file(arn)
        if role is None or role.trust is None:
            meant = nearest(arn.rpartition("/")[2], self._by_name)
            hint = f" (did you mean {meant}?)" if meant else ""
            raise SourceError(f"Role {arn} is not in these files{hint}.")
        if role.path and not arn.endswith(f":role{role.path}{role.name}"):
            return None
        return _role(arn, role)

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        """See Directory."""
        arn = oidc_provider_arn(account, issuer, partition=partition or "aws")
        known = next((provider for provider in self.providers if provider.issuer == issuer), None)
        return OIDCProvider(arn, issuer, self.audiences if known is None else known.client_ids, ())

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """See Directory. Raises SourceError."""
        raise SourceError(f"The files do not show every policy of {principal.name}.")

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory. Raises SourceError."""
        raise SourceError(f"Policy {arn} is not in these files.")

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory. Raises SourceError."""
        raise SourceError(f"Access key {key_id} is not in these files.")

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """See Account."""
        owner = self.id or "000000000000"
        return [
            OIDCProvider(
                oidc_provider_arn(owner, provider.issuer, partition="aws"), provider.issuer, provider.client_ids, ()
            )
            for provider in self.providers
        ]

    def roles(self) -> Sequence[Role]:
        """See Account. Raises SourceError if the account's number is not known: then no ARN is known."""
        if not self.id:
            raise SourceError("The files do not name the account's number.", next_step="--account")
        prefix = f"arn:aws:iam::{self.id}:role"
        return [_role(f"{prefix}{role.path or '/'}{role.name}", role) for role in self._by_name.values()]

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:  # noqa: ARG002 - the Protocol's
        """See Account: files have none."""
        return ()


def _role(arn: str, role: RoleFile) -> Role:
    trust = "" if role.trust is None else role.trust.text
    try:
        account = parse_arn(arn).account
    except InvalidARN:
        account = ""
    return Role(arn, "AROAOFTHEFILES", role.name, account, trust)
