"""Signing with AWS Signature Version 4, for the Pod Identity agent, which calls EKS Auth.

Uses the canonical request of ``podrole.aws.signature.sigv4``, which verifies it.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from urllib.parse import urlsplit

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import sigv4
from podrole.aws.signature.sigv4 import Signature
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
        terminator=sigv4.TERMINATOR,
        signed_headers=names,
        value="",
        timestamp=timestamp,
        signed_at=int(now),
        session_token=None,
        presigned=False,
    )
    request = HTTPRequest(method, parts.path, "", list(headers.items()), body, "")
    canonical = sigv4.canonical_request(request, signature, sigv4.body_hash(body), s3=False)
    key = sigv4.signing_key(credentials.secret_access_key, date, region, service)
    to_sign = sigv4.string_to_sign(signature, canonical)
    value = hmac.digest(key, to_sign.encode(), hashlib.sha256).hex()
    headers["authorization"] = (
        f"{sigv4.ALGORITHM} Credential={credentials.access_key_id}/{signature.scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={value}"
    )
    return headers
