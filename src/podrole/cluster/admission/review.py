"""The AdmissionReview: what is sent to a webhook, and its answer (admission.k8s.io/v1).

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.core.resources import Resource

Object = dict[str, Any]

MAX_WARNINGS_BYTES = 4096
_LINE_BREAK = re.compile(r"[\r\n]")


class ReviewError(ValueError):
    """The answer is not a well-formed answer to the review that was sent."""


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The answer of a webhook. ``patch`` holds JSON Patch operations; it is empty if the webhook changes nothing.

    ``code``, ``reason`` and ``message`` are those of its status; 0 and empty if it has none.
    """

    allowed: bool
    patch: list[Any]
    code: int
    reason: str
    message: str
    warnings: tuple[str, ...]
    audit: dict[str, str]


def admission_request(request: AdmissionAttributes) -> Object:
    """Return the AdmissionRequest without its uid and objects; the keys are in kube-apiserver's order."""
    resource = request.resource
    below = resource.subresource(request.subresource)
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    if below is not None and below.kind != resource.kind:
        group, _, version = below.api_version.rpartition("/")
        kind = {"group": group, "version": version, "kind": below.kind}
    path = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    body: Object = {"kind": kind, "resource": path}
    if request.subresource:
        body["subResource"] = request.subresource
    body["requestKind"], body["requestResource"] = kind, path
    if request.subresource:
        body["requestSubResource"] = request.subresource
    if request.name:
        body["name"] = request.name
    if request.namespace:
        body["namespace"] = request.namespace
    return {
        **body,
        "operation": request.operation,
        "userInfo": request.user.user_info(),
        "dryRun": request.dry_run,
        "options": request.options,
    }


def request_body(request: AdmissionAttributes, uid: str, seen: Resource | None = None) -> bytes:
    """Return the AdmissionReview to send, as JSON. ``seen``: the version in which the webhook sees the request."""
    about = admission_request(request)
    new, old = request.object, request.old
    if seen is not None and seen is not request.resource:
        new, old = (obj if obj is None else _in_version(seen, request.resource, obj) for obj in (new, old))
        for key in ("kind", "resource"):
            if about[key]["group"] == seen.group:  # the kind of a Scale is the same in all versions
                about[key] = {**about[key], "version": seen.version}
    last = {key: about.pop(key) for key in ("dryRun", "options")}
    body = {"uid": uid, **about, "object": new, "oldObject": old, **last}
    return msgspec.json.encode({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": body})


def _in_version(seen: Resource, own: Resource, obj: Object) -> Object:
    return {**obj, "apiVersion": seen.api_version} if obj.get("apiVersion") == own.api_version else obj


def read_response(data: bytes, uid: str, *, mutating: bool) -> WebhookResponse:
    """Read a webhook's answer. Raises ReviewError, in kube-apiserver's words, for one that is not well-formed."""
    try:
        review = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ReviewError(f"could not decode the answer: {problem}") from None
    if not isinstance(review, dict):
        raise ReviewError("expected an AdmissionReview, got a value that is not an object")
    version, kind = review.get("apiVersion"), review.get("kind")
    if (version, kind) != ("admission.k8s.io/v1", "AdmissionReview"):
        raise ReviewError(
            f"expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {version}, Kind={kind}"
        )
    response = review.get("response")
    if not isinstance(response, dict):
        raise ReviewError("webhook response was absent")
    if response.get("uid") != uid:
        raise ReviewError(f"expected response.uid={_go(uid)}, got {_go(response.get('uid', ''))}")
    allowed = response.get("allowed", False)
    if not isinstance(allowed, bool):
        raise ReviewError("response.allowed is not a bool")
    status = response.get("status")
    status = status if isinstance(status, dict) else {}
    return WebhookResponse(
        allowed=allowed,
        patch=_patch(response) if mutating else _no_patch(response),
        code=status["code"] if isinstance(status.get("code"), int) else 0,
        reason=str(status.get("reason", "")),
        message=str(status.get("message", "")),
        warnings=_warnings(response.get("warnings")),
        audit=_audit(response.get("auditAnnotations")),
    )


def _patch(response: Object) -> list[Any]:
    patch, patch_type = response.get("patch"), response.get("patchType")
    if not patch and patch_type is None:
        return []
    if not patch:
        raise ReviewError("webhook returned response.patchType but not response.patch")
    if patch_type is None:
        raise ReviewError("webhook returned response.patch but not response.patchType")
    if patch_type != "JSONPatch":
        raise ReviewError(f"webhook returned invalid response.patchType of {_go(patch_type)}")
    try:
        # Go's decoder, too, passes over the line breaks that the program base64 makes.
        operations = msgspec.json.decode(base64.b64decode(_LINE_BREAK.sub("", patch), validate=True))
    except (TypeError, ValueError, binascii.Error, RecursionError):
        raise ReviewError("response.patch is not JSON in base64") from None
    if not isinstance(operations, list):
        raise ReviewError("response.patch is not a JSON Patch")
    return operations


def _no_patch(response: Object) -> list[Any]:
    for key in ("patch", "patchType"):
        if response.get(key):
            raise ReviewError(f"validating webhook may not return response.{key}")
    return []


def _warnings(warnings: Any) -> tuple[str, ...]:
    """Return the warnings, shortened so that they fit into response headers."""
    texts = []
    left = MAX_WARNINGS_BYTES
    for warning in warnings if isinstance(warnings, list) else ():
        text = str(warning)[:256]
        left -= len(text)
        if left < 0:
            break
        texts.append(text)
    return tuple(texts)


def _audit(annotations: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in annotations.items()} if isinstance(annotations, dict) else {}


def _go(value: object) -> str:
    return f'"{value}"'
