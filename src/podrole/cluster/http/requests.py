"""An HTTP request: its parsed path, its query, its headers, its body.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from podrole.base.asgi import BodyTooLarge, Message, Receive, Scope, Send, read_body
from podrole.cluster.core.errors import bad_request, too_large
from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.custom import CustomKinds
from podrole.cluster.kinds.registry import BY_PATH
from podrole.cluster.wire.bodies import MAX_BYTES

_TRUE, _FALSE = (
    frozenset({"1", "t", "T", "TRUE", "true", "True"}),
    frozenset({"0", "f", "F", "FALSE", "false", "False"}),
)

_MAX_PARAMETERS = 1000
_MAX_DISCARDED = 64 * 1024 * 1024


class Request:
    """One HTTP request, or the opening of one WebSocket."""

    __slots__ = (
        "_headers",
        "_query",
        "_send",
        "answered",
        "header_list",
        "method",
        "path",
        "query_string",
        "receive",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self.answered = False
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self.query_string: bytes = scope.get("query_string", b"")
        self.header_list: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers: dict[bytes, bytes] | None = None
        self._query: dict[str, list[str]] | None = None

    async def send(self, message: Message) -> None:
        """Send an ASGI message; ``answered`` tells afterwards that the answer has begun."""
        self.answered = True
        await self._send(message)

    def header(self, name: bytes) -> str | None:
        """Return a header's value, decoded as latin-1 as HTTP has it; ``name`` is lower case."""
        if self._headers is None:
            self._headers = dict(self.header_list)
        value = self._headers.get(name)
        return value.decode("latin-1") if value is not None else None

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, each with its values in order."""
        if self._query is None:
            text = self.query_string.decode("utf-8", "replace")
            try:
                self._query = parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS) if text else {}
            except ValueError:
                raise bad_request(f"the query has more than {_MAX_PARAMETERS} parameters") from None
        return self._query

    def parameter(self, name: str) -> str:
        """Return a query parameter, the first of several, '' if there is none."""
        values = self.query.get(name)
        return values[0] if values else ""

    def flag(self, name: str) -> bool | None:
        """Return a boolean parameter, None if it is not set. Raises StatusError (400)."""
        text = self.parameter(name)
        if not text:
            return None if name not in self.query else True
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise bad_request(f'{name}: strconv.ParseBool: parsing "{text}": invalid syntax')

    def number(self, name: str) -> int | None:
        """Return an integer parameter, None if it is not set. Raises StatusError (400)."""
        text = self.parameter(name)
        if not text:
            return None
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise bad_request(f'{name}: strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    async def body(self) -> bytes:
        """Read the whole body. Raises ClientDisconnected, and StatusError (413) for one that is longer than allowed."""
        try:
            return await read_body(self.receive, MAX_BYTES, discard_up_to=_MAX_DISCARDED)
        except BodyTooLarge as refused:
            raise too_large(f"limit is {refused.limit}") from None


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """What a path names, whether the resource exists or not: authorization comes before the lookup."""

    group: str
    version: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A resource of this server, one of its objects, or what is below that. ``name`` is empty for a collection."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


_BELOW_NAMESPACES = ("status", "finalize")


def parse_path(raw_path: str) -> ResourcePath | None:
    """Parse a path; return None if it does not have the form of a resource's path."""
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if "" in (version, *rest):
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        # /namespaces/n/status is the namespace's own; /namespaces/n/pods is in it.
        if len(rest) > 2 and rest[2] not in _BELOW_NAMESPACES:
            rest = rest[2:]
    name, subresource = (rest[1] if len(rest) > 1 else ""), (rest[2] if len(rest) > 2 else "")
    return ResourcePath(group, version, rest[0], namespace, name, subresource, rest=len(rest) > 3)


def target_of(named: ResourcePath, custom: CustomKinds) -> Target | None:
    """Return the resource of this server that a path names, None if there is none."""
    path = (named.group, named.version, named.resource)
    resource = BY_PATH.get(path) or custom.by_path(*path)
    if resource is None or named.rest:
        return None
    namespace = "" if resource.plural == "namespaces" else named.namespace
    # A namespaced object is reached through its namespace; only its collection is there across all of them.
    if resource.namespaced != bool(namespace) and not (resource.namespaced and not named.name):
        return None
    if named.subresource and resource.subresource(named.subresource) is None:
        return None
    return Target(resource, namespace, named.name, named.subresource)
