"""AdmissionReview on the wire: what is read of a request, and how an answer is written.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import msgspec

from podrole.webhook.text import one_line

VERSIONS = frozenset({"admission.k8s.io/v1", "admission.k8s.io/v1beta1"})

MAX_WARNINGS = 12
"""All warnings of a response together may be cut at 4096 characters."""

MAX_MESSAGE = 1_024
"""A denial is a sentence, an audit annotation a line: names in both are anybody's text, and not validated yet."""


class GroupVersionKind(msgspec.Struct, gc=False):
    """The kind of an object."""

    group: str = ""
    kind: str = ""


class AdmissionRequest(msgspec.Struct, rename="camel"):
    """A request, as far as it is looked at. ``object`` is raw JSON: it is read once its kind is known."""

    uid: str = ""
    kind: GroupVersionKind | None = None
    sub_resource: str | None = None
    namespace: str | None = None
    operation: str | None = None
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class AdmissionReview(msgspec.Struct, rename="camel"):
    """A review that asks."""

    api_version: str = ""
    kind: str = ""
    request: AdmissionRequest | None = None


_decoder = msgspec.json.Decoder(AdmissionReview)
_encode = msgspec.json.Encoder().encode


def decode_review(body: bytes) -> AdmissionReview:
    """Read a review. Raises msgspec.MsgspecError, UnicodeError or RecursionError where it is none."""
    return _decoder.decode(body)


def is_null(document: msgspec.Raw) -> bool:
    """Tell whether an object is absent or null."""
    return bytes(document) in (b"null", b"")


def allowed(
    api_version: str,
    uid: str,
    patch: bytes = b"",
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> bytes:
    """Write the answer that lets the object in, changed by ``patch`` where there is one."""
    parts = [
        b'{"kind":"AdmissionReview","apiVersion":"%b","response":{"uid":%b,"allowed":true'
        % (api_version.encode(), _encode(uid))
    ]
    if patch:
        parts.append(b',"patch":"%b","patchType":"JSONPatch"' % base64.b64encode(patch))
    if warnings:
        parts.append(b',"warnings":%b' % _encode([one_line(warning) for warning in warnings[:MAX_WARNINGS]]))
    if audit_annotations:
        told = {key: one_line(value, MAX_MESSAGE) for key, value in audit_annotations.items()}
        parts.append(b',"auditAnnotations":%b' % _encode(told))
    parts.append(b"}}")
    return b"".join(parts)


def denied(api_version: str, uid: str, message: str) -> bytes:
    """Write the answer that keeps the object out."""
    status = {"code": 403, "reason": "Forbidden", "message": one_line(message, MAX_MESSAGE)}
    return b'{"kind":"AdmissionReview","apiVersion":"%b","response":{"uid":%b,"allowed":false,"status":%b}}' % (
        api_version.encode(),
        _encode(uid),
        _encode(status),
    )
