"""``podrole get``: the identities of a cluster as a table, or as the file that makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from podrole.base.errors import PodroleError
from podrole.base.extras import ExtraMissing
from podrole.cli.setup.opened import open_setup
from podrole.cli.setup.options import SetupOptions
from podrole.cli.setup.run import BAD_INPUT, DONE, NOT_DONE
from podrole.cli.table import table
from podrole.cli.terminal import complain, harmless, width
from podrole.setup.eksctl_output import ConfigFormat, cluster_config_text
from podrole.setup.errors import InvalidSetup
from podrole.setup.found import FoundAssociation, FoundRole
from podrole.setup.found_as_wanted import association_as_wanted, service_account_as_wanted, subject_pattern_of
from podrole.setup.inventory import Inventory, SetUpServiceAccount, read_inventory, set_up_service_accounts
from podrole.setup.ownership import owner_of
from podrole.setup.wanted import WantedSetup

_ACCOUNTS = ("NAMESPACE", "NAME", "ROLE ARN", "OWNER")
_ASSOCIATIONS = ("NAMESPACE", "SERVICE ACCOUNT", "ROLE ARN", "TARGET ROLE ARN", "OWNER")


def get_service_accounts(namespace: str | None, name: str | None, output: str, options: SetupOptions) -> int:
    """``get iamserviceaccount``. Returns 0, 1 if they cannot be read, 2 for bad input."""
    inventory = _inventory(options)
    if isinstance(inventory, int):
        return inventory
    rows = [
        account
        for account in set_up_service_accounts(inventory)
        if namespace in (None, account.account.namespace) and name in (None, account.account.name)
    ]
    if output == "table":
        cells = [(row.account.namespace, row.account.name, row.role_arn, row.owner.what) for row in rows]
        _table(
            _ACCOUNTS, cells, f"no service account has a role by podrole or eksctl {_where(inventory, namespace, name)}"
        )
    else:
        print(cluster_config_text(_service_accounts(inventory, rows), ConfigFormat(output)), end="")
    return DONE


def get_associations(namespace: str | None, name: str | None, output: str, options: SetupOptions) -> int:
    """``get podidentityassociation``. Returns 0, 1 if they cannot be read, 2 for bad input."""
    inventory = _inventory(options)
    if isinstance(inventory, int):
        return inventory
    rows = [
        association
        for association in inventory.associations
        if namespace in (None, association.account.namespace) and name in (None, association.account.name)
    ]
    if output == "table":
        cells = [
            (
                row.account.namespace,
                row.account.name,
                row.role_arn,
                row.target_role_arn or "",
                owner_of(row, inventory.place).what,
            )
            for row in rows
        ]
        _table(
            _ASSOCIATIONS,
            cells,
            f"no service account has a Pod Identity association {_where(inventory, namespace, name)}",
        )
    else:
        print(cluster_config_text(_associations(inventory, rows), ConfigFormat(output)), end="")
    return DONE


def _service_accounts(inventory: Inventory, rows: Sequence[SetUpServiceAccount]) -> WantedSetup:
    place = inventory.place
    wanted = []
    for row in rows:
        role = _role_or_arn(inventory, row.role_arn)
        pattern = subject_pattern_of(role, row.account, place) if isinstance(role, FoundRole) else None
        wanted.append(service_account_as_wanted(place.cluster, row.account, role, row.found, pattern))
    return WantedSetup(place.cluster, place.region, provider=True, service_accounts=tuple(wanted))


def _associations(inventory: Inventory, rows: Sequence[FoundAssociation]) -> WantedSetup:
    place = inventory.place
    accounts = {account.account: account for account in inventory.service_accounts}
    wanted = [
        association_as_wanted(place.cluster, row, _role_or_arn(inventory, row.role_arn), accounts.get(row.account))
        for row in rows
    ]
    return WantedSetup(place.cluster, place.region, associations=tuple(wanted))


def _role_or_arn(inventory: Inventory, arn: str) -> FoundRole | str:
    """Return the role if it is podrole's; the ARN of any other, which is kept as it is."""
    role = inventory.role(arn)
    return role if role is not None and owner_of(role, inventory.place).ours else arn


def _inventory(options: SetupOptions) -> Inventory | int:
    """Return the inventory, or the exit code if it cannot be read."""

    async def read() -> Inventory:
        async with open_setup(options) as opened:
            return await read_inventory(opened.place, opened.account, opened.cluster)

    try:
        return asyncio.run(read())
    except PodroleError as problem:
        complain(harmless(problem.diagnostics()))
        return BAD_INPUT if isinstance(problem, InvalidSetup | ExtraMissing) else NOT_DONE


def _where(inventory: Inventory, namespace: str | None, name: str | None) -> str:
    """Return what was looked through: the whole cluster, or only what the options name."""
    names = ([] if namespace is None else [f"namespace {namespace}"]) + ([] if name is None else [f"name {name}"])
    return f"in cluster {inventory.place.cluster}" + (f" ({', '.join(names)})" if names else "")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], none: str) -> None:
    if not rows:
        print(f"None: {none}.")
        return
    cells = [[harmless(text).replace("\n", "\\n") for text in row] for row in rows]
    print(
        "\n".join(
            table(
                headings, cells, width(), [heading for heading in ("OWNER", "TARGET ROLE ARN") if heading in headings]
            )
        )
    )
