"""Who asks, and whether a policy's Principal or NotPrincipal element means them.

Source: AWS, "AWS JSON policy elements: Principal", "… NotPrincipal", and the table of "Policy evaluation logic" on
what a resource-based policy grants, by the principal it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN, InvalidRequest

if TYPE_CHECKING:
    from podrole.iam.request import Facts


class PrincipalType(StrEnum):
    """What kind of caller this is. The values are those of the condition key ``aws:PrincipalType`` where it has one."""

    ROOT = "Account"
    USER = "User"
    ASSUMED_ROLE = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    WEB_IDENTITY = "WebIdentity"
    SERVICE = "Service"
    ANONYMOUS = "Anonymous"


@dataclass(frozen=True, slots=True)
class Principal:
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
        # From the fifth colon on: a path may hold colons, and whoever names a role could write one that looks the part.
        return self.role_arn.split(":", 5)[-1].startswith("role/aws-service-role/")

    def __str__(self) -> str:
        return self.arn or "anonymous"


# A tuple: it is looked through by identity, where a set would first hash the member, which costs three times as much.
_OF_AN_ACCOUNT = (PrincipalType.ASSUMED_ROLE, PrincipalType.USER, PrincipalType.ROOT, PrincipalType.FEDERATED_USER)

ANONYMOUS = Principal(PrincipalType.ANONYMOUS)


class Grant(IntEnum):
    """How far the Allow of a resource policy carries, by the way in which it names the caller.

    In the caller's own account: ``ACCOUNT`` only delegates, an identity policy must allow too. ``ROLE`` (the role of a
    session, or the IAM user of a federated session) needs no identity policy; boundary and session policies still
    limit. ``CALLER`` (this user, this session, this service, everyone) needs nothing else. From another account any
    of them is one half, and the identity side must allow as well.
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    CALLER = 3


@dataclass(frozen=True, slots=True)
class PrincipalElement:
    """A compiled Principal or NotPrincipal.

    ``negated`` is NotPrincipal, ``denies`` the statement's effect. ``everyone`` is ``"*"``, ``every_aws`` ``{"AWS":
    "*"}``. ``ids`` are unique ids (``AROA…``, ``AIDA…``) that AWS puts in the place of an ARN whose entity is gone.
    Canonical users match no caller here: no request carries their id.
    """

    negated: bool = False
    denies: bool = False
    everyone: bool = False
    every_aws: bool = False
    accounts: frozenset[str] = frozenset()
    arns: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    federated: frozenset[str] = frozenset()
    canonical_users: frozenset[str] = frozenset()

    def grant(self, facts: Facts) -> Grant:
        """Say whether, and how, the element means the caller: ``Grant.NONE`` is no."""
        return self._others(facts) if self.negated else self._named(facts.principal)

    def listed(self) -> tuple[str, ...]:
        """Return all that are listed, accounts as their ids."""
        named = self.accounts, self.arns, self.ids, self.services, self.federated, self.canonical_users
        star = ("*",) if self.everyone or self.every_aws else ()
        return (*star, *(name for names in named for name in sorted(names)))

    def unlisted(self, principal: Principal) -> tuple[str, ...]:
        """Return those of the caller's identities that are not listed."""
        if self._means_all(principal):
            return ()
        listed = self.arns | self.ids | self.services | self.federated | self.accounts
        return tuple(names[0] for names in _identities(principal) if listed.isdisjoint(names))

    def _means_all(self, principal: Principal) -> bool:
        if self.everyone:
            return True
        # Whether {"AWS": "*"} means a web identity is not documented. It never lets one in, and it keeps one out.
        keeps_out = self.denies and not self.negated
        return self.every_aws and (principal.type is not PrincipalType.WEB_IDENTITY or keeps_out)

    def _named(self, principal: Principal) -> Grant:
        if self._means_all(principal):
            return Grant.CALLER
        kind = principal.type
        if kind is PrincipalType.SERVICE:
            return Grant.CALLER if principal.arn in self.services else Grant.NONE
        if kind is PrincipalType.WEB_IDENTITY:
            return Grant.CALLER if principal.arn in self.federated else Grant.NONE
        if kind is PrincipalType.ANONYMOUS:
            return Grant.NONE
        if kind is PrincipalType.ROOT:
            return Grant.CALLER if principal.account in self.accounts else Grant.NONE
        if self._names_itself(principal):
            return Grant.CALLER
        if self._names_origin(principal):
            return Grant.ROLE
        return Grant.ACCOUNT if principal.account in self.accounts else Grant.NONE

    def _names_itself(self, principal: Principal) -> bool:
        if principal.type is PrincipalType.USER and principal.id in self.ids:
            return True
        # A role asked about without a session (the policy simulator) is its role, not one particular session.
        return principal.arn in self.arns and principal.arn != principal.role_arn

    def _names_origin(self, principal: Principal) -> bool:
        if principal.type is PrincipalType.ASSUMED_ROLE:
            return principal.role_arn in self.arns or principal.role_id in self.ids
        return principal.type is PrincipalType.FEDERATED_USER and principal.user_arn in self.arns

    def _others(self, facts: Facts) -> Grant:
        """NotPrincipal, which exists in a Deny alone.

        A caller has several identities at once: the account, the role or user, the session. Spared is only one whose
        identities are *all* listed, and of those with a permissions boundary none (AWS, "NotPrincipal").
        """
        principal = facts.principal
        if facts.has_boundary and principal.has_account:
            return Grant.CALLER
        if principal.type is PrincipalType.ANONYMOUS:
            return Grant.NONE if self._means_all(principal) else Grant.CALLER
        return Grant.CALLER if self.unlisted(principal) else Grant.NONE


def _identities(principal: Principal) -> tuple[tuple[str, ...], ...]:
    """Return the caller's identities, each with the names it can be listed by."""
    if principal.type in (PrincipalType.SERVICE, PrincipalType.WEB_IDENTITY):
        return ((principal.arn,),)
    account = ((principal.account,),)
    match principal.type:
        case PrincipalType.USER:
            return (*account, (principal.arn, principal.id))
        case PrincipalType.ASSUMED_ROLE:
            session = () if principal.arn == principal.role_arn else ((principal.arn,),)
            return (*account, (principal.role_arn, principal.role_id), *session)
        case PrincipalType.FEDERATED_USER:
            user = ((principal.user_arn,),) if principal.user_arn else ()
            return (*account, *user, (principal.arn,))
        case PrincipalType.ROOT:
            return account
        case _:
            return ()


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
        "This names no caller.",
        got=repr(text),
        expected="the ARN of a user, role, role session, federated user, account root or identity provider; "
        "a service as x.amazonaws.com; or anonymous",
    )
