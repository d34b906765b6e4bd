"""``podrole policy validate``: whether AWS accepts a document."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from podrole.cli.policy.inputs import STANDARD_INPUT, BadInput, Piece, text_of
from podrole.iam.document import parse_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.policy import PolicyKind
from podrole.iam.shared_issuers import check_shared_issuers

VALID, AT_FAULT, BAD_INPUT = 0, 1, 2


def run(files: Sequence[str], *, kind: str, as_json: bool) -> int:
    """Validate each file and print its faults. Returns the exit code."""
    if kind != "auto" and kind not in set(PolicyKind):
        known = ", ".join(one.value for one in PolicyKind)
        print(f"podrole: --kind is not a kind of policy: got {kind!r}, expected {known} or auto", file=sys.stderr)
        return BAD_INPUT
    worst = VALID
    for name in files:
        shown = "standard input" if name == STANDARD_INPUT else name
        try:
            text = text_of(name)
        except BadInput as fault:
            print(f"podrole: {fault.what}", file=sys.stderr)
            worst = BAD_INPUT
            continue
        wanted = guess(text) if kind == "auto" else PolicyKind(kind)
        faults = find_faults(text, wanted)
        worst = max(worst, AT_FAULT if faults else VALID)
        if as_json:
            found = {"file": shown, "kind": wanted.value, "valid": not faults, "faults": faults}
            print(msgspec.json.encode(found).decode())
        elif not faults:
            print(f"{shown}: a valid {wanted.value} policy")
        else:
            print(f"{shown}: not a valid {wanted.value} policy")
            for one in faults:
                print(f"  line {one['line']}, column {one['column']}: {one['message']}")
                print(f"    at        {one['path']}")
                print(f"    expected  {one['expected']}")
                print(f"    got       {one['got']}")
    return worst


def find_faults(text: str, kind: PolicyKind) -> list[dict[str, Any]]:
    """Return all faults of a document; the first is the one that AWS reports."""
    try:
        policy = parse_policy(text, kind)
        if kind is PolicyKind.TRUST:
            check_shared_issuers(policy)
    except MalformedPolicyDocument as fault:
        return [one.to_dict() for one in fault.faults]
    except PolicyError as fault:
        where = {"path": "$", "line": 1, "column": 1}
        return [{"message": fault.message, **where, "got": fault.got or "", "expected": fault.expected or ""}]
    return []


def guess(text: str) -> PolicyKind:
    """Return the kind that a document looks like: with a Principal a trust or a resource policy."""
    try:
        document = Piece(text, "", 1).read()
    except BadInput:
        return PolicyKind.IDENTITY
    statements = document.get("Statement") if isinstance(document, dict) else None
    every = [one for one in (statements if isinstance(statements, list) else [statements]) if isinstance(one, dict)]
    if not any("Principal" in one or "NotPrincipal" in one for one in every):
        return PolicyKind.IDENTITY
    actions = [action for one in every for action in _texts(one.get("Action"))]
    trusts = bool(actions) and all(action.lower().startswith("sts:") for action in actions)
    return PolicyKind.TRUST if trusts else PolicyKind.RESOURCE


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
