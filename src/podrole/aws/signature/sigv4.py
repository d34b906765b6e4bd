"""Verifying AWS Signature Version 4. Pure.

The text that the client signed is rebuilt from the bytes of the request, and its signature is compared with the one
sent (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The order and the
texts of the checks are those of AWS's query services; ``podrole.aws.signature.refusals`` translates each fault for the
other services. The order:

1. ``parsing.parse_signature``: in the header or the query string, not in both; the required parts; ``host`` is signed;
   the date's format
2. ``check_time``: at most 15 minutes from now, or the lifetime of a presigned S3 URL
3. ``check_scope``: five elements, and each of them
4. the session token and the access key (podrole.aws.authenticate)
5. ``check_signature``
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature.faults import Fault, SignatureRefused, shown
from podrole.aws.signature.parsing import TERMINATOR, Signature
from podrole.aws.signature.signed_text import canonical_request, signing_key, string_to_sign

WINDOW_SECONDS = 15 * 60
MAX_PRESIGNED_SECONDS = 604_800
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


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
            f"got '{shown(signature.credential)}'",
        )
    faults: dict[str, str] = {}
    if not region_pattern.fullmatch(signature.region):
        faults["region"] = f"Credential should be scoped to a valid region, not '{shown(signature.region)}'. "
    if signature.service != service:
        faults["service"] = f"Credential should be scoped to correct service: '{service}'. "
    if signature.terminator != TERMINATOR:
        faults["terminator"] = (
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not "
            f"'{shown(signature.terminator)}'. "
        )
    if signature.date != signature.timestamp[:8]:
        faults["date"] = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{shown(signature.date)}' != '{signature.timestamp[:8]}', from '{signature.timestamp}'."
        )
    if faults:
        raise SignatureRefused(
            Fault.SCOPE,
            "".join(faults.values()),
            element=next(iter(faults)),
            service=service,
            got=shown(getattr(signature, next(iter(faults)))),
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


def _basic(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def _extended(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
