"""The columns of custom resources, their cells found by JSONPath.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, cast

from podrole.cluster.tables.cells import UNKNOWN, age, human_duration, seconds_of
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout

Object = dict[str, Any]
Step = Callable[[Any], Iterator[Any]]

_STEP = re.compile(
    r"""\.?(?P<name>[A-Za-z_$][\w$-]*|\d[\w-]*)
    | \[(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote)).)+)(?P=quote)\]
    | \.?\[(?P<index>-?\d+)\]
    | \.?\[(?P<all>\*)\]
    | \.?\[\?\(\s*@(?P<path>(?:\.[\w-]+)+)\s*(?P<operator>==|!=)\s*
      (?P<value>"[^"]*"|'[^']*'|true|false|-?\d+)\s*\)\]""",
    re.VERBOSE,
)
_TYPES: Mapping[str, Literal["string", "integer", "boolean", "date"]] = {
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
}
MAX_PATH = 1_000
"""Characters of a path. A longer one is not looked up: its cells stay empty."""


def table_of(version: Mapping[str, Any]) -> TableLayout:
    """Return the table of a version: its own columns, or the age if it has none."""
    printer_columns = version.get("additionalPrinterColumns") or ()
    columns, cells = [NAME], []
    for each in printer_columns:
        path = each["jsonPath"]
        text = each.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
        kind = _TYPES.get(each["type"], "string")
        columns.append(Column(each["name"], description=text, type=kind, wide=bool(each.get("priority"))))
        cells.append(_cell(path, each["type"]))
    if not printer_columns:
        columns.append(AGE)

    def row(obj: Object, now: float) -> list[Any]:
        own = [cell(obj, now) for cell in cells]
        return [obj["metadata"]["name"], *(own if printer_columns else [age(obj, now)])]

    return TableLayout(tuple(columns), row)


def compiled(path: str) -> tuple[Step, ...] | None:
    """Return the steps of a JSONPath, None for one that podrole does not understand."""
    text = path.removeprefix("{").removesuffix("}").removeprefix("$")
    matches = list(_STEP.finditer(text)) if len(path) <= MAX_PATH else []
    if not matches or "".join(match[0] for match in matches) != text:
        return None
    return tuple(_step(match) for match in matches)


def first(steps: tuple[Step, ...], obj: Any) -> Any:
    """Return the first value that a path leads to, None if there is none."""
    if not steps:
        return obj
    return next((value for below in steps[0](obj) if (value := first(steps[1:], below)) is not None), None)


def _step(match: re.Match[str]) -> Step:
    key = match["name"] or match["quoted"]
    if key is not None:
        return lambda value: iter([value[key]] if isinstance(value, dict) and key in value else [])
    if match["index"] is not None:
        index = int(match["index"])
        return lambda value: iter(value[index : index + 1 or None] if isinstance(value, list) else [])
    if match["all"]:
        return lambda value: iter(value if isinstance(value, list) else [])
    names = match["path"].strip(".").split(".")
    wanted: Any = match["value"]
    wanted = wanted[1:-1] if wanted[0] in "\"'" else json.loads(wanted)
    equal = match["operator"] == "=="

    def selected(value: Any) -> Iterator[Any]:
        for item in value if isinstance(value, list) else ():
            reached = item
            for name in names:
                reached = reached.get(name) if isinstance(reached, dict) else None
            if reached is not None and (reached == wanted and type(reached) is type(wanted)) is equal:
                yield item

    return selected


def _cell(path: str, kind: str) -> Callable[[Object, float], Any]:
    steps = compiled(path)

    def cell(obj: Object, now: float) -> Any:
        value = first(steps, obj) if steps is not None else None
        if kind == "date":
            return _date(value, now)
        if value is None:
            return ""
        if kind == "string":
            return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        fits = _FITS.get(kind)
        return value if fits is None or fits(value) else ""

    return cell


def _date(value: Any, now: float) -> str:
    if value is None:
        return UNKNOWN
    try:
        return human_duration(now - seconds_of(cast("str", value)))
    except (ValueError, TypeError):
        return "<invalid>"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "integer": _is_number,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
}
