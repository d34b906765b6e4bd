"""Decodes a body into an object of the kind that the path is for, with its defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import StatusError, bad_request
from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.registry import BY_KIND, kind_of
from podrole.cluster.schema.decoding import DecodeError, decode
from podrole.cluster.schema.types import Struct, type_of

Object = dict[str, Any]


def decode_body(call: Call, value: Any, duplicates: list[str], summary: Callable[[], str]) -> Object:
    """Return the body of a create or update as an object with its defaults. Raises StatusError (400).

    Unknown and duplicate fields are refused, reported as warnings or ignored, as the call's field validation says.
    ``summary`` gives the first bytes of the body, for a message.
    """
    resource = call.resource
    return decode_as(
        call,
        type_of(resource),
        resource.api_version,
        resource.kind,
        value,
        duplicates,
        summary,
        kind_of(resource).default,
    )


def decode_as(
    call: Call,
    of: Struct,
    api_version: str,
    kind: str,
    value: Any,
    duplicates: list[str],
    summary: Callable[[], str],
    default: Callable[[Object], None] | None = None,
) -> Object:
    """Decode a body like ``decode_body``, for the kind of a subresource."""
    if not isinstance(value, dict):
        raise _unrecognized(kind, "json: cannot unmarshal the body into Go value of type v1.TypeMeta", summary)
    given_kind, given_version = value.get("kind", kind), value.get("apiVersion", api_version)
    if not isinstance(given_kind, str) or not isinstance(given_version, str):
        raise _unrecognized(kind, "couldn't get version/kind; json parse error: they are no strings", summary)
    if (given_kind or kind, given_version or api_version) != (kind, api_version):
        raise _wrong_kind(given_kind, given_version, kind, api_version)
    unknown: list[str] = []
    try:
        decoded = decode(of, value, unknown)
    except DecodeError as problem:
        raise _unhandled(kind, api_version, str(problem), kind) from None
    problems = [f'duplicate field "{path}"' for path in duplicates] + [f'unknown field "{path}"' for path in unknown]
    if problems:
        if call.validation == "Strict":
            raise _unhandled(kind, api_version, f"strict decoding error: {', '.join(problems)}", kind)
        if call.validation == "Warn":
            call.warnings.extend(problems)
    return finish(decoded, api_version, kind, default)


def finish(decoded: Object, api_version: str, kind: str, default: Callable[[Object], None] | None) -> Object:
    """Return the object with kind and apiVersion first and with its defaults."""
    decoded.pop("kind", None)
    decoded.pop("apiVersion", None)
    obj = {"kind": kind, "apiVersion": api_version, **decoded}
    if default is not None:
        default(obj)
    return obj


def redecode(resource: Resource, value: Any) -> tuple[Object, list[str]]:
    """Decode a changed object, the result of a patch; return it and its unknown fields. Raises DecodeError."""
    unknown: list[str] = []
    decoded = decode(type_of(resource), value, unknown)
    return finish(decoded, resource.api_version, resource.kind, kind_of(resource).default), unknown


def _wrong_kind(kind: str, version: str, expected: str, expected_version: str) -> StatusError:
    known = BY_KIND.get((version, kind))
    if known is None:
        if kind == expected:
            return bad_request(
                f"the API version in the data ({version}) does not match the expected API version ({expected_version})"
            )
        return _unhandled(kind, version, f'no kind "{kind}" is registered for version "{version}"', expected)
    group = version.rpartition("/")[2]
    internal = {"": "core"}.get(known.group, known.group.partition(".")[0])
    return _unhandled(
        kind, version, f"converting ({group}.{kind}) to ({internal}.{expected}): unknown conversion", expected
    )


def _unhandled(kind: str, api_version: str, why: str, expected: str) -> StatusError:
    version = api_version.rpartition("/")[2]
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {expected}: {why}')


def _unrecognized(kind: str, why: str, summary: Callable[[], str]) -> StatusError:
    return bad_request(f"the object provided is unrecognized (must be of type {kind}): {why} ({summary()})")


def unreadable(kind: str, why: str, summary: Callable[[], str]) -> StatusError:
    """Return the refusal of a body that is not JSON."""
    return _unrecognized(kind, f"couldn't get version/kind; json parse error: {why}", summary)
