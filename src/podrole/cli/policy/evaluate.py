"""``podrole policy evaluate``: evaluate cases from files offline, one result for each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

from podrole.cli.policy.cases import Case, case_id, read_case
from podrole.cli.policy.inputs import BadInput, values
from podrole.cli.terminal import complain, say
from podrole.iam.explain import Evidence, explain, render, summary
from podrole.iam.possible import Possible, evaluate_possible

DEPENDS = "Depends"
"""The decision about a case whose unknown condition keys can make it allowed or denied."""
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
        complain("podrole: the input has no cases")
        return BAD_INPUT
    return worst


def result(case: Case) -> dict[str, Any]:
    """Return a case's result as JSON-able data."""
    (decision, depends_on), evidence = _explained(case)
    dependency = {} if not depends_on else {"depends_on": list(depends_on)}
    return {
        "id": case.id,
        "decision": DEPENDS if depends_on else decision.outcome.value,
        **dependency,
        "decided_by": decision.decided_by.value if decision.decided_by else None,
        "evidence": [entry.to_dict() for entry in evidence],
    }


def _explained(case: Case) -> tuple[Possible, tuple[Evidence, ...]]:
    possible = evaluate_possible(case.request, case.policies)
    return possible, explain(case.request, case.policies, possible.decision)


def _decide(case: Case, *, as_json: bool) -> int:
    if as_json:
        data = result(case)
        print(msgspec.json.encode(data).decode())
        return ALL_ALLOWED if data["decision"] == "Allowed" else SOMETHING_DENIED
    (decision, depends_on), evidence = _explained(case)
    say(f"{case.id}: {DEPENDS if depends_on else decision.outcome.value}")
    if depends_on:
        say(f"  Depends on {', '.join(depends_on)}, which this case does not know. Unless it is known:")
    say(textwrap.indent(summary(decision, evidence, case.request), "  "))
    if decision.allowed:
        return ALL_ALLOWED
    say(textwrap.indent(render(evidence), "    "))
    return SOMETHING_DENIED


def _report(fault: BadInput, case: str | None, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({"id": case, "error": fault.what}).decode())
    else:
        complain(f"podrole: {fault.what}")
