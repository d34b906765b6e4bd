"""What the flags of the commands say of a role."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.cli.setup.options import key_values, listed
from podrole.setup import text_forms as forms
from podrole.setup.errors import InvalidSetup
from podrole.setup.wanted import ExistingRole, SetupPlace, WantedRole
from podrole.setup.well_known_policies import find_well_known_policies


@dataclass(frozen=True, slots=True)
class RoleFlags:
    """The flags that say what a role is."""

    policies: list[str] | None = None
    well_known: list[str] | None = None
    existing: str | None = None
    name: str | None = None
    boundary: str | None = None
    tags: list[str] | None = None


def wanted_role(flags: RoleFlags, place: SetupPlace, policy_flag: str, role_flag: str) -> WantedRole | ExistingRole:
    """Return the role that flags describe. Raises InvalidSetup."""
    if flags.existing is not None:
        if flags.policies or flags.well_known or flags.name or flags.boundary:
            raise InvalidSetup(
                f"{role_flag} names a role that is kept as it is: no policies, name or boundary can stand beside it."
            )
        check_form(role_flag, flags.existing, forms.role_arn(place.partition))
        return ExistingRole(flags.existing)
    if not flags.policies and not flags.well_known:
        raise InvalidSetup(
            "Nothing says what the service account may do.",
            expected=f"{policy_flag}, --well-known-policies or {role_flag}",
            next_step=f"add {policy_flag} arn:{place.partition}:iam::aws:policy/…",
        )
    return new_role(flags, place, policy_flag)


def new_role(flags: RoleFlags, place: SetupPlace, policy_flag: str) -> WantedRole:
    """Return the role that flags describe, of which none is required. Raises InvalidSetup."""
    well_known = find_well_known_policies(listed(flags.well_known))
    managed = listed(flags.policies)
    for arn in managed:
        check_form(policy_flag, arn, forms.policy_arn(place.partition))
    check_form("--role-name", flags.name, forms.role_name)
    check_form("--permissions-boundary", flags.boundary, forms.policy_arn(place.partition))
    tags = key_values(flags.tags, "--tags")
    for key, value in tags.items():
        check_form("--tags", key, forms.tag_key)
        check_form("--tags", value, forms.tag_value)
    managed += tuple(arn for policy in well_known for arn in policy.managed(place.partition) if arn not in managed)
    inline = {name: text for policy in well_known for name, text in policy.inline(place.partition).items()}
    return WantedRole(flags.name, managed, inline, flags.boundary, tags)


def check_form(option: str, value: str | None, form: forms.Form) -> None:
    """Raise InvalidSetup for a value that does not have the form of its option."""
    problem = None if value is None else form(value)
    if problem is not None:
        raise InvalidSetup(f"{option} cannot be {value!r}.", expected=problem)
