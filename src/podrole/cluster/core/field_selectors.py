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
    """Conditions on single fields, all of which must hold: (field, getter, value, equal?)."""

    terms: tuple[tuple[str, Getter, str, bool], ...] = ()

    def matches(self, obj: Object) -> bool:
        """Say whether the object is selected."""
        return all((get(obj) == value) is equal for _, get, value, equal in self.terms)

    def exactly(self, field: str) -> str | None:
        """Return the value that ``field`` must equal, None if the selector does not say."""
        return next((value for name, _, value, equal in self.terms if name == field and equal), None)


_TERM = re.compile(r"((?:\\.|[^\\=,!])*)(==|!=|=)((?:\\.|[^\\,=])*)")


@cached_for_short_texts(1024)
def parse_fields(text: str, known: SelectableFields) -> FieldSelector:
    """Read the form that ``fieldSelector`` has in a URL. Raises StatusError (400), also for a field not ``known``."""
    getters = {**_METADATA, **dict(known)}
    terms = []
    for part in re.split(r"(?<!\\),", text):
        if not part.strip():
            continue
        match = _TERM.fullmatch(part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = match.groups()
        getter = getters.get(name)
        if getter is None:
            raise bad_request(
                f"field label not supported: {name}"
                if known
                else f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )
        terms.append((name, getter, re.sub(r"\\(.)", r"\1", value), operator != "!="))
    return FieldSelector(tuple(terms))
