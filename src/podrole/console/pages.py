"""The pages as HTML. Templates escape everything that they show; what a terminal or a reader could mistake is spelled
out (control characters, characters that change the direction of writing)."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from typing import Any

import jinja2

from podrole.console.addresses import chain_url, role_url
from podrole.console.observation import Observer
from podrole.console.repair import fingerprint
from podrole.doctor.remedies.changes import ByHand, PublishDocument
from podrole.doctor.remedies.commands import commands_of
from podrole.doctor.report.codes import CODES
from podrole.doctor.report.findings import Finding
from podrole.doctor.sources.sources import Tools
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN

VIEWS = (("Chains", "./"), ("Calls", "calls"), ("Role", "role"), ("Token", "token"), ("Map", "map"))
_GOOD, _BAD, _UNSURE, _NONE = "good", "bad", "unsure", "none"
_CLASSES = {
    "allowed": _GOOD,
    "holds": _GOOD,
    "sound": _GOOD,
    "verified": _GOOD,
    "broken": _BAD,
    "refused": _BAD,
    "failed": _BAD,
    "could not tell": _UNSURE,
    "could not be checked": _UNSURE,
}
_MARKS = {_GOOD: "✓", _BAD: "✗", _UNSURE: "?", _NONE: "·"}
_STEPS = {True: "holds", False: "failed", None: "not reached"}
_LONGEST_LABEL = 40


def render(template: str, observer: Observer, *, title: str, heading: str = "", view: str = "", **values: Any) -> bytes:
    """Return a page as UTF-8. ``title`` is that of one of the views, or of a page of its own; ``heading`` is shown in
    its place."""
    seen = observer.latest
    tools = seen.tools if seen is not None else Tools()
    return (
        _templates()
        .get_template(template)
        .render(
            title=title,
            heading=heading or title,
            view=view,
            views=VIEWS,
            observation=seen,
            problem=observer.problem,
            progress=observer.progress,
            tools=tools,
            **values,
        )
        .encode()
    )


@functools.cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("podrole.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "visible": visible,
        "css": css_class,
        "mark": lambda value: _MARKS[css_class(value)],
        "moment": lambda seconds: _time("%Y-%m-%d %H:%M:%S", seconds),
        "clock": lambda seconds: _time("%H:%M:%S", seconds),
        "json": lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str),
        "step_state": lambda held: _STEPS[held],
        "role_name": role_name,
        "shortened": lambda text: text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…",
        "chain_url": chain_url,
        "role_url": role_url,
        "title_of": lambda code: CODES[code].title,
        "page_of": lambda code: CODES[code].page,
        "commands": _commands,
        "by_hand": _by_hand,
        "fingerprint": _fingerprint,
    }
    return templates


def visible(text: object) -> str:
    """Return a text in which each character shows itself: others are written as escapes, line breaks excepted."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in shown
    )


def css_class(value: object) -> str:
    """Return the class of a state, an outcome or the result of a step."""
    return _CLASSES.get(str(value), _NONE)


def role_name(arn: str) -> str:
    """Return a role's name, or the text itself if it is no ARN."""
    try:
        return parse_arn(arn).name
    except InvalidARN:
        return arn


def _time(form: str, seconds: float) -> str:
    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # a token's claim may be any number
        return str(seconds)


@jinja2.pass_context
def _commands(context: Mapping[str, Any], finding: Finding) -> list[str]:
    return [command.shell() for command in commands_of(finding.remedy.changes, context["tools"])]


@jinja2.pass_context
def _fingerprint(context: Mapping[str, Any], finding: Finding) -> str:
    return fingerprint(finding, context["tools"])


def _by_hand(finding: Finding) -> list[str]:
    lines = [change.text for change in finding.remedy.changes if isinstance(change, ByHand)]
    published = (change for change in finding.remedy.changes if isinstance(change, PublishDocument))
    return lines + [f"serve this at {document.url}: {document.content}" for document in published]
