"""The first station: which operation of which service a request asks for, with which parameters.

There are six forms of a request. A request that could be read in two ways (a parameter given twice, one action in the
URL and another in the body) is refused here, because the stations after it, and moto at the end, must all see the same
request.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

from podrole.aws.errors import AWSError
from podrole.aws.protocol import catalogue
from podrole.aws.protocol.bodies import MAX_STS_FORM_BYTES, MAX_URL_PARAMETERS, form_of, too_large
from podrole.aws.protocol.call import IdentifiedCall, ReceivedRequest, UnidentifiedRequest
from podrole.aws.protocol.catalogue import Service
from podrole.aws.protocol.cbor import PROTOCOL
from podrole.aws.protocol.hosts import AWSHost, aws_host
from podrole.aws.protocol.routes import routes_of
from podrole.aws.protocol.wire import HTTPRequest
from podrole.base.short_texts import cached_for_short_texts

DEFAULT_REGION = "us-east-1"
_FORM = "application/x-www-form-urlencoded"
_RPC_PATH = re.compile(r"/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)")
_VIRTUAL_HOST = re.compile(r"(.+?)\.(?:s3[.-].*|(?<!s3\.)localhost(?::[0-9]+)?)")
_SCOPE = re.compile(r"Credential=[^/,\s]{1,128}/[^/,]{0,64}/(?P<region>[^/,]{0,64})/(?P<service>[^/,]{0,64})/")


def identify(request: ReceivedRequest) -> IdentifiedCall:
    """Return the one operation that a request asks for. Raises UnidentifiedRequest.

    Believes what the request says of itself (the credential scope in its Authorization header), only to know where to
    look: nothing is verified here.
    """
    http = request.http
    if http.query.count("&") >= MAX_URL_PARAMETERS:
        raise UnidentifiedRequest(too_large(), None, "query")
    scope = _claimed_scope(http)
    host = aws_host(http.header.get("host", ""))
    region = host.region if host is not None else ""
    candidates: tuple[Service, ...] = ()
    if scope is not None:
        region = scope[0]
        candidates = catalogue.by_signing_name().get(scope[1], ())
    if host is not None:
        candidates = _at_host(host, candidates)
    target = http.header.get("x-amz-target")
    rpc = _RPC_PATH.fullmatch(http.path) if "smithy-protocol" in http.header else None
    if rpc is not None:
        reading = _from_rpc(candidates, rpc)
    elif target is not None:
        reading = _from_target(candidates, target)
    elif _is_query(http, candidates):
        reading = _from_query(http, candidates)
    else:
        reading = _from_path(http, candidates or (catalogue.services()["s3"],))
    return IdentifiedCall(
        request.id,
        http,
        request.received_at,
        reading.service,
        reading.operation,
        reading.protocol,
        region or DEFAULT_REGION,
        reading.parameters,
        reading.path_parameters,
    )


def _at_host(host: AWSHost, claimed: tuple[Service, ...]) -> tuple[Service, ...]:
    """Return the services that answer at a host, those that the request claims if they do. A signature for another
    service is refused later. Raises UnidentifiedRequest."""
    if not host.services:
        s3 = catalogue.services()["s3"]
        text = f"podrole's local AWS does not simulate what answers at {host.stem}."
        raise UnidentifiedRequest(AWSError("NotImplemented", 501, text), s3, s3.protocol)
    there = [catalogue.services()[name] for name in host.services]
    there.sort(key=lambda service: service.name != service.signing)
    return tuple(service for service in claimed if service in there) or tuple(there)


class _Reading(NamedTuple):
    """What a request asks for."""

    service: Service
    protocol: str
    operation: str
    parameters: Mapping[str, str] = {}
    path_parameters: Mapping[str, str] = {}


def _claimed_scope(http: HTTPRequest) -> tuple[str, str] | None:
    """Return the region and the signing name that the request claims. Not verified: they only say where to look."""
    text = http.header.get("authorization")
    if text is None:
        if not http.query:
            return None
        credential = next((value for name, value in http.query_pairs if name == "X-Amz-Credential"), "")
        text = f"Credential={credential}/"
    scope = _SCOPE.search(text)
    return (scope["region"], scope["service"]) if scope else None


def _from_rpc(candidates: tuple[Service, ...], rpc: re.Match[str]) -> _Reading:
    named = [service for service in candidates if service.protocol == PROTOCOL]
    if len(named) > 1:
        named = [service for service in named if service.target in (None, rpc["service"])]
    return _reading(named[0] if named else None, PROTOCOL, rpc["operation"])


def _from_target(candidates: tuple[Service, ...], target: str) -> _Reading:
    prefix, _, operation = target.rpartition(".")
    by_prefix = catalogue.by_target_prefix().get(prefix, ())
    named = [service for service in by_prefix if not candidates or service in candidates]
    named = [service for service in named if operation in _operations(service.name)] or named
    if not named:
        raise _unknown_operation(candidates[0] if candidates else None, "json", target)
    return _reading(named[0], "json", operation)


def _reading(service: Service | None, protocol: str, operation: str) -> _Reading:
    if service is None or operation not in _operations(service.name):
        raise _unknown_operation(service, protocol, operation)
    return _Reading(service, protocol, operation)


def _unknown_operation(service: Service | None, protocol: str, operation: str) -> UnidentifiedRequest:
    error = AWSError("UnknownOperationException", 400, "", why=f"No service has the operation {operation!r}.")
    return UnidentifiedRequest(error, service, protocol)


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


def _query_protocol(service: Service) -> str:
    return "ec2" if "ec2" in service.protocols else "query"


def _from_query(http: HTTPRequest, candidates: tuple[Service, ...]) -> _Reading:
    candidates = tuple(filter(_speaks_query, candidates))
    service = candidates[0] if candidates else None
    try:
        parameters = _query_parameters(http)
    except AWSError as error:
        raise _unidentified_query(error, service) from error
    action, version = parameters.get("Action", ""), parameters.get("Version", "")
    of_version = catalogue.by_version().get(version, ())
    named = [candidate for candidate in of_version if not candidates or candidate in candidates]
    if len(named) > 1:  # services share a version: the operation decides, and RDS comes before DocumentDB and Neptune
        named = [candidate for candidate in named if action in _operations(candidate.name)]
        named.sort(key=lambda candidate: candidate.name != candidate.signing)
    if not named or action not in _operations(named[0].name):
        text = f"Could not find operation {action} for version {version}"
        raise _unidentified_query(AWSError("InvalidAction", 400, text), named[0] if named else service)
    if named[0].name == "sts" and sum(map(len, parameters.values())) > MAX_STS_FORM_BYTES:
        raise _unidentified_query(too_large(), named[0])
    return _Reading(named[0], _query_protocol(named[0]), action, parameters)


def _unidentified_query(error: AWSError, service: Service | None) -> UnidentifiedRequest:
    return UnidentifiedRequest(error, service, "query" if service is None else _query_protocol(service))


def _query_parameters(http: HTTPRequest) -> dict[str, str]:
    """Return the parameters of the form or, for a GET, of the URL. A parameter given twice is refused."""
    if http.method not in ("GET", "POST"):
        raise AWSError("InvalidAction", 400, f"The method {http.method} is not one of GET and POST.")
    if http.method == "POST":
        if http.query and any(not name.startswith("X-Amz-") for name, _ in http.query_pairs):
            raise AWSError("MalformedQueryString", 400, "The parameters of a POST are in its body, not in its URL.")
        try:
            pairs = [part.partition("=") for part in form_of(http).decode().split("&") if part]
        except UnicodeDecodeError:
            raise AWSError("MalformedQueryString", 400, "The request's body is not UTF-8.") from None
    else:
        pairs = [part.partition("=") for part in http.query.split("&") if part]
    parameters: dict[str, str] = {}
    for raw_name, _, raw_value in pairs:
        try:
            name, value = _unquoted(raw_name), _unquoted(raw_value)
        except UnicodeDecodeError:
            raise AWSError("MalformedQueryString", 400, "A parameter is not UTF-8.") from None
        if name in parameters:
            raise AWSError("MalformedQueryString", 400, f"The parameter {name!r} is given twice.")
        parameters[name] = value
    return parameters


def _unquoted(text: str) -> str:
    """Decode a name or value of a form. Most, tokens above all, contain no escapes."""
    if "%" not in text and "+" not in text:
        return text
    return _unquoted_arn(text) if text.startswith("arn%3A") else unquote_plus(text, errors="strict")


@cached_for_short_texts(1024)
def _unquoted_arn(text: str) -> str:
    """Decode an ARN: the same ones stand in many requests. No other value is kept, because it may be a secret."""
    return unquote_plus(text, errors="strict")


def _from_path(http: HTTPRequest, candidates: tuple[Service, ...]) -> _Reading:
    query = dict(http.query_pairs)
    path = _s3_path(http) if candidates[0].name == "s3" else http.path
    fitting = [
        (service, route, match)
        for service in candidates
        if service.protocol.startswith("rest-")
        for route in routes_of(service.name)
        if (match := route.matches(http, path, query)) is not None
    ]
    if not fitting:
        first = candidates[0]
        why = f"No operation of {first.name} has the path {http.path!r} for {http.method}."
        raise UnidentifiedRequest(AWSError("UnknownOperationException", 404, "", why=why), first, first.protocol)
    service, route, match = max(fitting, key=lambda fit: (*fit[1].rank, fit[0].name == fit[0].signing))
    try:
        labels = route.labels(match)
    except AWSError as error:
        raise UnidentifiedRequest(error, service, service.protocol, route.operation) from error
    return _Reading(service, service.protocol, route.operation, path_parameters=labels)


def _s3_path(http: HTTPRequest) -> str:
    """Return the path with the bucket that a virtual host names
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html)."""
    named = http.header.get("host", "")
    host = aws_host(named)
    if host is not None:
        return f"/{host.prefix}{http.path}" if host.prefix else http.path
    bucket = _VIRTUAL_HOST.fullmatch(named)
    return f"/{bucket[1]}{http.path}" if bucket is not None else http.path


@functools.cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(catalogue.model(service).operation_names)
