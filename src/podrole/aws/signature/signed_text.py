"""The text that a client signs, rebuilt from the bytes of its request, and the key that signs it. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from urllib.parse import quote, unquote_to_bytes

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature.parsing import ALGORITHM, TERMINATOR, Signature

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_UNRESERVED = "-_.~"
_HEX_HASH = re.compile(r"[0-9a-f]{64}")


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
