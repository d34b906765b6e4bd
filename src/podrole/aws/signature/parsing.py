"""Reads the signature of a request, from its Authorization header or its query string. Pure."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from dataclasses import dataclass, field

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature.faults import Fault, SignatureRefused, shown

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
QUERY_PARAMETERS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9-]{0,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its own signature.

    ``timestamp`` is the date as written, ``signed_at`` the same in epoch seconds. ``expires`` is the life of a
    presigned URL in seconds, as written.
    """

    credential: str
    key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    value: str = field(repr=False)
    timestamp: str
    signed_at: int
    session_token: str | None = field(repr=False)
    presigned: bool
    expires: str | None = None

    @property
    def scope(self) -> str:
        """The credential scope, without the key."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def is_signed(request: HTTPRequest) -> bool:
    """Return whether the request carries any part of a SigV4 signature."""
    return "authorization" in request.header or any(name in QUERY_PARAMETERS for name, _ in request.query_pairs)


def parse_signature(request: HTTPRequest) -> Signature:
    """Read the signature from the Authorization header or the query string. Raises SignatureRefused.

    Checks only its form: the required parts, that ``host`` is signed, the date's format.
    """
    in_query = any(name == "X-Amz-Algorithm" for name, _ in request.query_pairs)
    text = request.header.get("authorization")
    if in_query and text is not None:
        raise SignatureRefused(Fault.TWO_SIGNATURES, "")
    if text is not None:
        return _from_header(request, text)
    if in_query:
        return _from_query(request)
    raise SignatureRefused(Fault.MISSING, "Request is missing Authentication Token")


def _from_header(request: HTTPRequest, text: str) -> Signature:
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise SignatureRefused(
            Fault.ALGORITHM, f"Unsupported AWS 'algorithm': '{_word(algorithm)}'.", algorithm=_word(algorithm)
        )
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise SignatureRefused(
                Fault.INCOMPLETE,
                f"'{_word(name)}' not a valid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{_digest(text)}'.",
            )
        parts[name] = value  # the last one of a repeated part counts
    timestamp = request.header.get("x-amz-date") or request.header.get("date", "")
    missing = [
        f"Authorization header requires '{name}' parameter. "
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not timestamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if missing:
        raise SignatureRefused(
            Fault.INCOMPLETE,
            "".join(missing) + f"(Hashed with SHA-256 and encoded with Base64) Authorization={_digest(text)}",
        )
    return _signature(
        parts["Credential"],
        parts["SignedHeaders"],
        parts["Signature"],
        timestamp,
        session_token=request.header.get("x-amz-security-token"),
    )


def _from_query(request: HTTPRequest) -> Signature:
    query: dict[str, str] = {}
    for name, value in request.query_pairs:
        query.setdefault(name, value)  # the first one of a repeated parameter counts
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise SignatureRefused(
            Fault.ALGORITHM, "Missing Authentication Token", algorithm=_word(query["X-Amz-Algorithm"]), presigned="yes"
        )
    missing = [name for name in QUERY_PARAMETERS if not query.get(name)]
    if missing:
        text = " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        raise SignatureRefused(Fault.INCOMPLETE, f"{text} Re-examine the query-string parameters.", presigned="yes")
    return _signature(
        query["X-Amz-Credential"],
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        query["X-Amz-Date"],
        session_token=query.get("X-Amz-Security-Token") or request.header.get("x-amz-security-token"),
        presigned=True,
        expires=query.get("X-Amz-Expires"),
    )


def _signature(
    credential: str,
    signed_headers: str,
    value: str,
    timestamp: str,
    *,
    session_token: str | None,
    presigned: bool = False,
    expires: str | None = None,
) -> Signature:
    headers = tuple(signed_headers.lower().split(";"))
    if "host" not in headers and ":authority" not in headers:
        raise SignatureRefused(
            Fault.MISMATCH, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    signed_at = epoch_of(timestamp)
    if signed_at is None:
        raise SignatureRefused(
            Fault.DATE,
            f"Date must be in ISO-8601 'basic format'. Got '{shown(timestamp)}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601",
            **({"presigned": "yes"} if presigned else {}),
        )
    elements = credential.split("/")
    key_id, date, region, service, terminator = elements if len(elements) == 5 else (elements[0], "", "", "", "")
    return Signature(
        credential,
        key_id,
        date,
        region,
        service,
        terminator,
        headers,
        value,
        timestamp,
        signed_at,
        session_token,
        presigned,
        expires,
    )


def epoch_of(timestamp: str) -> int | None:
    """Return a date of the form ``20260131T120000Z`` in epoch seconds; None for one of another form or that no calendar
    has."""
    form = _DATE.fullmatch(timestamp)
    if form is None:
        return None
    year, month, day, hours, minutes, seconds = map(int, form.groups())
    try:
        midnight = datetime.date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return ((midnight * 24 + hours) * 60 + minutes) * 60 + seconds


def _digest(text: str) -> str:
    """Return the hash that AWS shows in place of an Authorization header, so that no signature is repeated."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _word(text: str) -> str:
    """Return a word of an Authorization header for a message, or its length if it could be a misplaced secret."""
    return text if _WORD.fullmatch(text) else f"({len(text)} characters)"
