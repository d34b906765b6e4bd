"""An event's explanation as one readable block."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from podrole.iam.evaluate import Outcome
from podrole.iam.explain import Evidence, render

INDENT = "    "


def explanation_block(explanation: Mapping[str, Any]) -> str:
    """Return the block, indented. Its last line is the next step, if the explanation has one."""
    return textwrap.indent("\n".join(_lines(explanation)), INDENT)


def _lines(explanation: Mapping[str, Any]) -> Iterator[str]:
    if explanation.get("subject"):
        pod = f", pod {explanation['pod']}" if explanation.get("pod") else ""
        yield f"token of  {explanation['subject']}{pod}"
    if explanation.get("policy") and explanation.get("decision") == Outcome.ALLOWED.value:
        yield f"by        {explanation.get('statement', '')} of {explanation['policy']}"
    if explanation.get("held"):
        yield "held      " + ", ".join(explanation["held"])
    if explanation.get("step"):
        yield f"failed    {explanation['step']}"
    for name in ("expected", "got"):
        if explanation.get(name):
            yield f"{name:<9} {explanation[name]}"
    evidence = explanation.get("evidence")
    if evidence:
        yield render([msgspec.convert(entry, Evidence) for entry in evidence])
    if explanation.get("next"):
        yield f"next      {explanation['next']}"
