"""The error that the endpoint's stations raise: one of AWS's errors, to be rendered in the request's protocol.

::

    AWSError        a code, an HTTP status and AWS's message, which the client gets
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.base.errors import PodroleError


class AWSError(PodroleError):
    """An error answer. ``why`` is one sentence for the event log; ``explanation`` its evidence, JSON-able.

    ``members`` are further elements of the error body that a protocol has (S3's ``Region``, ``HeadersNotSigned``).
    """

    code = "aws"

    def __init__(
        self,
        error_code: str,
        status: int,
        message: str,
        *,
        why: str | None = None,
        explanation: Mapping[str, Any] | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.status = status
        self.message = message
        self.why = why
        self.explanation = explanation
        self.members = members or {}


def internal_failure() -> AWSError:
    """Return AWS's answer to a fault of its own."""
    return AWSError("InternalFailure", 500, "The request processing has failed because of an unknown error.")
