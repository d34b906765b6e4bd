"""The request that the service sees: rebuilt from the operation and its input.

moto reads requests loosely. It takes an action or a parameter from the query string, a header or the form, accepts
several spellings, and recognizes some operations of S3 by one word in the query. So it never sees what the client sent,
only what an SDK would send for the authorized operation and input. Unknown members, headers and query parameters are
dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import constant_query, operation_of, parameters
from podrole.aws.protocol.query_input import query_name
from podrole.iam.actions.s3 import copy_source

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Canonical:
    """One request. ``path`` and ``query`` are percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


def canonical(call: IdentifiedCall) -> Canonical:
    """Return the request for the service. Raises AWSError if the input could be read in two ways."""
    operation = operation_of(call)
    call_input = parameters(call)
    if call.protocol in ("query", "ec2"):
        pairs = {"Action": call.operation, "Version": operation.service_model.api_version}
        pairs.update(_query_pairs(call_input, operation.input_shape, ec2=call.protocol == "ec2"))
        return Canonical("POST", "/", "", {"content-type": _FORM}, urlencode(pairs).encode())
    if call.protocol in ("json", "smithy-rpc-v2-cbor"):
        metadata = operation.metadata
        headers = {
            "x-amz-target": f"{metadata['targetPrefix']}.{call.operation}",
            "content-type": f"application/x-amz-json-{metadata.get('jsonVersion', '1.0')}",
        }
        return Canonical(
            "POST", "/", _marker(call), headers, _escaped(_json_structure(call_input, operation.input_shape))
        )
    return _rest(call, operation, call_input)


def _marker(call: IdentifiedCall) -> str:
    # Without a query string moto reads the body as one. SDKs send this parameter to S3.
    return f"x-id={call.operation}"


# Query


def _query_pairs(members: Mapping[str, Any], shape: Shape, *, ec2: bool, prefix: str = "") -> Iterator[tuple[str, str]]:
    for member, value in members.items():
        member_shape = shape.members[member]
        name = query_name(member, member_shape, ec2=ec2)
        yield from _query_value(value, member_shape, f"{prefix}.{name}" if prefix else name, ec2=ec2)


def _query_value(value: Any, shape: Shape, name: str, *, ec2: bool) -> Iterator[tuple[str, str]]:
    kind = shape.type_name
    if kind == "structure":
        yield from _query_pairs(value, shape, ec2=ec2, prefix=name)
    elif kind == "list":
        if not value and not ec2:
            yield name, ""
        flat = ec2 or shape.serialization.get("flattened")
        stem = name if flat else f"{name}.{shape.member.serialization.get('name', 'member')}"
        for number, element in enumerate(value, 1):
            yield from _query_value(element, shape.member, f"{stem}.{number}", ec2=ec2)
    elif kind == "map":
        stem = name if shape.serialization.get("flattened") else f"{name}.entry"
        key_name, value_name = (
            part.serialization.get("name", default) for part, default in ((shape.key, "key"), (shape.value, "value"))
        )
        for number, (key, item) in enumerate(value.items(), 1):
            yield f"{stem}.{number}.{key_name}", key
            yield from _query_value(item, shape.value, f"{stem}.{number}.{value_name}", ec2=ec2)
    else:
        yield name, to_text(value)


def to_text(value: Any) -> str:
    """Return a value as text, for a query, a header or XML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


# JSON


def _escaped(value: Any) -> bytes:
    try:
        written = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as problem:  # in a document that no model describes
        raise AWSError("SerializationException", 400, "", why=f"The input cannot be written: {problem}") from problem
    # Valid JSON, and a reader that parses the body as a form finds no second parameter in it.
    return written.replace(b"&", b"\\u0026")


def _json_structure(members: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    return {
        str(shape.members[member].serialization.get("name", member)): _json_value(value, shape.members[member])
        for member, value in members.items()
    }


def _json_value(value: Any, shape: Shape) -> Any:
    if value is None:
        return None
    if shape.type_name == "structure":
        return value if shape.metadata.get("document") else _json_structure(value, shape)
    if shape.type_name == "list":
        return [_json_value(element, shape.member) for element in value]
    if shape.type_name == "map":
        return {key: _json_value(item, shape.value) for key, item in value.items()}
    return value.timestamp() if isinstance(value, datetime) else value  # CBOR has a type for times


# REST


def _rest(call: IdentifiedCall, operation: OperationModel, call_input: Mapping[str, Any]) -> Canonical:
    shape = operation.input_shape
    path = operation.http["requestUri"].partition("?")[0]
    pairs = list(constant_query(call).items())
    headers: dict[str, str] = {}
    in_body: dict[str, Any] = {}
    payload = shape.serialization.get("payload") if shape is not None else None
    for member, value in call_input.items():
        member_shape = shape.members[member]
        where = member_shape.serialization.get("location")
        name = str(member_shape.serialization.get("name", member))
        if where == "uri":
            greedy = f"{{{name}+}}" in path
            path = path.replace(f"{{{name}{'+' if greedy else ''}}}", _label(call, value, greedy=greedy))
        elif where == "querystring":
            pairs.extend(_query_of(name, value))
        elif member == "CopySource":
            headers[name.lower()] = _copy_source(value)
        elif where == "header":
            headers[name.lower()] = ",".join(map(to_text, value)) if isinstance(value, list) else to_text(value)
        elif where == "headers":
            headers.update((f"{name.lower()}{key}", text) for key, text in value.items())
        else:
            in_body[member] = value
    body, content_type = _body(call, operation, call_input, in_body, payload)
    if content_type:
        headers.setdefault("content-type", content_type)
    if call.service.name == "s3" or (not pairs and _is_raw(shape, payload)):
        pairs.append(("x-id", call.operation))
    query = "&".join(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in pairs)
    return Canonical(operation.http["method"], path, query, headers, body)


def _is_raw(shape: Shape, payload: str | None) -> bool:
    """Return whether the body is the client's own bytes, in which moto could find parameters.

    Only then is the marker needed. Elsewhere it would be in the way: some services take a name from the end of the
    address.
    """
    return payload is not None and shape.members[payload].type_name in ("blob", "string")


def _label(call: IdentifiedCall, value: Any, *, greedy: bool) -> str:
    text = to_text(value)
    parts = text.split("/")
    is_s3 = call.service.name == "s3"
    if (len(parts) > 1 and not greedy) if is_s3 else any(part in (".", "..", "") for part in parts):
        # Two readers could take the path for different operations.
        raise AWSError(
            "InvalidURI", 400, "Couldn't parse the specified URI.", why=f"{text!r} cannot be a part of a path."
        )
    return quote(text, safe=_UNRESERVED + ("/" if greedy else ""))


def _copy_source(value: str) -> str:
    """Write the source of a copy so that it can be read in one way only."""
    source = copy_source(value)
    if source is None:
        raise AWSError(
            "InvalidArgument", 400, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    version = f"?versionId={quote(source.version, safe=_UNRESERVED)}" if source.version else ""
    return f"/{quote(source.bucket, safe=_UNRESERVED)}/{quote(source.key, safe=_UNRESERVED + '/')}{version}"


def _query_of(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _query_of(key, item)
    elif isinstance(value, list):
        yield from ((name, to_text(element)) for element in value)
    else:
        yield name, to_text(value)


def _body(
    call: IdentifiedCall,
    operation: OperationModel,
    call_input: Mapping[str, Any],
    in_body: Mapping[str, Any],
    payload: str | None,
) -> tuple[bytes, str]:
    shape = operation.input_shape
    if shape is None:
        return b"", ""
    if payload is not None:
        payload_shape = shape.members[payload]
        if payload_shape.type_name == "blob" or payload_shape.serialization.get("streaming"):
            return call.http.body, call.http.header.get("content-type", "")
        if payload not in call_input:
            return b"", ""
        if payload_shape.type_name == "string":
            return call_input[payload].encode(), "text/plain"
        if call.protocol == "rest-json":
            return _escaped(_json_value(call_input[payload], payload_shape)), "application/json"
        return _xml(operation, call_input), "application/xml"
    if call.protocol == "rest-json":
        if not in_body and operation.http["method"] in ("GET", "HEAD", "DELETE"):
            return b"", ""
        return _escaped(_json_structure(in_body, shape)), "application/json"
    return (_xml(operation, call_input), "application/xml") if in_body else (b"", "")


def _xml(operation: OperationModel, call_input: Mapping[str, Any]) -> bytes:
    """Return the XML body as botocore writes it."""
    from botocore.exceptions import BotoCoreError
    from botocore.serialize import create_serializer

    serializer = create_serializer("rest-xml", include_validation=False)
    try:
        body = serializer.serialize_to_request(dict(call_input), operation)["body"]
    except (BotoCoreError, KeyError, TypeError, ValueError) as problem:
        raise AWSError("MalformedXML", 400, "The XML you provided was not well-formed.", why=str(problem)) from problem
    return bytes(body)
