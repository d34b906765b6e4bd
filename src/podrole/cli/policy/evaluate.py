"""``podrole policy evaluate``: evaluate cases from files offline, one result for each."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

from podrole.cli.policy.cases import Case, case_id, read_case
from podrole.cli.policy.inputs import BadInput, values
from podrole.iam.evaluate import Decision, evaluate
from podrole.iam.explain import Evidence, explain, render, summary

ALL_ALLOWED, SOMETHING_DENIED, BAD_INPUT = 0, 1, 2


def run(files: Sequence[str], *, as_json: bool) -> int:
    """Evaluate every case of every file and print its result. Returns the exit code.

    A case that cannot be read is reported on stderr (with ``--json`` in its place, as ``{"id", "error"}``); the other
    cases are still evaluated.
    """
    worst = ALL_ALLOWED
    count = 0
    for name in files:
        try:
            for piece in values(name):
                count += 1
                try:
                    case = read_case(piece, count)
                except BadInput as fault:
                    _report(fault, case_id(piece, count), as_json=as_json)
                    worst = BAD_INPUT
                    continue
                worst = max(worst, _decide(case, as_json=as_json))
        except BadInput as fault:
            _report(fault, None, as_json=as_json)
            worst = BAD_INPUT
    if count == 0 and worst != BAD_INPUT:
        print("podrole: the input has no cases", file=sys.stderr)
        return BAD_INPUT
    return worst


def result(case: Case) -> dict[str, Any]:
    """Return a case's result as JSON-able data."""
    decision, evidence = _explained(case)
    return {
        "id": case.id,
        "decision": decision.outcome.value,
        "decided_by": decision.decided_by.value if decision.decided_by else None,
        "evidence": [one.to_dict() for one in evidence],
    }


def _explained(case: Case) -> tuple[Decision, tuple[Evidence, ...]]:
    decision = evaluate(case.request, case.policies)
    return decision, explain(case.request, case.policies, decision)


def _decide(case: Case, *, as_json: bool) -> int:
    if as_json:
        found = result(case)
        print(msgspec.json.encode(found).decode())
        return ALL_ALLOWED if found["decision"] == "Allowed" else SOMETHING_DENIED
    decision, evidence = _explained(case)
    print(f"{case.id}: {decision.outcome.value}")
    print(textwrap.indent(summary(decision, evidence, case.request), "  "))
    if decision.allowed:
        return ALL_ALLOWED
    print(textwrap.indent(render(evidence), "    "))
    return SOMETHING_DENIED


def _report(fault: BadInput, case: str | None, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({"id": case, "error": fault.what}).decode())
    else:
        print(f"podrole: {fault.what}", file=sys.stderr)
