"""The wire format of an AdmissionReview: the fields of a request that are read, and how an answer is written.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import msgspec

from podrole.webhook.text import one_line

VERSIONS = frozenset({"admission.k8s.io/v1", "admission.k8s.io/v1beta1"})

MAX_WARNINGS = 12
"""The API server may cut all warnings of a response together at 4096 characters."""

MAX_MESSAGE = 1_024
"""Characters of a denial or an audit annotation. Both contain names that are not validated yet."""


class GroupVersionKind(msgspec.Struct, gc=False):
    """The kind of an object."""

    group: str = ""
    kind: str = ""


class AdmissionRequest(msgspec.Struct, rename="camel"):
    """A request: the fields that are read. ``object`` is raw JSON, and is decoded when its kind is known."""

    uid: str = ""
    kind: GroupVersionKind | None = None
    sub_resource: str | None = None
    namespace: str | None = None
    operation: str | None = None
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class AdmissionReview(msgspec.Struct, rename="camel"):
    """A review with a request."""

    api_version: str = ""
    kind: str = ""
    request: AdmissionRequest | None = None


_decoder = msgspec.json.Decoder(AdmissionReview)
_encode = msgspec.json.Encoder().encode


def decode_review(body: bytes) -> AdmissionReview:
    """Decode a review. Raises msgspec.MsgspecError, UnicodeError or RecursionError."""
    return _decoder.decode(body)


def is_null(document: msgspec.Raw) -> bool:
    """Return whether an object is absent or null."""
    return bytes(document) in (b"null", b"")


def allowed(
    api_version: str,
    uid: str,
    patch: bytes = b"",
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> bytes:
    """Return the answer that allows the object, changed by ``patch`` if it is not empty."""
    parts = [
        b'{"kind":"AdmissionReview","apiVersion":"%b","response":{"uid":%b,"allowed":true'
        % (api_version.encode(), _encode(uid))
    ]
    if patch:
        parts.append(b',"patch":"%b","patchType":"JSONPatch"' % base64.b64encode(patch))
    if warnings:
        parts.append(b',"warnings":%b' % _encode([one_line(warning) for warning in warnings[:MAX_WARNINGS]]))
    if audit_annotations:
        annotations = {key: one_line(value, MAX_MESSAGE) for key, value in audit_annotations.items()}
        parts.append(b',"auditAnnotations":%b' % _encode(annotations))
    parts.append(b"}}")
    return b"".join(parts)


def denied(api_version: str, uid: str, message: str) -> bytes:
    """Return the answer that denies the object."""
    status = {"code": 403, "reason": "Forbidden", "message": one_line(message, MAX_MESSAGE)}
    return b'{"kind":"AdmissionReview","apiVersion":"%b","response":{"uid":%b,"allowed":false,"status":%b}}' % (
        api_version.encode(),
        _encode(uid),
        _encode(status),
    )
