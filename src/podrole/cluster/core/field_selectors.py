"""Field selectors: conditions on single fields of an object.

https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podrole.base.short_texts import cached_for_short_texts
from podrole.cluster.core.errors import bad_request

Object = dict[str, Any]

Getter = Callable[[Object], str]
SelectableFields = tuple[tuple[str, Getter], ...]
"""The fields by which objects of a kind can be selected, besides their name and namespace."""


def at(*path: str, default: str = "") -> Getter:
    """Return a getter of the value at a path, as a selector compares it; ``default`` if the object has none."""

    def get(obj: Object) -> str:
        value: Any = obj
        for key in path:
            if not isinstance(value, dict):
                return default
            value = value.get(key)
        if value is None:
            return default
        return str(value).lower() if isinstance(value, bool) else str(value)

    return get


_METADATA = {"metadata.name": at("metadata", "name"), "metadata.namespace": at("metadata", "namespace")}


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions on single fields, all of which must hold: (field, getter, values, is it one of them?).

    No field has more than two.
    """

    terms: tuple[tuple[str, Getter, frozenset[str], bool], ...] = ()

    def matches(self, obj: Object) -> bool:
        """Say whether the object is selected."""
        return all((get(obj) in values) is wanted for _, get, values, wanted in self.terms)

    def exactly(self, field: str) -> str | None:
        """Return the value that ``field`` must equal, None if the selector does not say."""
        return next(
            (value for name, _, values, wanted in self.terms if name == field and wanted for value in values), None
        )


_TERM = re.compile(r"((?:\\.|[^\\=,!])*)(==|!=|=)((?:\\.|[^\\,=])*)")


@cached_for_short_texts(1024)
def parse_fields(text: str, known: SelectableFields) -> FieldSelector:
    """Read the form that ``fieldSelector`` has in a URL. Raises StatusError (400), also for a field not ``known``."""
    getters = {**_METADATA, **dict(known)}
    terms: dict[tuple[str, bool], list[str]] = {}
    for part in re.split(r"(?<!\\),", text):
        if not part.strip():
            continue
        match = _TERM.fullmatch(part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = match.groups()
        if name not in getters:
            raise bad_request(
                f"field label not supported: {name}"
                if known
                else f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )
        terms.setdefault((name, operator != "!="), []).append(re.sub(r"\\(.)", r"\1", value))
    return FieldSelector(
        tuple((name, getters[name], _together(values, wanted), wanted) for (name, wanted), values in terms.items())
    )


def _together(values: list[str], wanted: bool) -> frozenset[str]:
    """Return the values of several conditions of one kind as one: nothing equals two different values."""
    together = frozenset(values)
    return frozenset() if wanted and len(together) > 1 else together
