"""Write the tables of src/podrole/iam/actions/data from hand-made lists.

Usage: python scripts/action_tables.py DIRECTORY, where the directory holds the two lists as they were compiled from
AWS's Service Authorization Reference: iam-exceptions.json (operation to actions where they are not of one name) and
iam-arn-aliases.json (ARN variable to request parameter). Entries that need code are left out here and stand in
podrole.iam.actions. The tables of roles and tags are written by scripts/passed_roles.py and scripts/tags_on_create.py.
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


def main() -> None:
    source = Path(sys.argv[1])
    for name, target, make in (
        ("iam-exceptions", "operations", exceptions),
        ("iam-arn-aliases", "variables", variables),
    ):
        table = make(json.loads((source / f"{name}.json").read_text()))
        text = json.dumps(table, indent=1, sort_keys=True)
        (TARGET / f"{target}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
