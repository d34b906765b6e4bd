"""A plan as text for a person, and as JSON for machines."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from podrole.cli.style import Style
from podrole.cli.terminal import harmless
from podrole.setup.planner import SetupPlan
from podrole.setup.writes import AccountCall, PlannedWrite, WriteKind

_SIGNS = {WriteKind.CREATE: "+", WriteKind.CHANGE: "~", WriteKind.DELETE: "-"}
_COLOURS = {WriteKind.CREATE: "32", WriteKind.CHANGE: "33", WriteKind.DELETE: "31"}
_REFUSED = "31"


def plan_text(plan: SetupPlan, style: Style, command: Callable[[str], str] = str) -> str:
    """Return the whole plan: what is created, changed and deleted, what is refused, what is left alone and why.

    ``command`` completes each next step for the place.
    """
    place = plan.place
    lines = [f"Cluster {place.cluster} (issuer {place.issuer})", f"Account {place.account}, region {place.region}", ""]
    lines += write_lines(plan.writes, style)
    for group in plan.groups:
        for refusal in group.part.refusals:
            what, following = harmless(refusal.what), harmless(command(refusal.next_step))
            lines += [style.paint(f"! {what}", _REFUSED), f"  Next: {following}"]
            lines += [f"  {line}" for line in write_lines(refusal.writes, style)]
    notes = list(plan.sentences)
    if plan.left_alone:
        notes.append(f"Left alone in the file: {', '.join(plan.left_alone)}.")
    lines += [f"  {line}" for note in notes for line in harmless(note).split("\n")]
    if plan.writes:
        lines += ["", ", ".join(f"{count} to {kind}" for kind, count in plan.counts.items()) + "."]
    elif not plan.refused:
        lines.append("Nothing to change.")
    return "\n".join(lines)


def plan_dict(plan: SetupPlan, command: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the plan as JSON-able data. ``command`` completes each next step for the place."""
    place = plan.place
    return {
        "cluster": place.cluster,
        "issuer": place.issuer,
        "account": place.account,
        "region": place.region,
        "writes": [write_dict(write) for write in plan.writes],
        "counts": {kind.value: count for kind, count in plan.counts.items()},
        "refusals": [
            {
                "what": refusal.what,
                "next_step": command(refusal.next_step),
                "writes": [write_dict(write) for write in refusal.writes],
            }
            for group in plan.groups
            for refusal in group.part.refusals
        ],
        "notes": list(plan.sentences),
        "left_alone": list(plan.left_alone),
    }


def write_dict(write: PlannedWrite) -> dict[str, Any]:
    """Return one write as JSON-able data, with the call that makes it."""
    call = write.call
    if isinstance(call, AccountCall):
        shown = {"service": call.service, "operation": call.operation, "parameters": dict(call.parameters)}
    else:
        shown = {"verb": call.verb, "resource": call.resource, "namespace": call.namespace, "name": call.name}
        shown["body"] = dict(call.body)
    return {
        "kind": write.kind.value,
        "object": write.object,
        "field": write.field,
        "before": write.before,
        "after": write.after,
        "call": shown,
    }


def write_lines(writes: Sequence[PlannedWrite], style: Style) -> Iterator[str]:
    """Yield the lines of writes that follow each other."""
    before: PlannedWrite | None = None
    for write in writes:
        yield from _write(write, style, before)
        before = write


def _write(write: PlannedWrite, style: Style, before: PlannedWrite | None) -> Iterator[str]:
    """Yield the lines of one write. A heading that it shares with the write before is not repeated."""
    same = before is not None and write.object == before.object
    if not (same and write.field):
        kind = write.kind if not write.field else WriteKind.CHANGE
        yield style.paint(f"{_SIGNS[kind]} {kind} {harmless(write.object)}", _COLOURS[kind])
    if write.field and not (same and before is not None and write.field == before.field):
        yield f"    {harmless(write.field)}"
    if write.kind is WriteKind.DELETE:
        return
    for line in map(harmless, _difference(write.before, write.after)):
        painted = _COLOURS[WriteKind.CREATE if line.startswith("+") else WriteKind.DELETE]
        yield "      " + (style.paint(line, painted) if line[:1] in ("+", "-") else line)


def _difference(before: str | None, after: str | None) -> Iterator[str]:
    """Yield the lines that go and come; of documents only these and the two around them."""
    old, new = _lines(before), _lines(after)
    if not old or not new:
        yield from (f"+ {line}" for line in new)
        yield from (f"- {line}" for line in old)
        return
    for line in list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]:
        yield "…" if line.startswith("@@") else f"{line[:1]} {line[1:]}"


def _lines(value: str | None) -> list[str]:
    if not value:
        return []
    if value.lstrip().startswith("{"):
        try:
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False).splitlines()
        except ValueError:
            pass
    return value.splitlines()
