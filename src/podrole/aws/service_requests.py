"""Requests that an AWS service itself makes for a resource of a customer: may it do that on another resource?

A service has no identity policies. The policy of the resource must allow it, and the resource control policies of the
owner's organization must not deny it
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html). With a role that it was
given, a service may do what the role may do, if the role's trust policy lets the service assume it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from podrole.account.organizations.state import Levels
from podrole.aws.caller import Caller
from podrole.aws.global_keys import organization_keys
from podrole.aws.interfaces import Facts
from podrole.iam.actions.reference import supports_rcps
from podrole.iam.directory import Directory, PolicyText, Role
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import NamedPolicy, PolicySet, Request, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import Principal, PrincipalType, principal_of
from podrole.iam.unknown import UnknownKeys

# What AWS's own request would have, and podrole does not make.
_UNKNOWN = UnknownKeys(
    (
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:SourceIp",
        "aws:TokenIssueTime",
        "aws:UserAgent",
        "aws:userid",
        "sts:RoleSessionName",
    )
)
_NO_KEYS: Mapping[str, str] = {}
Keys = dict[str, str | list[str]]


class Sender(NamedTuple):
    """A service that acts for a resource: its principal, the resource's ARN and its account."""

    principal: str
    source: str
    account: str


def is_allowed(facts: Facts, sender: Sender, action: str, on: str, more: Mapping[str, str] = _NO_KEYS) -> bool:
    """Return whether a service may perform an action on a resource. ``more`` are condition keys of the request."""
    resource = facts.resource(on)
    request = _request(facts, sender, action, on, resource.account, more)
    return _is_allowed(facts, request, lambda: PolicySet(resource=_of_resource(resource.policy)))


def assumed_role(facts: Facts, directory: Directory, sender: Sender, arn: str) -> Role | None:
    """Return the role with that ARN if its trust policy lets the service assume it for its source."""
    role = directory.role(arn)
    if role is None:
        return None
    request = _request(facts, sender, "sts:AssumeRole", role.arn, role.account, _tags_of(role))

    def policies() -> PolicySet:
        trust = compile_policy(role.trust_policy, PolicyKind.TRUST)
        return PolicySet(resource=NamedPolicy(f"the trust policy of role {role.name}", trust))

    return role if _is_allowed(facts, request, policies) else None


def is_allowed_to_role(
    facts: Facts, directory: Directory, role: Role, action: str, on: str, more: Mapping[str, str] = _NO_KEYS
) -> bool:
    """Return whether a service may perform an action on a resource in a session of a role that it has assumed."""
    resource = facts.resource(on)
    session = f"{role.arn.partition(':role/')[0].replace(':iam:', ':sts:')}:assumed-role/{role.name}/service"
    principal = Principal(
        PrincipalType.ASSUMED_ROLE, role.account, session, f"{role.id}:service", role_arn=role.arn, role_id=role.id
    )
    keys = {**Caller(principal, role).context_keys(), **_common(facts, resource.account), **more}
    del keys["aws:userid"]
    if (place := facts.organization(role.account)) is not None:
        keys.update(organization_keys("Principal", place))

    def policies() -> PolicySet:
        attached, scps = directory.policies_of(role), facts.control_policies(role.account, "scp")
        boundary = None if attached.boundary is None else (_compiled(attached.boundary, PolicyKind.BOUNDARY),)
        identity = tuple(_compiled(policy, PolicyKind.IDENTITY) for policy in attached.identity)
        return PolicySet(identity, _of_resource(resource.policy), boundary, None, _levels(scps, PolicyKind.SCP))

    return _is_allowed(facts, Request(principal, action, on, resource.account, keys, unknown=_UNKNOWN), policies)


def _request(
    facts: Facts, sender: Sender, action: str, on: str, owner: str, more: Mapping[str, str | list[str]]
) -> Request:
    keys: Keys = {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": sender.principal,
        "aws:SourceAccount": sender.account,
        "aws:SourceArn": sender.source,
        **_common(facts, owner),
        **more,
    }
    if (place := facts.organization(sender.account)) is not None:
        keys.update(organization_keys("Source", place))
    return Request(principal_of(sender.principal), action, on, owner, keys, unknown=_UNKNOWN)


def _common(facts: Facts, owner: str) -> Keys:
    keys: Keys = {"aws:ResourceAccount": owner, "aws:SecureTransport": "true"}
    if (place := facts.organization(owner)) is not None:
        keys.update(organization_keys("Resource", place))
    return keys


def _tags_of(role: Role) -> Keys:
    return {f"{prefix}:ResourceTag/{name}": value for name, value in role.tags.items() for prefix in ("aws", "iam")}


def _is_allowed(facts: Facts, request: Request, policies: Callable[[], PolicySet]) -> bool:
    is_limited = supports_rcps(request.action.partition(":")[0])
    levels = facts.control_policies(request.resource_account, "rcp") if is_limited else None
    try:
        return evaluate(request, replace(policies(), rcps=_levels(levels, PolicyKind.RCP))).allowed
    except PolicyError:  # stored without a check: what it denies is unknown
        return False


def _of_resource(policy: PolicyText | None) -> NamedPolicy | None:
    return None if policy is None else _compiled(policy, PolicyKind.RESOURCE)


def _levels(levels: Levels | None, kind: PolicyKind) -> tuple[tuple[NamedPolicy, ...], ...] | None:
    return None if levels is None else tuple(tuple(_compiled(policy, kind) for policy in level) for level in levels)


def _compiled(text: PolicyText, kind: PolicyKind) -> NamedPolicy:
    return NamedPolicy(text.name, compile_policy(text.document, kind))
