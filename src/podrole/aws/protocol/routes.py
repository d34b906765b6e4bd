"""Which path, query parameters and headers select which operation of a REST service.

The HTTP bindings of botocore's model (https://smithy.io/2.0/spec/http-bindings.html).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from podrole.aws.errors import AWSError
from podrole.aws.protocol import catalogue
from podrole.aws.protocol.wire import HTTPRequest

if TYPE_CHECKING:
    from botocore.model import OperationModel


@dataclass(frozen=True, slots=True)
class Route:
    """The HTTP binding of one operation (https://smithy.io/2.0/spec/http-bindings.html)."""

    operation: str
    method: str
    pattern: re.Pattern[str]
    names: Mapping[str, str]
    required_query: tuple[tuple[str, str | None], ...]
    required_headers: tuple[str, ...]
    rank: tuple[int, int, bool]

    def matches(self, http: HTTPRequest, path: str, query: Mapping[str, str]) -> re.Match[str] | None:
        """Return the match of the path if a request fits the binding, None if it does not."""
        if http.method != self.method:
            return None
        for name, value in self.required_query:
            if name not in query or value not in (None, query[name]):
                return None
        if any(name not in http.header for name in self.required_headers):
            return None
        return self.pattern.fullmatch(path)

    def labels(self, match: re.Match[str]) -> dict[str, str]:
        """Return the path's labels by the names that the URI template gives them, decoded."""
        try:
            return {self.names[group]: unquote(text, errors="strict") for group, text in match.groupdict().items()}
        except UnicodeDecodeError:
            raise AWSError("InvalidURI", 400, "Couldn't parse the specified URI.") from None


@functools.cache
def routes_of(service: str) -> tuple[Route, ...]:
    """Return the bindings of every operation of a service, by botocore's name of it."""
    model = catalogue.model(service)
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: OperationModel) -> Route:
    path, _, query_text = operation.http["requestUri"].partition("?")
    required: list[tuple[str, str | None]] = []
    for part in filter(None, query_text.split("&")):
        name, _, value = part.partition("=")
        required.append((name, value or None))
    headers: list[str] = []
    shape = operation.input_shape
    if shape is not None:
        for member in shape.required_members:
            where: dict[str, Any] = shape.members[member].serialization
            if where.get("location") == "querystring":
                required.append((where["name"], None))
            elif where.get("location") == "header":
                headers.append(where["name"].lower())
    literal = len(re.sub(r"\{[^}]*\}", "", path))
    return Route(
        operation.name,
        operation.http["method"],
        re.compile("".join(_pattern_parts(path)) + "/?"),
        {_group(name): name.removesuffix("+") for name in re.findall(r"\{([^}]*)\}", path)},
        tuple(required),
        tuple(headers),
        (literal, len(required) + len(headers), not operation.deprecated),
    )


def _pattern_parts(path: str) -> Iterable[str]:
    for part in re.split(r"(\{[^}]*\})", path.rstrip("/")):
        if part.startswith("{"):
            name = part.strip("{}")
            yield f"(?P<{_group(name)}>.+)" if name.endswith("+") else f"(?P<{_group(name)}>[^/]+)"
        else:
            yield re.escape(part)


def _group(label: str) -> str:
    return re.sub(r"\W", "_", label.removesuffix("+"))
