"""Write the tables of src/podrole/iam/actions/data from hand-made lists.

Usage: python scripts/action_tables.py DIRECTORY, where the directory holds the three lists as they were compiled from
AWS's Service Authorization Reference: iam-exceptions.json (operation to actions where they are not of one name),
iam-arn-aliases.json (ARN variable to request parameter) and iam-dependents.json (actions that need other actions).
Entries that need code are left out here and stand in podrole.iam.actions. The roles that operations take are written by
scripts/passed_roles.py.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src/podrole/iam/actions/data"
ONE_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
TAG_ACTION = re.compile(r"(CreateTags|AddTags|AddTagsToResource|Tag[A-Z][A-Za-z]*|AddResourceTags)")


def exceptions(table: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the operations whose actions are all on the operation's own resource."""
    return {
        client: kept
        for client, operations in table.items()
        if (kept := {name: actions for name, actions in operations.items() if all(map(ONE_ACTION.fullmatch, actions))})
    }


def variables(table: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the plain parameters."""
    found: dict[str, dict[str, list[str]]] = {}
    for client, names in table.items():
        for variable, parameters in names.items():
            plain = [one for one in parameters if re.fullmatch(r"[A-Za-z]+(\[\]\.[A-Za-z]+)?", one)]
            if plain and client != "*" and variable != "*":
                found.setdefault(client, {})[variable] = plain
    return found


def tag_on_create(table: Mapping[str, Any]) -> dict[str, Any]:
    """Write operation to the action that tags sent with it need."""
    found: dict[str, dict[str, str]] = {}
    for client, operations in table.items():
        for name, actions in operations.items():
            for action in actions:
                prefix, _, tag = action.partition(":")
                same = prefix == client or (client, prefix) in {
                    ("stepfunctions", "states"),
                    ("elbv2", "elasticloadbalancing"),
                }
                if same and TAG_ACTION.fullmatch(tag) and tag != name:
                    found.setdefault(client, {})[name] = action
    return found


def main() -> None:
    source = Path(sys.argv[1])
    for name, target, make in (
        ("iam-exceptions", "operations", exceptions),
        ("iam-arn-aliases", "variables", variables),
        ("iam-dependents", "tag_on_create", tag_on_create),
    ):
        table = make(json.loads((source / f"{name}.json").read_text()))
        text = json.dumps(table, indent=1, sort_keys=True)
        (TARGET / f"{target}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
