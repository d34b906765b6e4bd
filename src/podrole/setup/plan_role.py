"""Plans one role that is wanted: its trust in service accounts, its policies and its tags."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase

from podrole.account.managed_policies import ManagedPolicies
from podrole.doctor.similarity import nearest
from podrole.iam.limits import size
from podrole.setup import account_writes as write
from podrole.setup.found import FoundRole
from podrole.setup.group import GroupFound, PlanOptions, PlanPart, PlanRefusal, RoleGroup, foreign
from podrole.setup.names import OWN_POLICIES, TARGET_POLICY
from podrole.setup.ownership import ROLE_ARN, is_users, own_tags, owner_of
from podrole.setup.trust import Trust, changed_trust_policy, is_readable, new_trust_policy, pattern_subject, trust_of
from podrole.setup.wanted import ServiceAccountName, SetupPlace, WantedRole
from podrole.setup.writes import AccountCall, PlannedWrite

TRUST_QUOTA, HIGHEST_TRUST_QUOTA = 2_048, 8_192
_NEAR = 0.8


def wanted_trust(group: RoleGroup) -> Trust:
    """Return whom the role must trust."""
    exact = frozenset(account.account for account in group.service_accounts if account.subject_pattern is None)
    patterns = frozenset(
        pattern_subject(account.account.namespace, account.subject_pattern)
        for account in group.service_accounts
        if account.subject_pattern is not None
    )
    tagged = frozenset(
        association.account for association in group.associations if not association.disable_session_tags
    )
    untagged = any(association.disable_session_tags for association in group.associations)
    return Trust(exact, patterns, tagged, untagged)


def plan_role(place: SetupPlace, group: RoleGroup, current: GroupFound, options: PlanOptions) -> PlanPart:
    """Plan the role that the group wants. One that podrole only names is not changed.

    On a role of podrole's the managed policies become those that are wanted, and so do the inline policies whose names
    begin with ``podrole-``. Other inline policies, foreign statements of the trust policy and other tags stay.
    """
    role = current.role
    if isinstance(group.role, WantedRole):
        if current.missing_policies:
            return PlanPart(refusals=tuple(_no_policy(group, arn) for arn in current.missing_policies))
        wanted = _with_target_policy(group.role, group)
        if role is None and current.namesake is not None:
            return PlanPart(refusals=(_name_taken(group, current.namesake),))
        if role is None:
            return _created(place, group, wanted, options)
        if not is_readable(role.trust_policy):
            return PlanPart(refusals=(_unreadable(role),))
        now = trust_of(role.trust_policy, place)
        if _may_change(role, options):
            now -= _replaced_trust(group, current, now)
        trust = trust_writes(role, now | wanted_trust(group), place)
        writes = [*_policy_writes(wanted, role), *_tag_writes(wanted, role, group, options), *trust]
        return if_owned(role, group, options, writes) + PlanPart(notes=_near_quota(role, trust))
    return PlanPart()


def _may_change(role: FoundRole, options: PlanOptions) -> bool:
    owner = owner_of(role, options.place)
    return owner.ours or (options.adopt and not owner.fixed)


def _replaced_trust(group: RoleGroup, current: GroupFound, now: Trust) -> Trust:
    """Return what the role trusted for its service accounts, if that was a pattern or is to become one.

    A pattern is a service account's if its name fits, or if the service account has the role and is not trusted by
    its name.
    """
    exact: set[ServiceAccountName] = set()
    patterns: set[str] = set()
    for account in group.service_accounts:
        by_name = account.account in now.web_identity
        if by_name and account.subject_pattern is None:
            continue
        there = current.service_accounts.get(account.account)
        has_role = account.role_only or (there is not None and there.annotations.get(ROLE_ARN) == group.role_arn)
        of_namespace = pattern_subject(account.account.namespace, "")
        patterns |= {
            pattern
            for pattern in now.patterns
            if pattern.startswith(of_namespace)
            and ((has_role and not by_name) or fnmatchcase(account.account.subject, pattern))
        }
        exact.add(account.account)
    return Trust(frozenset(exact), frozenset(patterns))


def unchanged(role: FoundRole) -> WantedRole:
    """Return what is wanted if nothing of a role should change."""
    inline = {name: text for name, text in role.inline.items() if name.startswith(OWN_POLICIES)}
    inline.pop(TARGET_POLICY, None)
    tags = {key: value for key, value in role.tags.items() if is_users(key)}
    return WantedRole(role.name, role.managed, inline, role.boundary, tags)


def _created(place: SetupPlace, group: RoleGroup, wanted: WantedRole, options: PlanOptions) -> PlanPart:
    name, trust = group.role_name, wanted_trust(group)
    document = new_trust_policy(trust, place)
    tags = {**wanted.tags, **own_tags(options.place, group.file)}
    empty = FoundRole(group.role_arn, name, document, boundary=wanted.boundary)
    writes = [write.create_role(name, document, wanted.boundary, tags), *_policy_writes(wanted, empty)]
    return PlanPart(tuple(writes), _too_long(name, writes), _near_quota(empty, writes))


def _with_target_policy(wanted: WantedRole, group: RoleGroup) -> WantedRole:
    """Return the role with the permission to go on to the target roles of its associations."""
    targets = sorted(
        {association.target_role_arn for association in group.associations if association.target_role_arn is not None}
    )
    if not targets:
        return wanted
    statement = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": targets}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
    return replace(wanted, inline={**wanted.inline, TARGET_POLICY: document})


def _policy_writes(wanted: WantedRole, role: FoundRole) -> list[PlannedWrite]:
    """Grant before anything is taken away: a pod that runs loses nothing that it keeps."""
    name = role.name
    writes: list[PlannedWrite] = []
    if role.boundary != wanted.boundary:
        writes.append(write.set_boundary(name, role.boundary, wanted.boundary))
    writes += [write.attach_policy(name, arn) for arn in wanted.managed if arn not in role.managed]
    for policy, document in wanted.inline.items():
        before = role.inline.get(policy)
        if before is None or not same_document(before, document):
            writes.append(write.put_inline_policy(name, policy, before, document))
    writes += [write.detach_policy(name, arn) for arn in role.managed if arn not in wanted.managed]
    writes += [
        write.delete_inline_policy(name, policy, document)
        for policy, document in role.inline.items()
        if policy.startswith(OWN_POLICIES) and policy not in wanted.inline
    ]
    return writes


def _tag_writes(wanted: WantedRole, role: FoundRole, group: RoleGroup, options: PlanOptions) -> list[PlannedWrite]:
    own = own_tags(options.place, group.file) if owner_of(role, options.place).ours else {}
    there = {key.lower(): value for key, value in role.tags.items()}  # IAM does not tell upper from lower case
    missing = {key: value for key, value in {**wanted.tags, **own}.items() if there.get(key.lower()) != value}
    return [write.tag_role(role.name, role.tags, missing)] if missing else []


def trust_writes(role: FoundRole, wanted: Trust, place: SetupPlace) -> list[PlannedWrite]:
    """Return the write that makes a role trust what is wanted; none if it does already."""
    after = changed_trust_policy(role.trust_policy, wanted, place)
    if after is None or after == role.trust_policy:
        return []
    return [write.set_trust_policy(role.name, role.trust_policy, after)]


def _no_policy(group: RoleGroup, arn: str) -> PlanRefusal:
    name = arn.rpartition("/")[2]
    known = {policy.name: policy.arn for policy in ManagedPolicies().all(arn.split(":")[1])}
    likely = name if known.get(name, arn) != arn else nearest(name, known)
    return PlanRefusal(
        f"The managed policy {arn} does not exist, so role {group.role_name} cannot have it.",
        f"name {known[likely]}, if you mean that one" if likely else "check its name and account, or create it",
    )


def _name_taken(group: RoleGroup, namesake: str) -> PlanRefusal:
    return PlanRefusal(
        f"The role {group.role_arn} does not exist, and IAM would not create it: {namesake} has the same name.",
        "choose another name: --role-name, or roleName in the file",
    )


def _unreadable(role: FoundRole) -> PlanRefusal:
    return PlanRefusal(
        f"The trust policy of role {role.name} cannot be read, so nothing can be added to it.",
        f"aws iam get-role --role-name {role.name} shows it; correct it with aws iam update-assume-role-policy",
    )


def if_owned(role: FoundRole, group: RoleGroup, options: PlanOptions, writes: list[PlannedWrite]) -> PlanPart:
    """Plan writes to a role if it is podrole's or may be adopted. Refuse them otherwise."""
    owner = owner_of(role, options.place)
    if owner.ours:
        return PlanPart(tuple(writes), _too_long(role.name, writes))
    if options.adopt and not owner.fixed:
        # The tag comes first, so that an interrupted adoption goes on as podrole's.
        taking = write.tag_role(role.name, role.tags, own_tags(options.place, group.file))
        return PlanPart((taking, *writes), _too_long(role.name, writes))
    if not writes:
        return PlanPart(notes=(f"The role {role.name} serves as it is. It belongs to {owner.what}.",))
    return PlanPart(refusals=(foreign(f"role {role.name}", owner, writes),))


def _too_long(role: str, writes: list[PlannedWrite]) -> tuple[PlanRefusal, ...]:
    documents = [planned.after for planned in writes if planned.after is not None and is_trust_policy(planned)]
    return tuple(
        PlanRefusal(
            f"The trust policy of role {role} would have {size(document):,} characters; AWS stores at most "
            f"{HIGHEST_TRUST_QUOTA:,}.",
            "give some of the service accounts a role of their own: --role-name, or roleName in the file",
        )
        for document in documents
        if size(document) > HIGHEST_TRUST_QUOTA
    )


def _near_quota(role: FoundRole, writes: list[PlannedWrite]) -> tuple[str, ...]:
    documents = [planned.after for planned in writes if planned.after is not None and is_trust_policy(planned)]
    length = size((documents or [role.trust_policy])[-1])
    if length < TRUST_QUOTA * _NEAR:
        return ()
    note = (
        f"The trust policy of role {role.name} has {length:,} characters. AWS's quota is {TRUST_QUOTA:,}, or up to "
        f"{HIGHEST_TRUST_QUOTA:,} if the account has more: --role-name (roleName in a file) splits its users."
    )
    return (note,)


def is_trust_policy(planned: PlannedWrite) -> bool:
    """Say whether a write sets a role's trust policy."""
    return isinstance(planned.call, AccountCall) and planned.call.operation in (
        "create_role",
        "update_assume_role_policy",
    )


def same_document(document: str, other: str) -> bool:
    """Say whether two policy documents are the same apart from white space and the order of members."""
    try:
        return bool(json.loads(document) == json.loads(other))
    except ValueError:
        return document == other
