"""The first station: which service, which operation, with which parameters.

A request says so in one of six ways, and this station accepts exactly one answer. What could be read in two ways (a
parameter given twice, an action in the URL and another in the body) is refused here, because the stations after it, and
moto at the end, must all see the same request.
"""

from __future__ import annotations

import functools
import gzip
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus

from podrole.aws.errors import AWSError
from podrole.aws.protocol import catalogue
from podrole.aws.protocol.catalogue import Service
from podrole.aws.protocol.wire import HTTPRequest

if TYPE_CHECKING:
    from botocore.model import OperationModel

DEFAULT_REGION = "us-east-1"
_FORM = "application/x-www-form-urlencoded"
_RPC_PATH = re.compile(r"/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)")
_VIRTUAL_HOST = re.compile(r"(.+?)\.(?:s3[.-].*|(?<!s3\.)localhost(?::[0-9]+)?)")
_SCOPE = re.compile(r"Credential=[^/,\s]+/[^/,]*/(?P<region>[^/,]*)/(?P<service>[^/,]*)/")


@dataclass(slots=True)
class ServiceRequest:
    """One call, understood, and filled in by station after station.

    ``parameters`` are the form's or the query's of a query service, flat and decoded; ``path_parameters`` the labels
    of the path, decoded. ``principal`` is who turned out to call, and ``explanation`` what there is to know about a
    call that is allowed, both for the event log. ``input`` is the operation's input once
    podrole.aws.protocol.parameters has read it. Authorization fills in ``account``, in which the service acts,
    and ``refused_keys``: the objects that S3's DeleteObjects must leave, each with the reason.
    """

    id: str
    http: HTTPRequest
    received_at: float
    service: Service | None = None
    operation: str = ""
    protocol: str = "query"
    region: str = DEFAULT_REGION
    parameters: Mapping[str, str] = field(default_factory=dict)
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    principal: str = "unauthenticated"
    explanation: Mapping[str, Any] | None = None
    input: dict[str, Any] | None = None
    account: str = ""
    refused_keys: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    @property
    def action(self) -> str:
        """The operation as ``service:Operation``, for people."""
        return f"{self.service.name if self.service else 'unknown'}:{self.operation or 'Unknown'}"


def identify(call: ServiceRequest) -> None:
    """Fill in service, operation, protocol, region and parameters, as far as they are known when it raises AWSError."""
    http = call.http
    scope = _claimed_scope(http)
    candidates: tuple[Service, ...] = ()
    if scope is not None:
        call.region = scope[0] or DEFAULT_REGION
        candidates = catalogue.by_signing_name().get(scope[1], ())
    target = http.header.get("x-amz-target")
    rpc = _RPC_PATH.fullmatch(http.path) if "smithy-protocol" in http.header else None
    if rpc is not None:
        _from_rpc(call, candidates, rpc)
    elif target is not None:
        _from_target(call, candidates, target)
    elif _is_query(http, candidates):
        _from_query(call, candidates)
    else:
        _from_path(call, candidates or (catalogue.services()["s3"],))


def partition_of(region: str) -> str:
    """Return the partition that a region is in."""
    return next((partition for prefix, partition in _PARTITIONS if region.startswith(prefix)), "aws")


# https://docs.aws.amazon.com/general/latest/gr/rande.html
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
)


def body_of(http: HTTPRequest) -> bytes:
    """Return the body without the compression that SDKs may put on it."""
    if http.header.get("content-encoding", "").lower() != "gzip" or not http.body:
        return http.body
    try:
        return gzip.decompress(http.body)
    except (OSError, EOFError, zlib.error):
        raise AWSError("MalformedInput", 400, "The request's body is not the gzip that it says it is.") from None


def _claimed_scope(http: HTTPRequest) -> tuple[str, str] | None:
    """Return region and signing name as the request claims them; nothing is believed of it but where to look."""
    text = http.header.get("authorization")
    if text is None:
        credential = next((value for name, value in http.query_pairs if name == "X-Amz-Credential"), None)
        text = f"Credential={credential}/" if credential is not None else ""
    found = _SCOPE.search(text)
    return (found["region"], found["service"]) if found else None


def _from_rpc(call: ServiceRequest, candidates: tuple[Service, ...], rpc: re.Match[str]) -> None:
    call.protocol = "smithy-rpc-v2-cbor"
    named = [service for service in candidates if service.protocol == "smithy-rpc-v2-cbor"]
    if len(named) > 1:
        named = [service for service in named if service.target in (None, rpc["service"])]
    call.service = named[0] if named else None
    _require_operation(call, rpc["operation"])


def _from_target(call: ServiceRequest, candidates: tuple[Service, ...], target: str) -> None:
    call.protocol = "json"
    prefix, _, operation = target.rpartition(".")
    by_prefix = catalogue.by_target_prefix().get(prefix, ())
    named = [service for service in by_prefix if not candidates or service in candidates]
    named = [service for service in named if operation in _operations(service.name)] or named
    named.sort(key=lambda service: service.moto is None)
    call.service = named[0] if named else (candidates[0] if candidates else None)
    _require_operation(call, operation if named else target)


def _is_query(http: HTTPRequest, candidates: tuple[Service, ...]) -> bool:
    if http.path != "/" or (candidates and not any(map(_speaks_query, candidates))):
        return False
    if candidates and all(map(_speaks_query, candidates)):
        return True
    if http.header.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        return bool(candidates) or b"Action=" in http.body
    return any(name == "Action" for name, _ in http.query_pairs)


def _speaks_query(service: Service) -> bool:
    return "query" in service.protocols or "ec2" in service.protocols


def _from_query(call: ServiceRequest, candidates: tuple[Service, ...]) -> None:
    candidates = tuple(filter(_speaks_query, candidates))
    if candidates:  # so that an error below is already in the service's own shape
        call.service = candidates[0]
        call.protocol = "ec2" if "ec2" in candidates[0].protocols else "query"
    if call.http.method not in ("GET", "POST"):
        raise AWSError("InvalidAction", 400, f"The method {call.http.method} is not one of GET and POST.")
    call.parameters = parameters = _query_parameters(call.http)
    action, version = parameters.get("Action", ""), parameters.get("Version", "")
    of_version = catalogue.by_version().get(version, ())
    named = [service for service in of_version if not candidates or service in candidates]
    if len(named) > 1:  # a version is shared: the operation decides, and of RDS and its descendants the eldest
        named = [service for service in named if action in _operations(service.name)]
        named.sort(key=lambda service: service.name != service.signing)
    if not named:
        raise _no_operation(action, version)
    call.service = named[0]
    call.protocol = "ec2" if "ec2" in named[0].protocols else "query"
    if action not in _operations(named[0].name):
        raise _no_operation(action, version)
    call.operation = action


def _query_parameters(http: HTTPRequest) -> dict[str, str]:
    """Return the parameters of the form or, for a GET, of the URL. A parameter given twice is refused."""
    if http.method == "POST":
        if any(not name.startswith("X-Amz-") for name, _ in http.query_pairs):
            raise AWSError("MalformedQueryString", 400, "The parameters of a POST are in its body, not in its URL.")
        try:
            pairs = [part.partition("=") for part in body_of(http).decode().split("&") if part]
        except UnicodeDecodeError:
            raise AWSError("MalformedQueryString", 400, "The request's body is not UTF-8.") from None
    else:
        pairs = [part.partition("=") for part in http.query.split("&") if part]
    found: dict[str, str] = {}
    for raw_name, _, raw_value in pairs:
        try:
            name, value = _unquoted(raw_name), _unquoted(raw_value)
        except UnicodeDecodeError:
            raise AWSError("MalformedQueryString", 400, "A parameter is not UTF-8.") from None
        if name in found:
            raise AWSError("MalformedQueryString", 400, f"The parameter {name!r} is given twice.")
        found[name] = value
    return found


def _unquoted(text: str) -> str:
    """Decode a name or value of a form. Most, tokens above all, have nothing to decode."""
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _from_path(call: ServiceRequest, candidates: tuple[Service, ...]) -> None:
    call.service, call.protocol = candidates[0], candidates[0].protocol
    query = {name: value for name, value in call.http.query_pairs if not name.startswith("X-Amz-")}
    path = _s3_path(call.http) if candidates[0].name == "s3" else call.http.path
    best: tuple[tuple[object, ...], Service, _Route, re.Match[str]] | None = None
    for service in candidates:
        if not service.protocol.startswith("rest-"):
            continue
        for route in _routes(service.name):
            match = route.matches(call.http, path, query)
            rank = (*route.rank, service.moto is not None, service.name == service.signing)
            if match is not None and (best is None or rank > best[0]):
                best = (rank, service, route, match)
    if best is None:
        raise AWSError(
            "UnknownOperationException",
            404,
            "",
            why=f"No operation of {candidates[0].name} has the path {call.http.path!r} for {call.http.method}.",
        )
    _, call.service, route, match = best
    call.protocol, call.operation = call.service.protocol, route.operation
    call.path_parameters = route.labels(match)


def _s3_path(http: HTTPRequest) -> str:
    """Return the path with the bucket that a virtual host names
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html)."""
    bucket = _VIRTUAL_HOST.fullmatch(http.header.get("host", ""))
    return f"/{bucket[1]}{http.path}" if bucket is not None else http.path


@dataclass(frozen=True, slots=True)
class _Route:
    """The HTTP binding of one operation (https://smithy.io/2.0/spec/http-bindings.html)."""

    operation: str
    method: str
    pattern: re.Pattern[str]
    names: Mapping[str, str]
    required_query: tuple[tuple[str, str | None], ...]
    required_headers: tuple[str, ...]
    rank: tuple[int, int, bool]

    def matches(self, http: HTTPRequest, path: str, query: Mapping[str, str]) -> re.Match[str] | None:
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
def _routes(service: str) -> tuple[_Route, ...]:
    model = catalogue.model(service)
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: OperationModel) -> _Route:
    path, _, query_text = operation.http["requestUri"].partition("?")
    required: list[tuple[str, str | None]] = []
    for part in filter(None, query_text.split("&")):
        name, equals, value = part.partition("=")
        required.append((name, value if equals and value else None))
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
    return _Route(
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


@functools.cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(catalogue.model(service).operation_names)


def _require_operation(call: ServiceRequest, operation: str) -> None:
    if call.service is None or operation not in _operations(call.service.name):
        raise AWSError("UnknownOperationException", 400, "", why=f"No service has the operation {operation!r}.")
    call.operation = operation


def _no_operation(action: str, version: str) -> AWSError:
    return AWSError("InvalidAction", 400, f"Could not find operation {action} for version {version}")
