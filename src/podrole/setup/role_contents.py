"""Reads what a role is to hold from an object of eksctl's file: policies, boundary, name, tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.storing import StoredAs, check_storable
from podrole.setup import text_forms as forms
from podrole.setup.eksctl_schema import Section
from podrole.setup.names import ATTACHED_POLICY
from podrole.setup.wanted import ExistingRole, WantedRole
from podrole.setup.well_known_policies import WELL_KNOWN_NAMES, well_known_policy
from podrole.setup.yaml_positions import Located, Plain

MAX_TAGS = 50
"""The tags of a role (AWS, "IAM and AWS STS quotas")."""

_STEP = re.compile(r'\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]|\[("(?:[^"\\]|\\.)*")\]')


@dataclass(frozen=True, slots=True)
class RoleMembers:
    """What eksctl calls the members that make up a role; a service account and an association differ."""

    existing: str
    managed: str
    document: str
    boundary: str
    only_of_new: tuple[str, ...]
    """Further members that say something about a role that is made, and nothing about one that exists."""


def read_role(
    section: Section, names: RoleMembers, partition: str, cluster_tags: Mapping[str, str]
) -> WantedRole | ExistingRole:
    """Return the role that an object of the file asks for: one of its own, or one that exists."""
    existing = section.text(names.existing, forms.role_arn(partition))
    managed = section.texts(names.managed, forms.policy_arn(partition))
    chosen = section.section("wellKnownPolicies")
    well_known = [] if chosen is None else _well_known(chosen)
    name = section.text("roleName", forms.role_name)
    boundary = section.text(names.boundary, forms.policy_arn(partition))
    inline = _inline(section, names.document, well_known, partition)
    policies = [member for member in (names.managed, names.document) if member in section]
    policies += ["wellKnownPolicies"] if chosen is not None and chosen.has_set_members() else []
    if names.existing in section:
        others = ("roleName", names.boundary, *names.only_of_new)
        for member in (*policies, *(other for other in others if section.is_set(other))):
            section.report(member, f"it cannot stand beside {names.existing}, which names a role that is kept as it is")
        return ExistingRole(existing or "")
    if not policies:
        choice = f"{names.managed}, {names.document}, wellKnownPolicies, {names.existing}"
        section.problems.add(section.position, f"{section.path} has no permissions: expected one of {choice}")
    for policy_name in well_known:
        managed += tuple(
            arn for arn in well_known_policy(policy_name).managed(partition or "aws") if arn not in managed
        )
    return WantedRole(name, managed, inline, boundary, {**cluster_tags, **read_tags(section)})


def read_tags(section: Section) -> dict[str, str]:
    """Return the AWS tags in the member ``tags``."""
    tags = section.text_map("tags", forms.tag_key, forms.tag_value)
    if len(tags) > MAX_TAGS:
        section.report("tags", f"got {len(tags)} tags, expected at most {MAX_TAGS}")
    if len({key.lower() for key in tags}) < len(tags):
        section.report("tags", "two keys differ only in upper and lower case, which IAM does not tell apart")
    return tags


def read_session_policy(section: Section, partition: str) -> str | None:
    """Return the text of an association's session policy."""
    text = section.text("policy")
    if text is None:
        return None
    if not section.flag("disableSessionTags"):
        section.report("policy", "EKS takes a session policy only with disableSessionTags: true")
    try:
        check_storable(text, StoredAs.SESSION, partition)
    except MalformedPolicyDocument as problem:
        for fault in problem.faults:
            place = f"{fault.path} (line {fault.line}, column {fault.column} of the text)"
            section.report("policy", f"{place}: {_sentence(fault.message, fault.got, fault.expected)}")
    except PolicyError as problem:
        section.report("policy", _sentence(problem.message, problem.got, problem.expected))
    return text


def document_text(document: Plain) -> str:
    """Return a policy document in the one form in which podrole writes it."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def _well_known(chosen: Section) -> list[str]:
    wanted = [name for name in WELL_KNOWN_NAMES if chosen.flag(name)]
    chosen.close()
    return wanted


def _inline(section: Section, member: str, well_known: list[str], partition: str) -> dict[str, str]:
    """Return the inline policies. The well-known ones are known to be valid, and to fit a role together."""
    inline: dict[str, str] = {}
    for name in well_known:
        inline |= well_known_policy(name).inline(partition or "aws")
    located = section.value(member)
    if located is not None:
        inline[ATTACHED_POLICY] = _document(section, member, located, partition, beside=list(inline.values()))
    return inline


def _document(section: Section, member: str, located: Located, partition: str, beside: list[str]) -> str:
    text = document_text(located.plain())
    try:
        check_storable(text, StoredAs.INLINE, partition, beside=beside)
    except MalformedPolicyDocument as problem:
        for fault in problem.faults:
            message = _sentence(fault.message, fault.got, fault.expected)
            path = f"{section.path_of(member)}{fault.path.removeprefix('$')}"
            section.problems.add(located.position_at(_steps(fault.path)), f"{path}: {message}")
    except PolicyError as problem:
        section.report(member, _sentence(problem.message, problem.got, problem.expected))
    return text


def _steps(path: str) -> tuple[str | int, ...]:
    """Take the path of a fault apart: ``$.Statement[0]["x"]``."""
    return tuple(name or (int(index) if index else json.loads(quoted)) for name, index, quoted in _STEP.findall(path))


def _sentence(message: str, got: str | None, expected: str | None) -> str:
    parts = [message.rstrip(".")]
    if got is not None:
        parts.append(f"got {got}")
    if expected is not None:
        parts.append(f"expected {expected}")
    return "; ".join(parts)
