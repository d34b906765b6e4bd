"""Why a request is not authenticated, in the words of AWS's query services."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Why a request is not authenticated."""

    MISSING = "missing-authentication"
    TWO_SIGNATURES = "two-signatures"
    ALGORITHM = "unsupported-algorithm"
    INCOMPLETE = "incomplete-signature"
    DATE = "date-format"
    MISMATCH = "signature-mismatch"
    EXPIRED_SIGNATURE = "signature-expired"
    NOT_YET_CURRENT = "signature-not-yet-current"
    EXPIRES = "presigned-life"
    EXPIRED_URL = "presigned-url-expired"
    CREDENTIAL = "credential-form"
    SCOPE = "credential-scope"
    UNKNOWN_KEY = "unknown-access-key"
    BAD_TOKEN = "invalid-session-token"  # noqa: S105 - the name of a fault
    EXPIRED_TOKEN = "expired-session-token"  # noqa: S105 - the name of a fault
    PAYLOAD = "payload-hash"
    UNSIGNED_HEADERS = "headers-not-signed"


class SignatureRefused(Exception):
    """The request does not prove who sent it.

    ``message`` is the text of AWS's query services; ``evidence`` holds the values that other services' texts need.
    """

    def __init__(self, fault: Fault, message: str, **evidence: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.evidence = evidence


def shown(text: str) -> str:
    """Return what a client sent, for a message: at most 128 characters of it."""
    return text if len(text) <= 128 else text[:128] + "…"
