"""Plans what a role trusts no longer, and its end when it trusts nobody."""

from __future__ import annotations

from podrole.setup import account_writes as write
from podrole.setup.found import FoundRole
from podrole.setup.group import GroupFound, PlanOptions, PlanPart, PlanRefusal, RoleGroup
from podrole.setup.names import OWN_POLICIES
from podrole.setup.ownership import owner_of
from podrole.setup.plan_role import if_owned, trust_writes, wanted_trust
from podrole.setup.trust import Trust, has_foreign_statements, trust_of
from podrole.setup.wanted import ExistingRole, ServiceAccountName, SetupPlace
from podrole.setup.writes import PlannedWrite


def plan_lost_role(place: SetupPlace, group: RoleGroup, current: GroupFound, options: PlanOptions) -> PlanPart:
    """Plan that the role trusts what the group loses no longer, and goes if it trusts nobody any more.

    ``current`` holds the role as it is when all that the group wants is done.
    """
    role = current.role
    if role is None or isinstance(group.role, ExistingRole):
        return PlanPart()
    lost = lost_trust(group) | Trust(untagged=not current.untagged_elsewhere)
    if group.lost_service_accounts and not current.named_elsewhere:
        lost |= Trust(patterns=trust_of(role.trust_policy, place).patterns)
    lost -= wanted_trust(group)
    if not lost:
        return PlanPart()
    owner = owner_of(role, options.place)
    if owner.fixed or not (owner.ours or options.adopt):
        return PlanPart(notes=(f"The role {role.name} stays as it is. It belongs to {owner.what}.",))
    left = trust_of(role.trust_policy, place) - lost
    if left or has_foreign_statements(role.trust_policy, place):
        note = PlanPart(notes=() if group.role is not None else (f"The role {role.name} stays: {_who(left)}.",))
        return note + if_owned(role, group, options, trust_writes(role, left, place))
    if group.role is not None:
        return PlanPart()
    writes = tuple(_deletion(role))
    others = [name for name in role.inline if not name.startswith(OWN_POLICIES)]
    if others and not options.adopt:
        return PlanPart(refusals=(_has_others_policies(role, others, writes),))
    return PlanPart(writes)


def lost_trust(group: RoleGroup) -> Trust:
    """Return whom the role must trust no longer."""
    by_token: frozenset[ServiceAccountName] = frozenset(group.lost_service_accounts)
    return Trust(by_token, group.lost_patterns, frozenset(group.lost_associations))


def _who(left: Trust) -> str:
    if left.patterns and not (left.web_identity or left.pod_identity):
        return f"it trusts the pattern {', '.join(sorted(left.patterns))}, which can mean other service accounts too"
    if left.untagged and not (left.web_identity or left.pod_identity):
        return "it trusts every association of the cluster, because one had disabled session tags"
    return "others use it"


def _has_others_policies(role: FoundRole, names: list[str], writes: tuple[PlannedWrite, ...]) -> PlanRefusal:
    return PlanRefusal(
        f"The role {role.name} has inline policies that podrole did not write, and they would be deleted with it: "
        f"{', '.join(names)}.",
        "add --adopt to delete them too, or keep what you need and remove them: aws iam delete-role-policy "
        f"--role-name {role.name} --policy-name {names[0]}",
        writes,
    )


def _deletion(role: FoundRole) -> list[PlannedWrite]:
    return [
        *(write.detach_policy(role.name, arn) for arn in role.managed),
        *(write.delete_inline_policy(role.name, name, document) for name, document in role.inline.items()),
        write.delete_role(role.name, role.trust_policy),
    ]
