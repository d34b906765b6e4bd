"""What the flags of the commands for Pod Identity associations want, as the same values that a file gives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from podrole.cli.setup.opened import OpenedSetup
from podrole.cli.setup.options import SetupOptions, key_values, service_account
from podrole.cli.setup.requests import nothing_to_delete
from podrole.cli.setup.role_flags import RoleFlags, check_form, wanted_role
from podrole.cli.setup.run import run
from podrole.setup import text_forms as forms
from podrole.setup.errors import InvalidSetup, Refused
from podrole.setup.group import RoleGroup
from podrole.setup.groups import groups_of, lost_groups
from podrole.setup.plan_role import unchanged
from podrole.setup.wanted import ExistingRole, WantedAssociation, WantedSetup


@dataclass(frozen=True, slots=True)
class AssociationFlags:
    """The flags that say what an association is beside its role."""

    target_role: str | None = None
    disable_session_tags: bool = False
    session_policy: str | None = None
    create_service_account: bool = False


def create_association(
    namespace: str, name: str, flags: RoleFlags, more: AssociationFlags, options: SetupOptions
) -> int:
    """``create podidentityassociation``."""
    account = service_account(namespace, name)

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        role = wanted_role(flags, opened.place, "--permission-policy-arns", "--role-arn")
        if more.session_policy is not None and not more.disable_session_tags:
            raise InvalidSetup("EKS takes --policy only with --disable-session-tags.")
        check_form("--target-role-arn", more.target_role, forms.role_arn(opened.place.partition))
        association = WantedAssociation(
            account,
            role,
            more.target_role,
            more.disable_session_tags,
            more.session_policy,
            more.create_service_account,
            key_values(flags.tags, "--tags"),
        )
        return groups_of(WantedSetup(opened.place.cluster, associations=(association,)), opened.place)

    return run(groups, options)


def update_association(
    namespace: str,
    name: str,
    role: str | None,
    target_role: str | None,
    disable_session_tags: bool | None,
    session_policy: str | None,
    options: SetupOptions,
) -> int:
    """``update podidentityassociation``: what no flag names stays as it is."""
    account = service_account(namespace, name)

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        check_form("--role-arn", role, forms.role_arn(opened.place.partition))
        check_form("--target-role-arn", target_role or None, forms.role_arn(opened.place.partition))
        existing = await asyncio.to_thread(opened.account.association, opened.place.cluster, account)
        if existing is None:
            raise Refused(
                f"The service account {account} has no Pod Identity association in cluster {opened.place.cluster}.",
                next_step=opened.command(
                    f"podrole create podidentityassociation --namespace {namespace} --service-account-name {name}"
                ),
            )
        association = WantedAssociation(
            account,
            ExistingRole(role or existing.role_arn),
            existing.target_role_arn if target_role is None else target_role or None,
            existing.disable_session_tags if disable_session_tags is None else disable_session_tags,
            existing.session_policy if session_policy is None else session_policy or None,
        )
        made = await asyncio.to_thread(opened.account.role, existing.role_arn.rpartition("/")[2])
        if role is None and made is not None and made.arn == existing.role_arn:
            # A role of podrole's follows the association, as its trust must.
            association = replace(association, role=unchanged(made))
            return (RoleGroup(made.arn, unchanged(made), associations=(association,)),)
        return groups_of(WantedSetup(opened.place.cluster, associations=(association,)), opened.place)

    return run(groups, options)


def delete_association(namespace: str, name: str, options: SetupOptions) -> int:
    """``delete podidentityassociation``."""
    account = service_account(namespace, name)

    missing: list[str] = []

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        cluster = opened.place.cluster
        existing = await asyncio.to_thread(opened.account.association, cluster, account)
        if existing is not None:
            return lost_groups({}, {account: existing.role_arn})
        others = [association.account for association in await asyncio.to_thread(opened.account.associations, cluster)]
        missing.append(nothing_to_delete(f"The service account {account} has no association", account, others))
        return ()

    return run(groups, options, notes=lambda: tuple(missing))
