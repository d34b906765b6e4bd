"""Verifying AWS Signature Version 4. Pure.

The text that the client signed is rebuilt from the bytes of the request, and its signature is compared with the one
sent (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The order and the
texts of the checks are those of AWS's query services; ``podrole.aws.signature.refusals`` translates each fault for the
other services. The order:

1. ``parse_signature``: in the header or the query string, not in both; the required parts; ``host`` is signed; the
   date's format
2. ``check_time``: at most 15 minutes from now, or the lifetime of a presigned S3 URL
3. ``check_scope``: five elements, and each of them
4. the session token and the access key (podrole.aws.authenticate)
5. ``check_signature``
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote_to_bytes

from podrole.aws.protocol.wire import HTTPRequest

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
WINDOW_SECONDS = 15 * 60
MAX_PRESIGNED_SECONDS = 604_800
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
QUERY_PARAMETERS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_UNRESERVED = "-_.~"
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_HEX_HASH = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9-]{0,32}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


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
            f"Date must be in ISO-8601 'basic format'. Got '{_shown(timestamp)}'. "
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


def check_time(signature: Signature, now: float, *, s3: bool) -> None:
    """Refuse a signature made more than 15 minutes before or after ``now`` (epoch seconds). Raises SignatureRefused.

    S3 accepts a presigned URL for the lifetime in ``X-Amz-Expires``; all other services ignore that parameter.
    """
    signed_at, seconds = signature.signed_at, int(now)
    if s3 and signature.presigned:
        _check_life(signature, seconds)
    elif seconds - signed_at > WINDOW_SECONDS:
        raise SignatureRefused(
            Fault.EXPIRED_SIGNATURE,
            f"Signature expired: {signature.timestamp} is now earlier than {_basic(seconds - WINDOW_SECONDS)} "
            f"({_basic(seconds)} - 15 min.)",
            now=_extended(seconds),
        )
    if signed_at - seconds > WINDOW_SECONDS:
        raise SignatureRefused(
            Fault.NOT_YET_CURRENT,
            f"Signature not yet current: {signature.timestamp} is still later than {_basic(seconds + WINDOW_SECONDS)} "
            f"({_basic(seconds)} + 15 min.)",
            now=_extended(seconds),
        )


def _check_life(signature: Signature, now: int) -> None:
    stated, signed_at = signature.expires, signature.signed_at
    if stated is None:
        raise SignatureRefused(Fault.INCOMPLETE, "The query string has no X-Amz-Expires.", presigned="yes")
    if not _NUMBER.fullmatch(stated):
        raise SignatureRefused(Fault.EXPIRES, "X-Amz-Expires should be a number")
    life = int(stated)
    if life < 0:
        raise SignatureRefused(Fault.EXPIRES, "X-Amz-Expires must be non-negative")
    if life > MAX_PRESIGNED_SECONDS:
        raise SignatureRefused(
            Fault.EXPIRES,
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{MAX_PRESIGNED_SECONDS} seconds",
        )
    if now > signed_at + life:
        raise SignatureRefused(
            Fault.EXPIRED_URL,
            "Request has expired",
            expires=stated,
            expired_at=_extended(signed_at + life),
            now=_extended(now),
        )


def check_scope(signature: Signature, *, service: str, region_pattern: re.Pattern[str]) -> None:
    """Refuse a credential scope of another form, for another service or day, or without a valid region.

    Raises SignatureRefused.
    """
    if signature.credential.count("/") != 4:
        raise SignatureRefused(
            Fault.CREDENTIAL,
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{_shown(signature.credential)}'",
        )
    faults: dict[str, str] = {}
    if not region_pattern.fullmatch(signature.region):
        faults["region"] = f"Credential should be scoped to a valid region, not '{_shown(signature.region)}'. "
    if signature.service != service:
        faults["service"] = f"Credential should be scoped to correct service: '{service}'. "
    if signature.terminator != TERMINATOR:
        faults["terminator"] = (
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not "
            f"'{_shown(signature.terminator)}'. "
        )
    if signature.date != signature.timestamp[:8]:
        faults["date"] = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{_shown(signature.date)}' != '{signature.timestamp[:8]}', from '{signature.timestamp}'."
        )
    if faults:
        raise SignatureRefused(
            Fault.SCOPE,
            "".join(faults.values()),
            element=next(iter(faults)),
            service=service,
            got=_shown(getattr(signature, next(iter(faults)))),
            timestamp=signature.timestamp,
        )


def check_signed_headers(request: HTTPRequest, signature: Signature, *, s3: bool) -> None:
    """Refuse an unsigned header that decides what the request does. Raises SignatureRefused.

    S3 requires every ``x-amz-`` header to be signed; services that name the operation in ``x-amz-target``, that one.
    """
    signed = signature.signed_headers
    if s3:
        unsigned = [name for name in request.header if name.startswith("x-amz-") and name not in signed]
        if unsigned:
            raise SignatureRefused(
                Fault.UNSIGNED_HEADERS,
                "There were headers present in the request which were not signed",
                headers=", ".join(unsigned),
            )
    elif "x-amz-target" in request.header and "x-amz-target" not in signed:
        raise SignatureRefused(Fault.MISMATCH, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")


def check_signature(request: HTTPRequest, signature: Signature, secret: str, payload_hash: str, *, s3: bool) -> None:
    """Compare the signature with the one made with ``secret``, in constant time. Raises SignatureRefused.

    ``payload_hash`` stands for the body in the signed text. Does not check that it fits the body.
    """
    canonical = canonical_request(request, signature, payload_hash, s3=s3)
    to_sign = string_to_sign(signature, canonical)
    key = signing_key(secret, signature.date, signature.region, signature.service)
    expected = hmac.digest(key, to_sign.encode("utf-8", "replace"), hashlib.sha256).hex()
    if not hmac.compare_digest(expected.encode(), signature.value.encode("utf-8", "replace")):
        raise SignatureRefused(
            Fault.MISMATCH,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            canonical_request=canonical.decode("utf-8", "replace"),
            string_to_sign=to_sign,
        )


@functools.lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the signing key of a day, a region and a service. Cached: a caller uses the same one all day."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8", "replace"), hashlib.sha256)
    return key


def string_to_sign(signature: Signature, canonical: bytes) -> str:
    """Return the string whose HMAC is the signature."""
    return f"{ALGORITHM}\n{signature.timestamp}\n{signature.scope}\n{hashlib.sha256(canonical).hexdigest()}"


def canonical_request(request: HTTPRequest, signature: Signature, payload_hash: str, *, s3: bool) -> bytes:
    """Rebuild the canonical request that the client must have signed.

    For S3 the path is encoded once and not normalized; for every other service dot segments are removed and the path is
    encoded twice. Header values are the received bytes, trimmed, with runs of blanks collapsed to one.
    """
    header = request.header
    # A signed header that is missing from the request is empty here, so the signature does not match.
    lines = [
        f"{name}:".encode("utf-8", "replace") + b" ".join(header.get(name, "").encode("latin-1").split()) + b"\n"
        for name in signature.signed_headers
    ]
    return b"\n".join(
        (
            request.method.encode(),
            _canonical_path(request.path, s3=s3).encode(),
            _canonical_query(request.query, presigned=signature.presigned).encode(),
            b"".join(lines),
            ";".join(signature.signed_headers).encode("utf-8", "replace"),
            payload_hash.encode("utf-8", "replace"),
        )
    )


def body_hash(body: bytes) -> str:
    """Return the SHA-256 of a body, hex."""
    return hashlib.sha256(body).hexdigest()


def claims_hash(value: str) -> bool:
    """Return whether an ``x-amz-content-sha256`` is a hash, not one of S3's keywords."""
    return bool(_HEX_HASH.fullmatch(value))


def _canonical_path(path: str, *, s3: bool) -> str:
    if s3:  # by segment: an encoded slash belongs to a key's name
        raw = path.encode("latin-1")
        return "/".join(quote(unquote_to_bytes(segment), safe=_UNRESERVED) for segment in raw.split(b"/"))
    return quote(_without_dot_segments(path).encode("latin-1"), safe="/" + _UNRESERVED)


def _without_dot_segments(path: str) -> str:
    if "/." not in path and "//" not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    # RFC 3986 5.2.4 keeps a slash before "." and ".." at the end. The SDKs do not (botocore.utils.remove_dot_segments).
    trailing = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + trailing


def _canonical_query(query: str, *, presigned: bool) -> str:
    pairs: list[tuple[str, str]] = []
    for part in query.encode("latin-1").split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((_encoded_once(name), _encoded_once(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if not (presigned and name == "X-Amz-Signature"))


def _encoded_once(raw: bytes) -> str:
    return quote(unquote_to_bytes(raw), safe=_UNRESERVED)


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


def _basic(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def _extended(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(text: str) -> str:
    """Return the hash that AWS shows in place of an Authorization header, so that no signature is repeated."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _word(text: str) -> str:
    """Return a word of an Authorization header for a message, or its length if it could be a misplaced secret."""
    return text if _WORD.fullmatch(text) else f"({len(text)} characters)"


def _shown(text: str) -> str:
    return text if len(text) <= 128 else text[:128] + "…"
