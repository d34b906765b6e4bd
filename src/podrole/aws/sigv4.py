"""AWS Signature Version 4, on the verifying side. Pure.

What a client signed is rebuilt from the request as it came and compared
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The order of the
checks and their texts follow what AWS's query services answer; ``podrole.aws.refusals`` turns each fault into
another service's words where it has its own.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote_to_bytes

from podrole.aws.wire import HTTPRequest

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
WINDOW_SECONDS = 15 * 60
MAX_PRESIGNED_SECONDS = 604_800
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_UNRESERVED = "-_.~"
_DATE = re.compile(r"(\d{8})T(\d{6})Z")
_HEX_HASH = re.compile(r"[0-9a-f]{64}")


class Fault(StrEnum):
    """Why a request is not authenticated."""

    MISSING = "missing-authentication"
    INCOMPLETE = "incomplete-signature"
    MISMATCH = "signature-mismatch"
    EXPIRED_SIGNATURE = "signature-expired"
    NOT_YET_CURRENT = "signature-not-yet-current"
    EXPIRED_URL = "presigned-url-expired"
    SCOPE = "credential-scope"
    UNKNOWN_KEY = "unknown-access-key"
    BAD_TOKEN = "invalid-session-token"  # noqa: S105 - the name of a fault
    EXPIRED_TOKEN = "expired-session-token"  # noqa: S105 - the name of a fault
    PAYLOAD = "payload-hash"
    UNSIGNED_HEADERS = "headers-not-signed"


class SignatureRefused(Exception):
    """The request does not prove who sent it. ``message`` is the text of AWS's query services."""

    def __init__(self, fault: Fault, message: str, **evidence: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its own signature. ``expires`` is a presigned URL's life in seconds."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str = field(repr=False)
    timestamp: str
    session_token: str | None = field(repr=False)
    presigned: bool
    expires: int | None = None

    @property
    def scope(self) -> str:
        """The credential scope, without the key."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def is_signed(request: HTTPRequest) -> bool:
    """Say whether the request carries any SigV4 material."""
    return "authorization" in request.header or any(name == "X-Amz-Algorithm" for name, _ in request.query_pairs)


def parse_signature(request: HTTPRequest) -> Signature:
    """Read the signature from the Authorization header or the query string. Raises SignatureRefused.

    Checks its form (the required parts, the date's format, five elements of scope), not its truth.
    """
    in_query = any(name == "X-Amz-Algorithm" for name, _ in request.query_pairs)
    in_header = "authorization" in request.header
    if in_query and in_header:
        raise SignatureRefused(Fault.MISMATCH, "")
    if in_header:
        return _from_header(request)
    if in_query:
        return _from_query(request)
    raise SignatureRefused(Fault.MISSING, "Request is missing Authentication Token")


def _from_header(request: HTTPRequest) -> Signature:
    text = request.header["authorization"]
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise SignatureRefused(Fault.INCOMPLETE, f"Unsupported AWS 'algorithm': '{_shown(algorithm)}'.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise SignatureRefused(
                Fault.INCOMPLETE,
                f"'{_shown(name)}' not a valid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{_digest(text)}'.",
            )
        parts[name] = value  # of a repeated part the last wins
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
        query.setdefault(name, value)  # of a repeated parameter the first wins
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise SignatureRefused(Fault.MISSING, "Missing Authentication Token")
    missing = [
        name
        for name in ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
        if not query.get(name)
    ]
    if missing:
        text = " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        raise SignatureRefused(Fault.INCOMPLETE, f"{text} Re-examine the query-string parameters.")
    expires = query.get("X-Amz-Expires")
    return _signature(
        query["X-Amz-Credential"],
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        query["X-Amz-Date"],
        session_token=query.get("X-Amz-Security-Token") or request.header.get("x-amz-security-token"),
        presigned=True,
        expires=int(expires) if expires is not None and expires.isascii() and expires.isdigit() else None,
    )


def _signature(
    credential: str,
    signed_headers: str,
    value: str,
    timestamp: str,
    *,
    session_token: str | None,
    presigned: bool = False,
    expires: int | None = None,
) -> Signature:
    headers = tuple(signed_headers.lower().split(";"))
    if "host" not in headers and ":authority" not in headers:
        raise SignatureRefused(
            Fault.MISMATCH, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    if not _DATE.fullmatch(timestamp) or _epoch(timestamp) is None:
        raise SignatureRefused(
            Fault.INCOMPLETE,
            f"Date must be in ISO-8601 'basic format'. Got '{_shown(timestamp)}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601",
        )
    elements = credential.split("/")
    if len(elements) != 5:
        raise SignatureRefused(
            Fault.INCOMPLETE,
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{_shown(credential)}'",
        )
    key_id, date, region, service, terminator = elements
    if terminator != TERMINATOR:
        raise SignatureRefused(
            Fault.SCOPE,
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{_shown(terminator)}'. ",
        )
    return Signature(key_id, date, region, service, headers, value, timestamp, session_token, presigned, expires)


def check_time(signature: Signature, now: float) -> None:
    """Refuse a signature outside the window of fifteen minutes around ``now``, or a presigned URL that is over."""
    signed_at = _epoch(signature.timestamp)
    if signed_at is None:
        raise ValueError("the signature's date was checked when it was parsed")
    seconds = int(now)
    if signature.presigned and signature.expires is not None:
        if seconds > signed_at + signature.expires:
            raise SignatureRefused(
                Fault.EXPIRED_URL,
                f"Signature expired: {signature.timestamp} is now earlier than {_basic(seconds - signature.expires)} "
                f"({_basic(seconds)} - {signature.expires} sec.)",
                expires=str(signature.expires),
                expired_at=_extended(signed_at + signature.expires),
                now=_extended(seconds),
            )
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


def check_scope(signature: Signature, *, service: str, region_pattern: re.Pattern[str]) -> None:
    """Refuse a credential scope that is for another service or day, or whose region is none."""
    faults = ""
    if not region_pattern.fullmatch(signature.region):
        faults += f"Credential should be scoped to a valid region, not '{_shown(signature.region)}'. "
    if signature.service != service:
        faults += f"Credential should be scoped to correct service: '{service}'. "
    if signature.date != signature.timestamp[:8]:
        faults += (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{_shown(signature.date)}' != '{signature.timestamp[:8]}', from '{signature.timestamp}'."
        )
    if faults:
        raise SignatureRefused(Fault.SCOPE, faults)


def check_signature(request: HTTPRequest, signature: Signature, secret: str, payload_hash: str, *, s3: bool) -> None:
    """Compare the signature with the one that ``secret`` gives, in constant time. Raises SignatureRefused.

    ``payload_hash`` is what the request signed for its body; that it fits the body is the caller's to check.
    """
    canonical = canonical_request(request, signature, payload_hash, s3=s3)
    to_sign = string_to_sign(signature, canonical)
    expected = hmac.digest(signing_key(secret, signature), to_sign.encode(), hashlib.sha256).hex()
    if not hmac.compare_digest(expected.encode(), signature.value.encode("utf-8", "replace")):
        raise SignatureRefused(
            Fault.MISMATCH,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            canonical_request=canonical,
            string_to_sign=to_sign,
        )


def signing_key(secret: str, signature: Signature) -> bytes:
    """Derive the key for the signature's day, region and service."""
    key = hmac.digest(b"AWS4" + secret.encode(), signature.date.encode(), hashlib.sha256)
    for part in (signature.region, signature.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def string_to_sign(signature: Signature, canonical: str) -> str:
    """Return the string whose HMAC is the signature."""
    return f"{ALGORITHM}\n{signature.timestamp}\n{signature.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def canonical_request(request: HTTPRequest, signature: Signature, payload_hash: str, *, s3: bool) -> str:
    """Rebuild the canonical request that the client must have signed.

    S3 encodes the path once and leaves it as it is; every other service normalizes dot segments and encodes it twice.
    """
    headers = _signed_values(request, signature.signed_headers)
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path, s3=s3),
            _canonical_query(request, presigned=signature.presigned),
            "".join(f"{name}:{value}\n" for name, value in headers),
            ";".join(signature.signed_headers),
            payload_hash,
        )
    )


def body_hash(body: bytes) -> str:
    """Return the SHA-256 of a body, hex."""
    return hashlib.sha256(body).hexdigest() if body else _EMPTY_HASH


def claims_hash(value: str) -> bool:
    """Say whether an ``x-amz-content-sha256`` is a hash and not one of S3's words."""
    return bool(_HEX_HASH.fullmatch(value))


def _signed_values(request: HTTPRequest, names: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name in names:
        value = request.header.get(name)
        if value is None:
            # A header that was signed and did not come: what is rebuilt cannot match, and that is the answer.
            value = ""
        found.append((name, " ".join(value.split())))
    return found


def _canonical_path(path: str, *, s3: bool) -> str:
    if s3:  # segment by segment: an encoded slash is part of a key's name
        return "/".join(quote(unquote_to_bytes(segment), safe=_UNRESERVED) for segment in path.split("/"))
    return quote(_without_dot_segments(path), safe="/" + _UNRESERVED)


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
    trailing = "/" if path.endswith("/") and kept else ""  # the SDKs give a last "." or ".." no slash
    return "/" + "/".join(kept) + trailing


def _canonical_query(request: HTTPRequest, *, presigned: bool) -> str:
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in request.query_pairs
        if not (presigned and name == "X-Amz-Signature")
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _epoch(timestamp: str) -> int | None:
    year, month, day, time = timestamp[0:4], timestamp[4:6], timestamp[6:8], timestamp[9:15]
    try:
        midnight = datetime.date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None  # the digits are there, the day is not
    hours, minutes, seconds = int(time[0:2]), int(time[2:4]), int(time[4:6])
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return ((midnight * 24 + hours) * 60 + minutes) * 60 + seconds


def _basic(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def _extended(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(text: str) -> str:
    """AWS shows an Authorization header only as a hash, so that no signature is repeated."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(text: str) -> str:
    return text if len(text) <= 128 else text[:128] + "…"
