"""Write the tables of src/podrole/iam/actions/data from hand-made lists.

Usage: python scripts/action_tables.py DIRECTORY, where the directory holds the four lists as they were compiled from
AWS's Service Authorization Reference: iam-exceptions.json (operation to actions where they are not of one name),
iam-arn-aliases.json (ARN variable to request parameter), iam-passrole-candidates.json (operations that take a role) and
iam-dependents.json (actions that need other actions). Entries that need code are left out here and stand in
podrole.iam.actions.
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
NO_PASS = frozenset(
    {
        "iam.AddRoleToInstanceProfile",
        "ec2.DescribeCapacityReservationBillingRequests",
        "ec2.DisassociateEnclaveCertificateIamRole",
        "ec2.ExportImage",
        "ec2.ImportImage",
        "ec2.ImportSnapshot",
        "rds.RemoveRoleFromDBCluster",
        "rds.RemoveRoleFromDBInstance",
    }
)
# The role of a pod goes to the pods' own service; its target role is assumed by that role, and handed to nobody.
PASSED_TO = {"MonitoringRoleArn": "monitoring.rds.amazonaws.com"}
POD_IDENTITY = re.compile(r"eks\.(Create|Update)PodIdentityAssociation")
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


def passed_roles(table: Mapping[str, Any]) -> dict[str, Any]:
    """Write operation to parameter path to service principal."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for operation, entry in table.items():
        if operation in NO_PASS or not entry["params"]:
            continue
        client, _, name = operation.partition(".")
        service = entry["passed_to"].partition(" ")[0]
        paths = entry["params"]
        if POD_IDENTITY.fullmatch(operation):
            service, paths = "pods.eks.amazonaws.com", ["roleArn"]
        found.setdefault(client, {})[name] = {path: PASSED_TO.get(path, service) for path in paths}
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
        ("iam-passrole-candidates", "passed_roles", passed_roles),
        ("iam-dependents", "tag_on_create", tag_on_create),
    ):
        table = make(json.loads((source / f"{name}.json").read_text()))
        text = json.dumps(table, indent=1, sort_keys=True)
        (TARGET / f"{target}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
