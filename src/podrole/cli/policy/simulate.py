"""``podrole policy simulate``: SimulatePrincipalPolicy of the running world's IAM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from podrole.base.errors import PodroleError
from podrole.cli.terminal import complain, fitted, width
from podrole.world.state import Description, WorldDirectory

ALL_ALLOWED, SOMETHING_DENIED, BAD_INPUT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class SimulationQuery:
    """The role or user, by name or ARN, and what to simulate; ``context`` holds ``KEY=VALUE``."""

    role: str
    user: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[str, ...]


def run(path: Path, query: SimulationQuery, *, as_json: bool) -> int:
    """Simulate, and print a result for each action on each resource. Returns the exit code."""
    if bool(query.role) == bool(query.user):
        complain("podrole: name one principal, with --role or with --user")
        return BAD_INPUT
    wrong = [pair for pair in query.context if "=" not in pair or pair.startswith("=")]
    if wrong:
        complain(f"podrole: --context is not of the form KEY=VALUE: got {wrong[0]!r}")
        return BAD_INPUT
    try:
        directory = WorldDirectory(path)
        results = list(_ask(directory, directory.running(), query))
    except PodroleError as fault:
        complain(fault.diagnostics())
        return BAD_INPUT
    except Exception as fault:
        if type(fault).__module__.partition(".")[0] != "botocore":
            raise
        complain(f"podrole: {fault}")
        return BAD_INPUT
    for result in results:
        print(msgspec.json.encode(result).decode() if as_json else fitted(_shown(result), width()))
    allowed = all(result["EvalDecision"] == "allowed" for result in results)
    return ALL_ALLOWED if allowed else SOMETHING_DENIED


def _ask(directory: WorldDirectory, world: Description, query: SimulationQuery) -> Iterator[dict[str, Any]]:
    import botocore.session
    from botocore.config import Config

    key_id, secret = directory.admin_credentials()
    client = botocore.session.Session().create_client(
        "iam",
        region_name=world.region,
        endpoint_url=world.aws_url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )
    arguments: dict[str, Any] = {"PolicySourceArn": _source(client, query), "ActionNames": list(query.actions)}
    if query.resources:
        arguments["ResourceArns"] = list(query.resources)
    entries: dict[str, list[str]] = {}
    for pair in query.context:
        key, _, value = pair.partition("=")
        entries.setdefault(key, []).append(value)
    arguments["ContextEntries"] = [
        {"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": "stringList" if values[1:] else "string"}
        for key, values in entries.items()
    ]
    for page in client.get_paginator("simulate_principal_policy").paginate(**arguments):
        yield from page["EvaluationResults"]


def _source(client: Any, query: SimulationQuery) -> str:
    name = query.role or query.user
    if name.startswith("arn:"):
        return name
    if query.role:
        return str(client.get_role(RoleName=name)["Role"]["Arn"])
    return str(client.get_user(UserName=name)["User"]["Arn"])


def _shown(result: dict[str, Any]) -> str:
    on = "" if result["EvalResourceName"] == "*" else f" on {result['EvalResourceName']}"
    lines = [f"{result['EvalDecision']:<13} {result['EvalActionName']}{on}"]
    for statement in result["MatchedStatements"]:
        start = statement["StartPosition"]
        lines.append(
            f"  by {statement['SourcePolicyId']}, the statement at line {start['Line']}, column {start['Column']}"
        )
    boundary = result.get("PermissionsBoundaryDecisionDetail")
    if boundary is not None and not boundary["AllowedByPermissionsBoundary"]:
        lines.append("  the permissions boundary does not allow it")
    if result["MissingContextValues"]:
        lines.append(
            f"  condition keys without a value: {', '.join(result['MissingContextValues'])} (--context KEY=VALUE)"
        )
    return "\n".join(lines)
