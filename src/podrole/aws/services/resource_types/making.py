"""A resource that is made, and the calls that make it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Properties = Mapping[str, Any]


class Making(NamedTuple):
    """A resource that is made or changed: its physical name, its properties without references, and its place."""

    name: str
    properties: Properties
    account: str
    region: str


class ServiceCall(NamedTuple):
    """A call of a service, with its input as botocore's model has it."""

    service: str
    operation: str
    given: dict[str, Any]


Calls = Callable[[Making], Iterator[ServiceCall]]


def text_of(document: Any) -> str:
    """Return a document as text: templates have it as text or as an object."""
    return document if isinstance(document, str) else json.dumps(document, default=str)


def listed(value: Any) -> list[Any]:
    """Return a property that may be one value, a list of them or missing as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def present(**values: Any) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
