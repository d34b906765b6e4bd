"""Signing with AWS Signature Version 4, for the Pod Identity agent, which calls EKS Auth.

Uses the canonical request of ``podrole.aws.signature.signed_text``, with which requests are verified.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from urllib.parse import urlsplit

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import parsing, signed_text
from podrole.aws.signature.parsing import Signature
from podrole.sts.credentials import Credentials


def signed_headers(
    method: str, url: str, body: bytes, credentials: Credentials, service: str, region: str, now: float
) -> dict[str, str]:
    """Return the headers of a signed JSON request. ``now`` is epoch seconds. The URL must not have a query string."""
    parts = urlsplit(url)
    timestamp = datetime.datetime.fromtimestamp(int(now), datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/json",
        "host": parts.netloc,
        "x-amz-date": timestamp,
        "x-amz-security-token": credentials.session_token,
    }
    names = tuple(sorted(headers))
    date = timestamp[:8]
    signature = Signature(
        credential="",
        key_id=credentials.access_key_id,
        date=date,
        region=region,
        service=service,
        terminator=parsing.TERMINATOR,
        signed_headers=names,
        value="",
        timestamp=timestamp,
        signed_at=int(now),
        session_token=None,
        presigned=False,
    )
    request = HTTPRequest(method, parts.path, "", list(headers.items()), body, "")
    canonical = signed_text.canonical_request(request, signature, signed_text.body_hash(body), s3=False)
    key = signed_text.signing_key(credentials.secret_access_key, date, region, service)
    to_sign = signed_text.string_to_sign(signature, canonical)
    value = hmac.digest(key, to_sign.encode(), hashlib.sha256).hex()
    headers["authorization"] = (
        f"{parsing.ALGORITHM} Credential={credentials.access_key_id}/{signature.scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={value}"
    )
    return headers
