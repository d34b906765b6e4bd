"""Requests signed by botocore, as the endpoint receives them, without an endpoint."""

from __future__ import annotations

import datetime
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from podrole.aws.protocol.wire import HTTPRequest

URL = "http://127.0.0.1:4566"


def signed_request(
    service: str,
    *,
    key: str,
    secret: str,
    token: str | None = None,
    at: float,
    method: str = "POST",
    path: str = "/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    region: str = "us-east-1",
    signer: str = "SigV4Auth",
    payload: str | None = None,
    **options: Any,
) -> HTTPRequest:
    """Sign with botocore at a time in epoch seconds. ``payload`` stands in the signature for the body's hash."""
    request = AWSRequest(method, URL + path, headers=dict(headers or {}), data=body)
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).replace(tzinfo=None)
    instance = getattr(auth, signer)(Credentials(key, secret, token), service, region, **options)
    if payload is not None:
        instance.payload = lambda _: payload
    with mock.patch.object(auth, "get_current_datetime", return_value=moment):
        instance.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    received = [] if "Host" in prepared.headers else [("host", parts.netloc)]
    received += [(n.lower(), v.decode() if isinstance(v, bytes) else str(v)) for n, v in prepared.headers.items()]
    received = [(name, value) for name, value in received if name != "content-length"]
    return HTTPRequest(method, parts.path or "/", parts.query, received, body, "127.0.0.1")
