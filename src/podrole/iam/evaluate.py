"""The decision: everything that has a say, in AWS's order.

1. A Deny that applies, in any policy, decides. 2. Every level of RCPs, SCPs and the VPC endpoint must let the request
pass. 3. The identity side and the resource policy grant: either in the caller's own account (what the resource policy
names decides what else is still asked, see :class:`Grant`), both across accounts. 4. Permissions boundary and session
policies must allow what the identity side grants.

Source: AWS, "Policy evaluation logic", "Cross-account policy evaluation logic", "How AWS enforcement code logic
evaluates requests to allow or deny access", "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, NoReturn

import msgspec

from podrole.iam.arn import is_account_id
from podrole.iam.policy import Policy, PolicyKind, Statement
from podrole.iam.principal import PrincipalType
from podrole.iam.principal_element import Grant
from podrole.iam.protected import SERVICES_WITH_PROTECTION, protection
from podrole.iam.request import Facts, Request

__all__ = ["Decision", "NamedPolicy", "Outcome", "PolicySet", "Request", "evaluate", "evaluate_trust"]


class Outcome(StrEnum):
    """The three answers, as the policy simulator writes them."""

    ALLOWED = "Allowed"
    IMPLICITLY_DENIED = "ImplicitlyDenied"
    EXPLICITLY_DENIED = "ExplicitlyDenied"


class NamedPolicy(msgspec.Struct, frozen=True):
    """A policy under the name that a person finds it by: an ARN, or ``inline policy X of role Y``."""

    name: str
    policy: Policy


_Level = tuple[NamedPolicy, ...]


class PolicySet(msgspec.Struct, frozen=True):
    """Every policy that has a say in a request.

    ``None`` means that there is no such limit: no boundary is set, no session policy was passed, the account is in no
    organization (or is its management account), no VPC endpoint is on the way. An empty tuple of policies is a limit
    that nothing passes. ``scps`` and ``rcps`` are levels from the root to the account, each with the policies
    attached there; an RCP level always has RCPFullAWSAccess, listed or not: it cannot be detached.
    ``rcps`` belongs in here only for a service that supports RCPs. Each policy must have been compiled as the kind of
    its place, where identity, boundary and session are one: a managed policy may stand in all three.
    """

    identity: tuple[NamedPolicy, ...] = ()
    resource: NamedPolicy | None = None
    boundaries: tuple[NamedPolicy, ...] | None = None
    session: tuple[NamedPolicy, ...] | None = None
    scps: tuple[_Level, ...] | None = None
    rcps: tuple[_Level, ...] | None = None
    endpoint: tuple[NamedPolicy, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a policy in the place of another kind: a trust policy among the identity policies would be a hole."""
        for attached in (self.identity, self.boundaries, self.session):
            if attached:
                _check(attached, _ON_IDENTITY)
        if self.resource is not None:
            _check((self.resource,), (PolicyKind.RESOURCE, PolicyKind.TRUST))
        for level in self.scps or ():
            _check(level, (PolicyKind.SCP,))
        for level in self.rcps or ():
            _check(level, (PolicyKind.RCP,))
        if self.endpoint:
            _check(self.endpoint, (PolicyKind.ENDPOINT,))


_ON_IDENTITY = (PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION)
_MUST_ALLOW = (PolicyKind.SCP, PolicyKind.ENDPOINT)
"""The kinds of policies that must allow every request, whatever grants it."""


def _check(policies: Iterable[NamedPolicy], kinds: tuple[PolicyKind, ...]) -> None:
    for named in policies:
        if named.policy.kind not in kinds:
            raise ValueError(f"{named.name} was compiled as {named.policy.kind} policy, its place is for {kinds[0]}")


class Decision(NamedTuple):
    """What was decided, and by which kind of policy.

    ``decided_by``, ``policy`` and ``statement`` name what allowed or denied; for an implicit deny ``decided_by`` is the
    kind that should have allowed and did not, and the other two are empty. Where no policy has a say (the root user,
    ``sts:GetCallerIdentity``) ``decided_by`` is ``None``. ``grant`` is how the resource policy names the caller.
    ``protected`` says why nobody may do it, whatever the policies allow: then ``decided_by`` is ``None`` too.

    It has no truth value: ``if decision`` would be true for a refusal. Ask ``allowed``. (A named tuple, because one is
    made for every request and takes a third of the time that a frozen dataclass does.)
    """

    outcome: Outcome
    decided_by: PolicyKind | None = None
    policy: str = ""
    statement: Statement | None = None
    grant: Grant = Grant.NONE
    protected: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.outcome is Outcome.ALLOWED

    @property
    def reference(self) -> str:
        """The statement that decided, as a person looks for it; empty where none did."""
        return self.statement.reference if self.statement else ""

    def __bool__(self) -> NoReturn:
        raise TypeError("a Decision has no truth value; ask decision.allowed")


# AWS: "No permissions are required to perform this operation"; the first cannot even be denied.
_NEVER_DENIED = "getcalleridentity"
_NEEDS_NO_ALLOW = "getsessiontoken"

_ROLE_ASSUMPTIONS = frozenset({"assumerole", "assumerolewithsaml", "assumerolewithwebidentity"})
_WITH_ASSUMPTION = frozenset({"setcontext", "setsourceidentity", "tagsession"})


def evaluate(
    request: Request, policies: PolicySet, *, by_policies_alone: bool = False, in_favor: bool = False
) -> Decision:
    """Decide a request. Pure; looks nothing up and fills nothing in.

    What only AWS itself may change (podrole.iam.protected) is denied, unless ``by_policies_alone`` asks what the
    policies say: IAM's operations refuse such changes in words of their own.

    What is unknown of the request is read strictly: nothing is allowed that it could forbid. With ``in_favor`` it is
    read in the caller's favor, which says what could be allowed and allows nothing: see podrole.iam.possible.

    Raises :class:`podrole.iam.errors.InvalidRequest` for a request that is none (an action without service, a context
    value that is not text). The caller vouches for the principal, the context and the completeness of ``policies``.
    """
    facts = Facts(request, has_boundary=policies.boundaries is not None, in_favor=in_favor)
    principal = request.principal
    if facts.service == "sts" and facts.name == _NEVER_DENIED and principal.type is not PrincipalType.ANONYMOUS:
        return Decision(Outcome.ALLOWED)
    if not by_policies_alone and facts.service in SERVICES_WITH_PROTECTION:
        protected = protection(facts.service, facts.name, facts.resource)
        if protected:
            return Decision(Outcome.IMPLICITLY_DENIED, protected=protected)
    asked = consulted(policies, facts)
    for kind, attached in asked:
        if (denied := _denied_by(attached, kind, facts)) is not None:
            return denied
    if facts.service == "sts" and facts.name == _NEEDS_NO_ALLOW and principal.has_account:
        return Decision(Outcome.ALLOWED)
    for kind, attached in asked:
        if kind in _MUST_ALLOW and _allowed_by(attached, kind, facts) is None:
            return _no_allow(kind)
    granted = _granted_by(policies.resource, facts)
    if not principal.has_account:
        return granted if granted.allowed else _no_allow(_kind_on_resource(policies, facts))
    if principal.type is PrincipalType.ROOT:
        return _root(policies, facts, granted)
    return _identity(policies, facts, granted)


def evaluate_trust(request: Request, trust: NamedPolicy) -> Decision:
    """Decide by a role's trust policy alone.

    That is the whole decision for a web identity and for a service, but for RCPs. For a user or a role session
    ``Decision.grant`` says what else is asked: ``Grant.ACCOUNT`` only hands the question to the identity policies, and
    from another account any grant does; :func:`evaluate` with the trust policy as resource policy weighs it all.
    """
    facts = Facts(request)
    statement = trust.policy.denying(facts)
    if statement is not None:
        return Decision(Outcome.EXPLICITLY_DENIED, trust.policy.kind, trust.name, statement)
    if request.principal.type is PrincipalType.ROOT:
        return _no_allow(trust.policy.kind)  # "Roles may not be assumed by root accounts."
    granted = _granted_by(trust, facts)
    return granted if granted.allowed else _no_allow(trust.policy.kind)


def consulted(policies: PolicySet, facts: Facts) -> list[tuple[PolicyKind, _Level]]:
    """Return the policies that have a say for this caller, in the order in which one that denies is reported.

    A level of RCPs or SCPs is an entry of its own. Of RCPs only the Denys count. Identity policies, boundaries, session
    policies and SCPs concern callers of an account, and neither SCPs nor RCPs limit a service-linked role.
    """
    principal = facts.principal
    levels: list[tuple[PolicyKind, _Level]] = []
    if (policies.rcps or policies.scps) and not principal.is_service_linked_role:
        levels.extend((PolicyKind.RCP, level) for level in policies.rcps or ())
        if principal.has_account:
            levels.extend((PolicyKind.SCP, level) for level in policies.scps or ())
    if policies.resource is not None:
        levels.append((policies.resource.policy.kind, (policies.resource,)))
    if principal.has_account:
        levels.append((PolicyKind.IDENTITY, policies.identity))
        if policies.boundaries is not None:
            levels.append((PolicyKind.BOUNDARY, policies.boundaries))
        if policies.session is not None:
            levels.append((PolicyKind.SESSION, policies.session))
    if policies.endpoint is not None:
        levels.append((PolicyKind.ENDPOINT, policies.endpoint))
    return levels


def _identity(policies: PolicySet, facts: Facts, granted: Decision) -> Decision:
    """Decide for a user, a role session or a federated user, once nothing denies explicitly."""
    grant = granted.grant
    same_account = _owner(facts) == facts.principal.account
    if same_account:
        if grant is Grant.NONE and _needs_resource_policy(facts):
            return _no_allow(_kind_on_resource(policies, facts))
        if grant is Grant.CALLER:
            return granted
    decision = granted
    if not same_account or grant is not Grant.ROLE:
        allowed = _allowed_by(policies.identity, PolicyKind.IDENTITY, facts)
        if allowed is None:
            return _no_allow(PolicyKind.IDENTITY)
        decision = allowed
    if policies.boundaries is not None and _allowed_by(policies.boundaries, PolicyKind.BOUNDARY, facts) is None:
        return _no_allow(PolicyKind.BOUNDARY)
    session = policies.session
    if session is None and facts.principal.type is PrincipalType.FEDERATED_USER:
        session = ()  # it has what session policies give; a role session without any is not limited
    if session is not None and _allowed_by(session, PolicyKind.SESSION, facts) is None:
        return _no_allow(PolicyKind.SESSION)
    if not same_account and grant is Grant.NONE:
        return _no_allow(_kind_on_resource(policies, facts))
    return decision


def _root(policies: PolicySet, facts: Facts, granted: Decision) -> Decision:
    """Decide for an account's root user: all is allowed that its account can allow, once nothing denies explicitly."""
    if _is_assumption(facts):
        return _no_allow(_kind_on_resource(policies, facts))  # "Roles may not be assumed by root accounts."
    if granted.allowed:
        return granted
    if _owner(facts) != facts.principal.account or _needs_resource_policy(facts):
        return _no_allow(_kind_on_resource(policies, facts))
    return Decision(Outcome.ALLOWED)


def _owner(facts: Facts) -> str:
    """Return the account that owns the resource."""
    request = facts.request
    if request.resource_account:
        return request.resource_account
    parts = facts.resource_parts
    return parts[4] if parts and is_account_id(parts[4]) else request.principal.account


def _is_assumption(facts: Facts) -> bool:
    return facts.service == "sts" and facts.name in _ROLE_ASSUMPTIONS


def _needs_resource_policy(facts: Facts) -> bool:
    """Say whether the resource's own policy must allow even within the account: role trust, and KMS keys."""
    if facts.service not in ("kms", "sts"):
        return False
    parts = facts.resource_parts
    if facts.service == "kms":
        return bool(parts) and parts[2] == "kms" and parts[5].startswith("key/")
    on_role = bool(parts) and parts[2] == "iam" and parts[5].startswith("role/")
    return facts.name in _ROLE_ASSUMPTIONS or (facts.name in _WITH_ASSUMPTION and on_role)


def _kind_on_resource(policies: PolicySet, facts: Facts) -> PolicyKind:
    """Return the kind of policy that the resource has, or would have."""
    if policies.resource is not None:
        return policies.resource.policy.kind
    return PolicyKind.TRUST if facts.service == "sts" else PolicyKind.RESOURCE


def _granted_by(resource: NamedPolicy | None, facts: Facts) -> Decision:
    if resource is None:
        return _NOT_GRANTED
    grant, statement = resource.policy.granting(facts)
    if grant is Grant.NONE:
        return _NOT_GRANTED
    return Decision(Outcome.ALLOWED, resource.policy.kind, resource.name, statement, grant)


def _allowed_by(policies: Iterable[NamedPolicy], kind: PolicyKind, facts: Facts) -> Decision | None:
    for named in policies:
        statement = named.policy.allowing(facts)
        if statement is not None:
            return Decision(Outcome.ALLOWED, kind, named.name, statement)
    return None


def _denied_by(policies: Iterable[NamedPolicy], kind: PolicyKind, facts: Facts) -> Decision | None:
    for named in policies:
        statement = named.policy.denying(facts)
        if statement is not None:
            return Decision(Outcome.EXPLICITLY_DENIED, kind, named.name, statement)
    return None


def _no_allow(kind: PolicyKind) -> Decision:
    return Decision(Outcome.IMPLICITLY_DENIED, kind)


_NOT_GRANTED = _no_allow(PolicyKind.RESOURCE)
