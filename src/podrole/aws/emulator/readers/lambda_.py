"""Lambda's functions. A function's policy is the list of statements that AddPermission made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader
from podrole.aws.services.lambda_ import principal_element
from podrole.iam.actions.call import Call


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    kind, _, rest = arn.resource.partition(":")
    name, _, qualifier = rest.partition(":")
    stored = backend("lambda", arn.account, arn.region)
    entry = stored._lambdas._functions.get(name) if kind == "function" and stored is not None else None
    function = _version(entry, qualifier) if entry is not None else None
    if function is None:
        return None
    statements = [
        statement | {"Principal": principal_element(statement.get("Principal"))}
        for statement in function.policy.statements
    ]
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return PolicyHolder(arn.account, f"function {name}", json.dumps(document) if statements else None, function)


def _version(entry: Any, qualifier: str) -> Any | None:
    if qualifier and qualifier.isdigit():
        return next((version for version in entry["versions"] if str(version.version) == qualifier), None)
    return entry["latest"]


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("lambda", account, region)
    yield from (str(function.function_arn) for function in stored.list_functions()) if stored is not None else ()


def _of_mapping(call: Call, mapping: str) -> str | None:
    """Return the function that an event source mapping invokes, by the mapping's UUID."""
    stored = backend("lambda", call.account, call.region)
    stored_mapping = stored._event_source_mappings.get(mapping) if stored is not None else None
    return str(stored_mapping.function_arn) if stored_mapping is not None else None


READER = Reader(policy_holder=_policy_holder, holders=_holders, arns={"lambda:function-of-mapping": _of_mapping})
