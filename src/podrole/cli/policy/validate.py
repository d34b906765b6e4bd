"""``podrole policy validate``: whether AWS stores a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from podrole.base.partitions import PARTITIONS
from podrole.cli.policy.inputs import STANDARD_INPUT, BadInput, Piece, text_of
from podrole.cli.terminal import complain, say
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.storing import StoredAs, check_storable

VALID, AT_FAULT, BAD_INPUT = 0, 1, 2


def run(files: Sequence[str], *, stored_as: str, partition: str, as_json: bool) -> int:
    """Validate each file and print its faults. Returns the exit code."""
    for option, value, known in (
        ("--as", stored_as, ["auto", *StoredAs]),
        ("--partition", partition, ["", *sorted(PARTITIONS)]),
    ):
        if value not in known:
            expected = ", ".join(filter(None, known))
            complain(f"podrole: {option} has an unknown value: got {value!r}, expected {expected}")
            return BAD_INPUT
    worst = VALID
    for name in files:
        shown = "standard input" if name == STANDARD_INPUT else name
        try:
            text = text_of(name, encoding="utf-8")
        except BadInput as fault:
            complain(f"podrole: {fault.what}")
            worst = BAD_INPUT
            continue
        wanted = guess(text) if stored_as == "auto" else StoredAs(stored_as)
        faults = find_faults(text, wanted, partition)
        worst = max(worst, AT_FAULT if faults else VALID)
        if as_json:
            result = {"file": shown, "as": wanted.value, "valid": not faults, "faults": faults}
            print(msgspec.json.encode(result).decode())
        elif not faults:
            print(f"{shown}: a valid {wanted.value} policy")
        else:
            print(f"{shown}: not a valid {wanted.value} policy")
            if name.endswith((".yaml", ".yml")):
                say("  IAM takes JSON, not YAML: convert it first")
            for entry in faults:
                say(f"  line {entry['line']}, column {entry['column']}: {entry['message']}")
                say(f"    at        {entry['path']}")
                say(f"    expected  {entry['expected']}")
                say(f"    got       {entry['got']}")
    return worst


def find_faults(text: str, stored_as: StoredAs, partition: str) -> list[dict[str, Any]]:
    """Return all faults of a document; the first is the one that AWS reports."""
    try:
        check_storable(text, stored_as, partition)
    except MalformedPolicyDocument as fault:
        return [entry.to_dict() for entry in fault.faults]
    except PolicyError as fault:
        where = {"path": "$", "line": 1, "column": 1}
        return [{"message": fault.message, **where, "got": fault.got or "", "expected": fault.expected or ""}]
    return []


def guess(text: str) -> StoredAs:
    """Return what a document looks like: with a Principal a trust or resource policy, without one a managed policy."""
    try:
        document = Piece(text.removeprefix("\ufeff"), "", 1).read()
    except BadInput:
        return StoredAs.MANAGED
    statements = document.get("Statement") if isinstance(document, dict) else None
    every = [
        statement
        for statement in (statements if isinstance(statements, list) else [statements])
        if isinstance(statement, dict)
    ]
    if not any("Principal" in statement or "NotPrincipal" in statement for statement in every):
        return StoredAs.MANAGED
    actions = [action for statement in every for action in _texts(statement.get("Action"))]
    trusts = bool(actions) and all(action.lower().startswith("sts:") for action in actions)
    return StoredAs.TRUST if trusts else StoredAs.RESOURCE


def _texts(value: Any) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
