"""Bodies of requests: which format, and which kind the path wants."""

from __future__ import annotations

from typing import Any

from podrole.base.large_work import LARGE, off_loop
from podrole.cluster.api.decode import decode_as, decode_body, unreadable
from podrole.cluster.core.calls import Call, DeleteOptions
from podrole.cluster.core.errors import StatusError, bad_request, invalid_object, not_supported, unsupported_media_type
from podrole.cluster.http.requests import Request
from podrole.cluster.schema.decoding import DecodeError, decode
from podrole.cluster.schema.types import META, struct
from podrole.cluster.wire.bodies import (
    ACCEPTED,
    JSON,
    PROTOBUF,
    YAML,
    BodyError,
    media_type,
    read_json,
    read_yaml,
    summary,
)
from podrole.cluster.wire.protobuf import ProtobufError, UnknownMessage, decode_object

Object = dict[str, Any]

_POLICIES = ("Background", "Foreground", "Orphan")
_BINDING = "io.k8s.api.core.v1.ObjectReference"


async def read_object(request: Request, call: Call) -> Object:
    """Return the body as an object of the resource's kind, defaulted. Raises StatusError."""
    data = await request.body()

    def read() -> Object:
        value, duplicates = _read(request, data, call.resource.kind)
        return decode_body(call, value, duplicates, lambda: summary(data))

    return await off_loop(_cost(request, data), read)


async def read_subresource(request: Request, call: Call) -> Object:
    """Return the body as an object of the subresource's own kind. Raises StatusError."""
    below = call.resource.subresource(call.subresource)
    if below is None:
        raise bad_request("unknown subresource")
    data = await request.body()

    def read() -> Object:
        value, duplicates = _read(request, data, below.kind)
        if below.kind == "Binding":
            return _binding(value)
        return decode_as(
            call, struct(below.schema), below.api_version, below.kind, value, duplicates, lambda: summary(data)
        )

    return await off_loop(_cost(request, data), read)


def _cost(request: Request, data: bytes) -> int:
    """Return the size of a body for ``off_loop``. A few lines of YAML can stand for a large object."""
    content_type = media_type(request.header(b"content-type") or "")
    return len(data) if content_type != YAML else LARGE


def _binding(value: Any) -> Object:
    target = value.get("target") if isinstance(value, dict) else None
    try:
        reference = decode(struct(_BINDING), target, [])
    except DecodeError as problem:
        raise bad_request(f'Binding in version "v1" cannot be handled as a Binding: {problem}') from None
    metadata = value.get("metadata")
    return {
        "kind": "Binding",
        "apiVersion": "v1",
        "metadata": metadata if isinstance(metadata, dict) else {},
        "target": reference,
    }


def _read(request: Request, data: bytes, kind: str) -> tuple[Any, list[str]]:
    content_type = media_type(request.header(b"content-type") or "")
    try:
        if content_type == JSON:
            return read_json(data)
        if content_type == YAML:
            return read_yaml(data)
        if content_type == PROTOBUF:
            return decode_object(data), []
    except UnknownMessage as problem:
        raise StatusError(
            415,
            "UnsupportedMediaType",
            f"this server does not read {problem} as protobuf; send application/json instead",
        ) from None
    except BodyError as problem:
        raise unreadable(kind, str(problem), lambda: summary(data)) from None
    except ProtobufError as problem:
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): proto: {problem} ({data[:30].hex()})"
        ) from None
    raise unsupported_media_type(ACCEPTED)


async def delete_options(request: Request) -> DeleteOptions:
    """Return the DeleteOptions of the body, or of the query where there is no body. Raises StatusError."""
    data = await request.body()
    options: Object
    if data:
        value, _ = await off_loop(_cost(request, data), lambda: _read(request, data, "DeleteOptions"))
        if isinstance(value, dict) and value.get("kind", "DeleteOptions") != "DeleteOptions":
            raise bad_request(f"decoded object cannot be converted to DeleteOptions: {value.get('kind')}")
        try:
            options = decode(struct(f"{META}.DeleteOptions"), value, [])
        except DecodeError as problem:
            raise bad_request(
                f'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: {problem}'
            ) from None
    else:
        options = {
            "gracePeriodSeconds": request.number("gracePeriodSeconds"),
            "orphanDependents": request.flag("orphanDependents"),
            "propagationPolicy": request.parameter("propagationPolicy") or None,
            "dryRun": request.query.get("dryRun", []),
        }
    return _checked(options)


def _checked(options: Object) -> DeleteOptions:
    policy, orphan, dry_run = (
        options.get("propagationPolicy"),
        options.get("orphanDependents"),
        options.get("dryRun") or [],
    )
    errors = []
    if policy is not None and orphan is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        raise bad_request(text)
    if policy not in (None, *_POLICIES):
        errors.append(not_supported("propagationPolicy", policy, (*_POLICIES, "nil")))
    if dry_run not in ([], ["All"]):
        errors.append(not_supported("dryRun", dry_run, ("All",)))
    if errors:
        raise invalid_object("meta.k8s.io", "DeleteOptions", "", errors)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    preconditions = options.get("preconditions") or {}
    return DeleteOptions(
        grace_seconds=options.get("gracePeriodSeconds"),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        propagation=policy,
        dry_run=bool(dry_run),
    )
