"""What the Kubernetes API refuses, as the Status that a client gets.

::

    PodroleError
    └── StatusError    every refusal of the API; ``status()`` is the wire form, ``reason`` what clients branch on

The wording is kube-apiserver's own (k8s.io/apimachinery, ``api/errors``): kubectl, the client libraries and people's
scripts match on it. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from podrole.base.errors import PodroleError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in one field, in the words of apimachinery's ``field.Error``."""

    reason: Literal[
        "FieldValueRequired",
        "FieldValueInvalid",
        "FieldValueNotSupported",
        "FieldValueForbidden",
        "FieldValueDuplicate",
        "FieldValueNotFound",
        "FieldValueTooLong",
        "FieldValueTooMany",
    ]
    field: str
    message: str


def required(field: str, detail: str = "") -> FieldError:
    """Return the error of a field that must be set."""
    return FieldError("FieldValueRequired", field, f"Required value: {detail}" if detail else "Required value")


def invalid(field: str, value: object, detail: str) -> FieldError:
    """Return the error of a field with an invalid value; ``why`` says what is wrong with it."""
    return FieldError("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {detail}")


def forbidden(field: str, detail: str) -> FieldError:
    """Return the error of a field that may not be set or changed."""
    return FieldError("FieldValueForbidden", field, f"Forbidden: {detail}")


def duplicate(field: str, value: object) -> FieldError:
    """Return the error of a value that appears twice."""
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {quoted(value)}")


def not_found(field: str, value: object) -> FieldError:
    """Return the error of a reference to something that does not exist."""
    return FieldError("FieldValueNotFound", field, f"Not found: {quoted(value)}")


def not_supported(field: str, value: object, supported: Sequence[str]) -> FieldError:
    """Return the error of a value that is not one of the supported ones."""
    choices = ", ".join(json.dumps(choice) for choice in sorted(supported))
    return FieldError(
        "FieldValueNotSupported", field, f"Unsupported value: {quoted(value)}: supported values: {choices}"
    )


def too_long(field: str, limit: int) -> FieldError:
    """Return the error of a value that is longer than allowed."""
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def quoted(value: object) -> str:
    """Write a value as Go's ``%q``/``%v`` does in these messages: strings quoted, the rest as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class StatusError(PodroleError):
    """A refusal with its HTTP status, its reason and the details that clients read.

    ``http_status`` is the Status's ``code``; ``metadata`` is its ListMeta, nearly always empty.
    """

    code = "kubernetes-status"

    def __init__(
        self,
        http_status: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata: Mapping[str, Any] = {}

    def status(self) -> Object:
        """Return the Status object."""
        status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(self.metadata),
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = dict(self.details)
        status["code"] = self.http_status
        return status


def _details(name: str, group: str, kind: str, **more: Any) -> Object:
    details = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
    details.update(more)
    return details


def _qualified(group: str, name: str) -> str:
    return f"{name}.{group}" if group else name


def bad_request(message: str) -> StatusError:
    """Return a BadRequest (400)."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """Return the Unauthorized (401) answer to an invalid token."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def resource_not_found(group: str, resource: str, name: str) -> StatusError:
    """Return the NotFound (404) answer for an object."""
    return StatusError(
        404,
        "NotFound",
        f"{_qualified(group, resource)} {quoted(name)} not found",
        details=_details(name, group, resource),
    )


def already_exists(group: str, resource: str, name: str) -> StatusError:
    """Return the AlreadyExists (409) answer to a create."""
    return StatusError(
        409,
        "AlreadyExists",
        f"{_qualified(group, resource)} {quoted(name)} already exists",
        details=_details(name, group, resource),
    )


def no_unique_name(group: str, resource: str, name: str) -> StatusError:
    """Return the answer to a ``generateName`` for which no unique name was found."""
    return StatusError(
        409,
        "AlreadyExists",
        f"{_qualified(group, resource)} {quoted(name)} already exists, "
        "the server was not able to generate a unique name for the object",
        details=_details(name, group, resource, retryAfterSeconds=1),
    )


def conflict(group: str, resource: str, name: str, why: str) -> StatusError:
    """Return a Conflict (409) for an object; ``why`` says what has changed."""
    return StatusError(
        409,
        "Conflict",
        f"Operation cannot be fulfilled on {_qualified(group, resource)} {quoted(name)}: {why}",
        details=_details(name, group, resource),
    )


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def resource_forbidden(
    group: str, resource: str, name: str, why: str, *, causes: Sequence[Mapping[str, str]] = ()
) -> StatusError:
    """Return a Forbidden (403) for an object."""
    subject = _qualified(group, resource)
    if name:
        subject = f"{subject} {quoted(name)}"
    details = _details(name, group, resource)
    if causes:
        details["causes"] = [dict(cause) for cause in causes]
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details=details)


def invalid_object(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    """Return an Invalid (422) with the errors of an object."""
    texts = list(dict.fromkeys(f"{error.field}: {error.message}" for error in errors))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": error.reason, "message": error.message, "field": error.field} for error in errors]
    return StatusError(
        422,
        "Invalid",
        f"{_qualified(group, kind)} {quoted(name)} is invalid: {text}",
        details=_details(name, group, kind, causes=causes),
    )


def unprocessable() -> StatusError:
    """Return the answer to a well-formed patch that cannot be applied."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def method_not_supported(group: str, resource: str, verb: str) -> StatusError:
    """Return the MethodNotAllowed (405) answer to a verb that a resource does not have."""
    return StatusError(
        405,
        "MethodNotAllowed",
        f'{verb} is not supported on resources of kind "{_qualified(group, resource)}"',
        details=_details("", group, resource),
    )


def method_not_allowed() -> StatusError:
    """Return the MethodNotAllowed (405) answer to an HTTP method."""
    return StatusError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", details={}
    )


def path_not_found() -> StatusError:
    """Return the NotFound (404) answer to an unknown path."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """Return the UnsupportedMediaType (415) answer to a body."""
    return StatusError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}",
    )


def not_acceptable(accepted: Sequence[str]) -> StatusError:
    """Return the NotAcceptable (406) answer to a request whose ``Accept`` names no form that the server has."""
    return StatusError(406, "NotAcceptable", f"only the following media types are accepted: {', '.join(accepted)}")


def too_large(what: str) -> StatusError:
    """Return the RequestEntityTooLarge (413) answer to a body."""
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {what}")


def expired(message: str) -> StatusError:
    """Return an Expired (410): the client has to list again."""
    return StatusError(410, "Expired", message)


def internal(message: str) -> StatusError:
    """Return an InternalError (500)."""
    return StatusError(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        details={"causes": [{"message": message}]},
    )


def unavailable(message: str) -> StatusError:
    """Return a ServiceUnavailable (503)."""
    return StatusError(503, "ServiceUnavailable", message)


def shown(problem: BaseException) -> str:
    """Return what an event or a status may say of a failure.

    The message of an exception that is neither podrole's own nor the operating system's is left out: it may repeat a
    token or a key.
    """
    if isinstance(problem, PodroleError):
        return problem.what
    if isinstance(problem, OSError):
        return str(problem)
    return f"an internal error ({type(problem).__name__}), which podrole's log describes"
