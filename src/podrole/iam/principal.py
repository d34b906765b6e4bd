"""Who makes a request."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN, InvalidRequest


class PrincipalType(StrEnum):
    """What kind of caller this is. The values are those of the condition key ``aws:PrincipalType`` where it has one."""

    ROOT = "Account"
    USER = "User"
    ASSUMED_ROLE = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    WEB_IDENTITY = "WebIdentity"
    SERVICE = "Service"
    ANONYMOUS = "Anonymous"


class Principal(msgspec.Struct, frozen=True):
    """A caller, already authenticated: nothing here is checked again.

    ``account`` has 12 digits; it is empty for an anonymous caller, a service and a web identity. ``arn`` is as AWS
    prints it: user ARN, assumed-role session ARN, federated-user ARN, root ARN; for a web identity the ARN of the
    provider that validated its token; for a service its name. ``id`` is ``aws:userid``. For a role session
    ``role_arn`` is the IAM role's ARN with its path (``aws:PrincipalArn``) and ``role_id`` its unique id. For a
    federated user ``user_arn`` is the IAM user who called GetFederationToken; empty where the account's root user
    did.
    """

    type: PrincipalType
    account: str = ""
    arn: str = ""
    id: str = ""
    role_arn: str = ""
    role_id: str = ""
    user_arn: str = ""

    @property
    def has_account(self) -> bool:
        """Whether this caller belongs to an account, so that identity policies, boundaries and SCPs concern it."""
        return self.type in _OF_AN_ACCOUNT

    @property
    def is_service_linked_role(self) -> bool:
        """Whether this is a session of a service-linked role, which no SCP and no RCP limits."""
        # From the fifth colon on: a path may hold colons, so another role's name could look like this.
        return self.role_arn.split(":", 5)[-1].startswith("role/aws-service-role/")

    def __str__(self) -> str:
        return self.arn or "anonymous"


# A tuple: it is looked through by identity, where a set would first hash the member, which costs three times as much.
_OF_AN_ACCOUNT = (PrincipalType.ASSUMED_ROLE, PrincipalType.USER, PrincipalType.ROOT, PrincipalType.FEDERATED_USER)

ANONYMOUS = Principal(PrincipalType.ANONYMOUS)


_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.(?:amazonaws\.com(?:\.cn)?|amazon\.com)")


def principal_of(text: str) -> Principal:
    """Make a caller of what a person writes: an ARN, ``anonymous`` or a service's name.

    An ARN says less than a session knows: the role of a session is taken to have no path, and a federated user to be a
    session of the IAM user of the same name. A role's own ARN stands for a session of it, whichever. Raises
    :class:`InvalidRequest`.
    """
    if text == "anonymous":
        return ANONYMOUS
    try:
        arn = parse_arn(text)
    except InvalidARN:
        if _SERVICE.fullmatch(text):
            return Principal(PrincipalType.SERVICE, arn=text)
        raise _no_principal(text) from None
    account = arn.account
    if arn.is_account_root:
        return Principal(PrincipalType.ROOT, account, text, account)
    if arn.is_user:
        return Principal(PrincipalType.USER, account, text)
    if arn.is_role:
        return Principal(PrincipalType.ASSUMED_ROLE, account, text, role_arn=text)
    if arn.is_assumed_role:
        role, _ = arn.session
        return Principal(
            PrincipalType.ASSUMED_ROLE, account, text, role_arn=f"arn:{arn.partition}:iam::{account}:role/{role}"
        )
    if arn.is_federated_user:
        user = f"arn:{arn.partition}:iam::{account}:user/{arn.name}"
        return Principal(PrincipalType.FEDERATED_USER, account, text, f"{account}:{arn.name}", user_arn=user)
    if arn.is_oidc_provider or arn.is_saml_provider:
        return Principal(PrincipalType.WEB_IDENTITY, arn=text)
    raise _no_principal(text)


def _no_principal(text: str) -> InvalidRequest:
    return InvalidRequest(
        "This is not a principal.",
        got=repr(text),
        expected="the ARN of a user, role, role session, federated user, account root or identity provider; "
        "a service as x.amazonaws.com; or anonymous",
    )
