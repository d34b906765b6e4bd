"""The input of a call as a nested dict, as botocore's model describes it: what authorization sees.

All protocols are read into the same form, with the member names of the SDKs. Members that the model does not have are
left out; input that could be read in two ways is refused. podrole.aws.protocol.canonical writes the request for the
service from this dict, so the service never sees anything that authorization has not seen.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from podrole.aws.errors import AWSError
from podrole.aws.protocol.bodies import (
    MAX_JSON_BYTES,
    MAX_OWN_JSON_BYTES,
    cbor_of,
    content_of,
    is_small,
    json_of,
    off_loop,
)
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.catalogue import model
from podrole.aws.protocol.query_input import query_tree, structure_of_query
from podrole.aws.protocol.text_values import bytes_of, from_text, long_of
from podrole.aws.protocol.xml_input import read_xml
from podrole.iam.actions.arns import plain

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape


def parameters(call: IdentifiedCall) -> dict[str, Any]:
    """Return the operation's input, read once. Raises AWSError if it cannot be read.

    Blobs are bytes. Numbers and booleans of a query are converted. Times stay as they were sent.
    """
    if call.input is None:
        call.input = _read(call, operation_of(call))
    return call.input


async def read_large_input(call: IdentifiedCall) -> None:
    """Read the input of a call with a large or compressed body, in a worker thread. Raises AWSError."""
    if not is_small(call.http):
        await off_loop(call.http, lambda: parameters(call))


@functools.cache
def _operation(service: str, name: str) -> OperationModel:
    return model(service).operation_model(name)


@functools.cache
def _scalar_members(service: str, operation: str) -> frozenset[str]:
    shape = _operation(service, operation).input_shape
    members = shape.members.items() if shape is not None else ()
    return frozenset(
        plain(name)
        for name, member in members
        if member.type_name not in _NESTED and not (member.type_name == "list" and member.member.type_name in _NESTED)
    )


_NESTED = frozenset({"map", "structure"})


def scalar_members(call: IdentifiedCall) -> frozenset[str]:
    """Return the plain names of the operation's members that hold texts, numbers, booleans or lists of these."""
    return _scalar_members(call.service.name, call.operation)


def operation_of(call: IdentifiedCall) -> OperationModel:
    """Return the model of the operation called."""
    return _operation(call.service.name, call.operation)


def _read(call: IdentifiedCall, operation: OperationModel) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    try:
        if call.protocol in ("query", "ec2"):
            return structure_of_query(query_tree(call.parameters), shape, ec2=call.protocol == "ec2")
        if call.protocol == "json":
            return _structure_of_json(_json_body(call), shape)
        if call.protocol == "smithy-rpc-v2-cbor":
            return _structure_of_json(_cbor_body(call), shape)
        return _rest(call, shape)
    except (TypeError, ValueError, KeyError, RecursionError) as problem:
        raise _unreadable(call, str(problem)) from problem


# JSON and CBOR


_ON_THE_LOOP = frozenset({"eks", "eks-auth", "organizations"})
"""The services whose JSON podrole answers itself, on the event loop."""


def _json_body(call: IdentifiedCall) -> Any:
    body = json_of(call.http, MAX_OWN_JSON_BYTES if call.service.name in _ON_THE_LOOP else MAX_JSON_BYTES)
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise AWSError("SerializationException", 400, "", why=f"The request's body is not JSON: {problem}") from problem


def _cbor_body(call: IdentifiedCall) -> Any:
    body = cbor_of(call.http)
    if not body:
        return {}
    from botocore.parsers import BaseCBORParser

    try:
        return BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    except Exception as problem:
        raise AWSError("SerializationException", 400, "", why=f"The request's body is not CBOR: {problem}") from problem


def _structure_of_json(json_object: Any, shape: Shape) -> dict[str, Any]:
    if not isinstance(json_object, dict):
        raise ValueError("a structure is not a JSON object")  # noqa: TRY004 - the client's data
    names = _json_names(shape)
    return {
        names[token][0]: _json_value(value, names[token][1])
        for token, value in json_object.items()
        if token in names and value is not None
    }


@functools.cache
def _json_names(shape: Shape) -> dict[str, tuple[str, Any]]:
    return {
        str(member_shape.serialization.get("name", member)): (member, member_shape)
        for member, member_shape in shape.members.items()
    }


def _json_value(value: Any, shape: Shape) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if shape.metadata.get("document"):
            return value
        return _structure_of_json(value, shape)
    if kind == "list":
        if not isinstance(value, list):
            raise ValueError("a list is not a JSON array")
        return [None if element is None else _json_value(element, shape.member) for element in value]
    if kind == "map":
        if not isinstance(value, dict):
            raise ValueError("a map is not a JSON object")
        return {key: None if item is None else _json_value(item, shape.value) for key, item in value.items()}
    if kind == "blob":
        return bytes_of(value) if isinstance(value, str) else bytes(value)
    if kind in ("string", "character") and not isinstance(value, str):
        raise ValueError(f"a text is a {type(value).__name__}")
    if isinstance(value, dict | list) or (isinstance(value, bool) and kind != "boolean"):
        raise ValueError(f"a {kind} is a {type(value).__name__}")
    return long_of(value) if isinstance(value, int) else value


# REST: labels, query, headers and body


def _rest(call: IdentifiedCall, shape: Shape) -> dict[str, Any]:
    bindings = _bindings(shape)
    call_input: dict[str, Any] = {}
    for name, (member, member_shape) in bindings.labels.items():
        if name in call.path_parameters:
            call_input[member] = from_text(call.path_parameters[name], member_shape)
    for name, text in call.http.header.items():
        if name in bindings.headers:
            member, member_shape = bindings.headers[name]
            call_input[member] = _header_member(text, member_shape)
    for prefix, member in bindings.prefixes:
        headers = call.http.header.items()
        call_input[member] = {name[len(prefix) :]: text for name, text in headers if name.startswith(prefix)}
    if call.http.query:
        _read_query(call, bindings, call_input)
    if bindings.payload is not None:
        body = _payload(call, shape.members[bindings.payload])
        if body is not None:
            call_input[bindings.payload] = body
    elif bindings.in_body:
        body = _structure_of_json(_json_body(call), shape) if call.protocol == "rest-json" else _xml_body(call, shape)
        call_input.update((member, value) for member, value in body.items() if member in bindings.in_body)
    return call_input


_Bound = Mapping[str, tuple[str, "Shape"]]


class _Bindings(NamedTuple):
    """Where the members of an input are in a request, by the names they have there
    (https://smithy.io/2.0/spec/http-bindings.html)."""

    labels: _Bound
    headers: _Bound
    query: _Bound
    prefixes: tuple[tuple[str, str], ...]
    open_query: tuple[tuple[str, Shape], ...]
    payload: str | None
    in_body: frozenset[str]


@functools.cache
def _bindings(shape: Shape) -> _Bindings:
    bound: dict[str, dict[str, tuple[str, Shape]]] = {"uri": {}, "header": {}, "querystring": {}, "headers": {}}
    open_query: list[tuple[str, Shape]] = []
    outside = {shape.serialization.get("payload")}
    for member, member_shape in shape.members.items():
        where = member_shape.serialization.get("location")
        name = str(member_shape.serialization.get("name", member))
        if where is None:
            continue
        outside.add(member)
        if where == "querystring" and member_shape.type_name == "map":
            open_query.append((member, member_shape))
        elif where in bound:
            bound[where][name.lower() if where.startswith("header") else name] = (member, member_shape)
    return _Bindings(
        bound["uri"],
        bound["header"],
        bound["querystring"],
        tuple((name, member) for name, (member, _) in bound["headers"].items()),
        tuple(open_query),
        shape.serialization.get("payload"),
        frozenset(shape.members) - outside,
    )


def _read_query(call: IdentifiedCall, bindings: _Bindings, call_input: dict[str, Any]) -> None:
    query: dict[str, list[str]] = {}
    for name, value in call.http.query_pairs:
        query.setdefault(name, []).append(value)
    for name, values in query.items():
        if name in bindings.query:
            member, member_shape = bindings.query[name]
            call_input[member] = _query_member(values, member_shape, name)
    for member, member_shape in bindings.open_query:
        as_lists = member_shape.value.type_name == "list"
        fixed = constant_query(call)
        call_input[member] = {
            name: values if as_lists else values[0]
            for name, values in query.items()
            if name not in bindings.query and name not in fixed and not name.startswith("X-Amz-")
        }


def constant_query(call: IdentifiedCall) -> dict[str, str]:
    """Return the query parameters that are part of the operation's address, such as S3's ``list-type=2``."""
    constant = operation_of(call).http["requestUri"].partition("?")[2]
    return {name: value for name, _, value in (part.partition("=") for part in constant.split("&") if part)}


def _xml_body(call: IdentifiedCall, shape: Shape) -> dict[str, Any]:
    body = content_of(call.http)
    return read_xml(body, shape, from_text) if body else {}


def _query_member(values: list[str], shape: Shape, name: str) -> Any:
    if shape.type_name == "list":
        return [from_text(value, shape.member) for value in values]
    if len(values) > 1:
        raise ValueError(f"the parameter {name!r} is given twice")
    return from_text(values[0], shape)


def _header_member(text: str, shape: Shape) -> Any:
    if shape.type_name == "list":
        return [part.strip() for part in text.split(",")]
    return from_text(text, shape)


def _payload(call: IdentifiedCall, shape: Shape) -> Any:
    if shape.type_name == "blob" or shape.serialization.get("streaming"):
        return call.http.body  # its encoding belongs to the object
    body = content_of(call.http)
    if not body:
        return None
    if shape.type_name == "string":
        return body.decode()
    if call.protocol == "rest-json":
        return _json_value(_json_body(call), shape)
    return read_xml(body, shape, from_text)


def _unreadable(call: IdentifiedCall, problem: str) -> AWSError:
    why = f"The parameters of {call.action} cannot be read: {problem}."
    if call.protocol in ("query", "ec2"):
        code = "InvalidParameterValue" if call.protocol == "ec2" else "MalformedInput"
        return AWSError(code, 400, f"The request's parameters cannot be read: {problem}.", why=why)
    if call.protocol == "rest-xml":
        return AWSError(
            "MalformedXML",
            400,
            "The XML you provided was not well-formed or did not validate against our published schema",
            why=why,
        )
    return AWSError("SerializationException", 400, "", why=why)
