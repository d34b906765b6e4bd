"""Whether a policy's Principal or NotPrincipal element means a caller.

Source: AWS, "AWS JSON policy elements: Principal", "… NotPrincipal", and the table of "Policy evaluation logic" on
what a resource-based policy grants, by the principal it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from podrole.iam.principal import Principal, PrincipalType
from podrole.iam.request import Facts


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

    negated: bool
    denies: bool
    everyone: bool
    every_aws: bool
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
        return principal.user_arn in self.arns

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
