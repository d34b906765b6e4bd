"""The accounts of one podrole world: that of its administrator, and those that its organization has made.

Other accounts are read through the role that Organizations makes in a new account, as an administrator would use them.
"""

from __future__ import annotations

from collections.abc import Sequence

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.sources.aws_session import Access
from podrole.doctor.sources.boto import BotoAccount
from podrole.iam.arn import parse_arn
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.errors import InvalidARN

ACCESS_ROLE = "OrganizationAccountAccessRole"


class WorldAccounts:
    """See ``podrole.doctor.sources.account.Account``. Lists are those of the administrator's account."""

    def __init__(self, own: BotoAccount, access: Access) -> None:
        self._own = own
        self._access = access
        self._others: dict[str, BotoAccount] = {}

    @property
    def what(self) -> str:
        """See Account."""
        return self._own.what

    @property
    def id(self) -> str:
        """See Account."""
        return self._own.id

    def close(self) -> None:
        """Close all connections."""
        for account in (self._own, *self._others.values()):
            account.close()

    def _of(self, account: str) -> BotoAccount:
        """Return the account with this id. Raises SourceError if it cannot be read."""
        if account in ("", "aws", self._own.id):
            return self._own
        if account not in self._others:
            self._others[account] = BotoAccount(self._credentials(account))
        return self._others[account]

    def _credentials(self, account: str) -> Access:
        from botocore.exceptions import BotoCoreError, ClientError

        arn = f"arn:{self._own.partition}:iam::{account}:role/{ACCESS_ROLE}"
        try:
            answer = self._own.client("sts").assume_role(RoleArn=arn, RoleSessionName="podrole-doctor")
        except (BotoCoreError, ClientError) as problem:
            raise SourceError(
                f"Account {account} cannot be read: this world has no such account, or its {ACCESS_ROLE} does not let "
                "the administrator in.",
                next_step=f"aws sts assume-role --role-arn {arn} --role-session-name admin shows why",
            ) from problem
        issued = answer["Credentials"]
        return Access(
            self._access.endpoint_url,
            self._access.region,
            key_id=issued["AccessKeyId"],
            secret=issued["SecretAccessKey"],
            token=issued["SessionToken"],
        )

    def _of_arn(self, arn: str) -> BotoAccount:
        try:
            return self._of(parse_arn(arn).account)
        except InvalidARN:
            return self._own

    def role(self, arn: str) -> Role | None:
        """See Directory."""
        return self._of_arn(arn).role(arn)

    def oidc_provider(self, account: str, issuer: str, partition: str = "") -> OIDCProvider | None:
        """See Directory."""
        return self._of(account).oidc_provider(account, issuer, partition)

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """See Directory."""
        return self._of(principal.account).policies_of(principal)

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory."""
        return self._of_arn(arn).managed_policy(arn)

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory. Always raises SourceError."""
        return self._own.access_key(key_id)

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """See Account."""
        return self._own.oidc_providers()

    def roles(self) -> Sequence[Role]:
        """See Account."""
        return self._own.roles()

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:
        """See Account."""
        return self._own.associations(issuer)
