"""What the flags of the commands want, as the same values that a file gives."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from podrole.base.errors import PodroleError
from podrole.cli.setup.opened import OpenedSetup
from podrole.cli.setup.options import SetupOptions, service_account
from podrole.cli.setup.role_flags import RoleFlags, check_form, new_role, wanted_role
from podrole.cli.setup.run import BAD_INPUT, MakeGroups, run
from podrole.cli.terminal import complain, harmless
from podrole.doctor.similarity import nearest
from podrole.kube.names import is_label
from podrole.setup import text_forms as forms
from podrole.setup.eksctl_file import read_cluster_config
from podrole.setup.errors import InvalidSetup, Refused
from podrole.setup.found import FoundRole
from podrole.setup.found_as_wanted import subject_pattern_of
from podrole.setup.group import RoleGroup
from podrole.setup.groups import groups_of, lost_groups, with_lost
from podrole.setup.inventory import lost_of_file, read_inventory, set_up_service_accounts
from podrole.setup.method import Method
from podrole.setup.migration import Migration, migration_of
from podrole.setup.names import OWN_POLICIES, role_name
from podrole.setup.ownership import ROLE_ARN
from podrole.setup.plan_role import unchanged
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)
from podrole.setup.well_known_policies import WELL_KNOWN_NAMES


def associate_provider(options: SetupOptions) -> int:
    """``utils associate-iam-oidc-provider``."""
    return run(_fixed(()), options, with_provider=True)


def create_service_account(
    namespace: str,
    name: str,
    flags: RoleFlags,
    options: SetupOptions,
    *,
    role_only: bool,
    pattern: str | None,
    override: bool,
) -> int:
    """``create iamserviceaccount``."""
    account = service_account(namespace, name)

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        role = wanted_role(flags, opened.place, "--attach-policy-arn", "--attach-role-arn")
        if isinstance(role, ExistingRole) and role_only:
            raise InvalidSetup("--role-only and --attach-role-arn exclude each other: nothing would be left to do.")
        check_form("--subject-pattern", pattern, forms.subject_pattern)
        wanted = WantedServiceAccount(account, role, role_only, pattern, override)
        return groups_of(WantedSetup(opened.place.cluster, service_accounts=(wanted,)), opened.place)

    return run(groups, options)


def update_service_account(namespace: str, name: str, flags: RoleFlags, options: SetupOptions) -> int:
    """``update iamserviceaccount``: what no flag names stays as it is."""
    account = service_account(namespace, name)

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        existing = await _role_of(opened, account)
        now = unchanged(existing)
        flagged = new_role(replace(flags, name=existing.name), opened.place, "--attach-policy-arn")
        policies = flags.policies is not None or flags.well_known is not None
        role = WantedRole(
            existing.name,
            flagged.managed if policies else now.managed,
            {**_kept(now), **flagged.inline} if policies else now.inline,
            flags.boundary or now.boundary,
            {**now.tags, **flagged.tags},
        )
        pattern = subject_pattern_of(existing, account, opened.place)
        wanted = WantedServiceAccount(account, role, role_only=True, subject_pattern=pattern)
        return (RoleGroup(existing.arn, role, (wanted,)),)

    return run(groups, options)


def delete_service_account(namespace: str, name: str, options: SetupOptions) -> int:
    """``delete iamserviceaccount``."""
    account = service_account(namespace, name)
    missing: list[str] = []

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        existing = await opened.cluster.service_account(account)
        arn = "" if existing is None else existing.annotations.get(ROLE_ARN, "")
        if not arn:
            inventory = await read_inventory(opened.place, opened.account, opened.cluster)
            known = {set_up.account: set_up.role_arn for set_up in set_up_service_accounts(inventory)}
            made = inventory.role(opened.place.role_arn(role_name(opened.place.cluster, account)))
            by_pattern = made is not None and subject_pattern_of(made, account, opened.place) is not None
            arn = known.get(account, "") or (made.arn if made is not None and by_pattern else "")
            if not arn:
                missing.append(nothing_to_delete(f"The service account {account} has no role", account, known))
        return lost_groups({account: arn}, {}) if arn else ()

    return run(groups, options, notes=lambda: tuple(missing))


def apply_file(file: Path, options: SetupOptions, *, prune: bool) -> int:
    """``apply -f``."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        wanted = read_cluster_config(text, "standard input" if str(file) == "-" else file.name)
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        complain(f"{file} cannot be read: {why}.")
        return BAD_INPUT
    except PodroleError as problem:
        complain(harmless(problem.diagnostics()))
        return BAD_INPUT

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        wanted_groups = groups_of(wanted, opened.place)
        if not prune or wanted.file is None:
            return wanted_groups
        inventory = await read_inventory(opened.place, opened.account, opened.cluster)
        return with_lost(wanted_groups, lost_of_file(inventory, wanted.file, wanted_groups))

    return run(
        groups,
        options,
        with_provider=wanted.provider,
        cluster_name=wanted.cluster,
        region=wanted.region,
        left_alone=wanted.left_alone,
    )


def migrate(to: Method, namespace: str | None, options: SetupOptions) -> int:
    """``migrate``."""
    if namespace is not None and not is_label(namespace):
        raise typer.BadParameter(f"{namespace!r} is not a namespace.", param_hint="--namespace")
    migrations: list[Migration] = []

    async def groups(opened: OpenedSetup) -> Sequence[RoleGroup]:
        place = opened.place
        inventory = await read_inventory(place, opened.account, opened.cluster)
        arns = {account.annotations.get(ROLE_ARN, "") for account in inventory.service_accounts}
        arns |= {association.role_arn for association in inventory.associations}
        names = sorted(arn.rpartition("/")[2] for arn in arns if place.has_role(arn))
        roles = await asyncio.gather(*(asyncio.to_thread(opened.account.role, name) for name in names))
        accounts = [account.account for account in inventory.service_accounts] + [
            association.account for association in inventory.associations
        ]
        pods = {account: await opened.cluster.pods(account) for account in dict.fromkeys(accounts)}
        migrations.append(migration_of(inventory, [role for role in roles if role is not None], pods, to, namespace))
        return migrations[0].groups

    return run(groups, options, notes=lambda: migrations[0].notes if migrations else ())


def nothing_to_delete(what: str, account: ServiceAccountName, others: Iterable[ServiceAccountName]) -> str:
    """Return the sentence about an account that has nothing to delete, with the likely one."""
    likely = nearest(str(account), map(str, others))
    return f"{what}, so there is nothing to delete" + (f"; did you mean {likely}?" if likely else ".")


def _kept(now: WantedRole) -> dict[str, str]:
    """Return the inline policies that are not well-known ones: flags cannot name them."""
    known = {f"{OWN_POLICIES}{name}" for name in WELL_KNOWN_NAMES}
    return {name: text for name, text in now.inline.items() if name not in known}


async def _role_of(opened: OpenedSetup, account: ServiceAccountName) -> FoundRole:
    existing = await opened.cluster.service_account(account)
    arn = "" if existing is None else existing.annotations.get(ROLE_ARN, "")
    named = arn or opened.place.role_arn(role_name(opened.place.cluster, account))
    role = None
    if opened.place.has_role(named):
        role = await asyncio.to_thread(opened.account.role, named.rpartition("/")[2])
    if role is None or role.arn != named:
        raise Refused(
            f"The service account {account} has no role in account {opened.place.account} to update.",
            got=arn or "no annotation",
            next_step=opened.command(
                f"podrole create iamserviceaccount --namespace {account.namespace} --name {account.name}"
            ),
        )
    return role


def _fixed(groups: Sequence[RoleGroup]) -> MakeGroups:
    async def made(_: OpenedSetup) -> Sequence[RoleGroup]:
        return groups

    return made
