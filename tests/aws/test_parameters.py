"""The input of a call is read as the SDK wrote it and as moto reads it, for every operation of every service."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from botocore.serialize import create_serializer

from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.canonical import Canonical, canonical
from podrole.aws.protocol.catalogue import Service, model, services
from podrole.aws.protocol.identify import _query_parameters
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.wire import HTTPRequest

SIMULATED = sorted(name for name, one in services().items() if one.moto is not None)
TIME = "2026-01-31T12:00:00Z"


def made(shape: Any, name: str = "x", depth: int = 0) -> Any:
    """Make a value with every member of a shape, each with a text of its own."""
    kind = shape.type_name
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if kind == "structure":
        members = shape.members.items() if depth < 6 else ()
        lists = {one.serialization.get("name") for one in shape.members.values() if one.type_name == "list"}
        made_of = {
            member: made(one, member, depth + 1)
            for member, one in members
            if not one.metadata.get("document") and member not in lists  # one name for a list and its older single
        }
        if shape.metadata.get("union"):
            return dict(list(made_of.items())[:1])
        return made_of
    if kind == "list":
        count = 1 if shape.member.type_name in ("structure", "list", "map") else 2
        return [made(shape.member, f"{name}&{number}", depth + 1) for number in range(count)] if depth < 7 else []
    if kind == "map":
        return {f"{name} key": made(shape.value, f"{name}=value", depth + 1)} if depth < 6 else {}
    values: dict[str, Any] = {"boolean": True, "timestamp": TIME, "blob": b"\x00bytes", "float": 1.5, "double": 2.5}
    if kind in values:
        return values[kind]
    return 7 if kind in ("integer", "long") else f"{name} é+/"


def sent(service: Service, operation: str, given: dict[str, Any]) -> IdentifiedCall:
    """Serialize a call as botocore does, and return it as the first station leaves it."""
    described = model(service.name).operation_model(operation)
    wire = create_serializer(service.protocol, include_validation=False).serialize_to_request(given, described)
    body = wire["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    path, _, constant = wire["url_path"].partition("?")
    pairs = wire.get("query_string") or {}
    flat = [(name, one) for name, value in pairs.items() for one in (value if isinstance(value, list) else [value])]
    query = "&".join(filter(None, (constant, *(f"{quote(str(n), safe='')}={quote(str(v), safe='')}" for n, v in flat))))
    headers = [(name.lower(), v if isinstance(v, str) else v.decode()) for name, v in wire["headers"].items()]
    data = body.encode() if isinstance(body, str) else bytes(body or b"")
    http = HTTPRequest(wire["method"], path, query, headers, data, "127.0.0.1")
    return received(service, operation, http, given)


def received(service: Service, operation: str, http: HTTPRequest, given: Mapping[str, Any]) -> IdentifiedCall:
    described = model(service.name).operation_model(operation)
    call = IdentifiedCall("id", http, 0.0, service, operation, service.protocol, "us-east-1")
    if service.protocol in ("query", "ec2"):
        call.parameters = _query_parameters(http)
    members = described.input_shape.members.items() if described.input_shape else ()
    call.path_parameters = {
        str(one.serialization.get("name", name)): str(given[name])
        for name, one in members
        if one.serialization.get("location") == "uri"
    }
    return call


def plain(value: Any, shape: Any) -> Any:
    """Return a value as both sides can be compared: times and blobs as text, empty structures left out."""
    kind = shape.type_name
    if kind == "structure":
        found = {name: plain(one, shape.members[name]) for name, one in value.items() if name in shape.members}
        return {name: one for name, one in found.items() if one not in ({}, [], None, "")}
    if kind == "list":
        return [one for one in (plain(one, shape.member) for one in value) if one not in ({}, [])]
    if kind == "map":
        return {key.lower(): plain(one, shape.value) for key, one in value.items()}
    if kind == "timestamp":
        return "a time"
    if kind == "blob":
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value
    return str(value).strip().lower() if kind != "string" else str(value).strip()


def round_trip(call: IdentifiedCall, request: Canonical, given: Mapping[str, Any]) -> IdentifiedCall:
    http = HTTPRequest(
        request.method, request.path, request.query, list(request.headers.items()), request.body, "127.0.0.1"
    )
    again = received(call.service, call.operation, http, given)
    again.protocol = "json" if call.protocol == "smithy-rpc-v2-cbor" else call.protocol
    return again


def as_sent(member: str, value: Any, shape: Any) -> Any:
    """Return a value that the client's own checks let through; None for what botocore rewrites on the way."""
    where = shape.serialization
    if where.get("jsonvalue"):
        return None
    if member in ("AccountId", "RequestRoute"):  # part of a host name
        return "111122223333"
    if member == "CopySource":
        return "/bucket/key"
    return "label" if where.get("location") == "uri" and shape.type_name == "string" else value


@pytest.mark.parametrize("name", SIMULATED)
def test_every_input_is_read_and_written_as_it_was_given(name: str) -> None:
    service = services()[name]
    for operation in model(name).operation_names:
        described = model(name).operation_model(operation)
        shape = described.input_shape
        if shape is None or described.has_event_stream_input:
            continue
        if any(one.metadata.get("document") for one in shape.members.values()):
            continue
        given = {member: as_sent(member, value, shape.members[member]) for member, value in made(shape).items()}
        given = {member: value for member, value in given.items() if value is not None}
        call = sent(service, operation, given)
        seen = parameters(call)
        expected = plain(given, shape)
        assert plain(seen, shape) == expected, operation
        again = round_trip(call, canonical(call), given)
        assert plain(parameters(again), shape) == expected, operation


@pytest.mark.services
@pytest.mark.parametrize("name", ["autoscaling", "cloudwatch", "ec2", "elbv2", "iam", "rds", "sns", "sts"])
def test_moto_reads_the_same_of_what_is_written_for_it(name: str) -> None:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.utils import get_service_model
    from werkzeug.datastructures import CombinedMultiDict, ImmutableMultiDict

    service = services()[name]
    protocol = "json" if service.protocol == "smithy-rpc-v2-cbor" else service.protocol
    theirs = get_service_model(name)
    for operation in model(name).operation_names:
        shape = model(name).operation_model(operation).input_shape
        if shape is None:
            continue
        given = made(shape)
        call = sent(service, operation, given)
        request = canonical(call)
        form = ImmutableMultiDict(
            parse_qsl(request.body.decode(), keep_blank_values=True) if protocol != "json" else []
        )
        read = PROTOCOL_PARSERS[protocol](theirs.operation_model(operation), map_type=dict).parse(
            {
                "method": request.method,
                "values": CombinedMultiDict([form]),
                "headers": request.headers,
                "body": request.body,
                "url_path": request.path,
                "url_params": {},
            }
        )
        assert plain(read, shape) == plain(parameters(call), shape), operation
