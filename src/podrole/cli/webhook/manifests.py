"""``podrole webhook manifests``: the manifests that install the webhook, as YAML. Exit codes: 0 printed, 2 a wrong
flag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from podrole.cli.terminal import complain
from podrole.webhook.__main__ import HELP, flag_lines
from podrole.webhook.errors import BadFlag
from podrole.webhook.install.flags import INSTALLATION_FLAGS, read_installation
from podrole.webhook.install.installation import Installation
from podrole.webhook.install.manifests import manifests

PRINTED, WRONG_FLAG = 0, 2


def run(arguments: Sequence[str]) -> int:
    """Print every object of the installation that the flags describe. Returns the exit code."""
    if HELP.intersection(arguments):
        print(_help())
        return PRINTED
    try:
        installation, notes = read_installation(arguments)
    except BadFlag as problem:
        complain(problem.diagnostics())
        return WRONG_FLAG
    for note in notes:
        complain(f"note: {note}")
    print(yaml.safe_dump_all(documents(installation), sort_keys=False, default_flow_style=False), end="")
    return PRINTED


def documents(installation: Installation) -> list[dict[str, Any]]:
    """Return the objects, after the namespace if it is the default one."""
    objects = manifests(installation)
    if installation.namespace == Installation().namespace:
        objects.insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": installation.namespace}})
    return objects


def _help() -> str:
    return "\n".join(
        [
            "Print the manifests that install the webhook:  podrole webhook manifests --image=… | kubectl apply -f -",
            "",
            "Flags:",
            *flag_lines(INSTALLATION_FLAGS),
            "",
            "Other flags are passed to the webhook's container: see podrole webhook --help",
        ]
    )
