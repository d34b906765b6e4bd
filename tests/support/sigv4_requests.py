"""Requests with the same signature in the header or in the query string, and what the checks say of them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature.faults import SignatureRefused

KEY = "AKIAIOSFODNN7EXAMPLE"
DATE = "20260131T120000Z"
NOON = int(datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC).timestamp())
REGION = re.compile(r"[a-z]{2}-[a-z]+-\d")
CREDENTIAL = f"{KEY}/20260131/us-east-1/sts/aws4_request"
PARTS = {"Credential": CREDENTIAL, "SignedHeaders": "host", "Signature": "0" * 64}
QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": CREDENTIAL,
    "X-Amz-Signature": "0" * 64,
    "X-Amz-Date": DATE,
    "X-Amz-SignedHeaders": "host",
}
FORMS = ["header", "query"]
NAMES = {"Credential": "X-Amz-Credential", "SignedHeaders": "X-Amz-SignedHeaders", "Signature": "X-Amz-Signature"}


def request_of(form: str, date: str = DATE, headers: dict[str, str] | None = None, **parts: str) -> HTTPRequest:
    """Return the same signature in the Authorization header or in the query string."""
    given = [("host", "127.0.0.1"), *(headers or {}).items()]
    if form == "header":
        text = ", ".join(f"{name}={value}" for name, value in {**PARTS, **parts}.items())
        given += [("authorization", f"AWS4-HMAC-SHA256 {text}"), ("x-amz-date", date)]
        return HTTPRequest("GET", "/", "", given, b"", "")
    query = {**QUERY, "X-Amz-Date": date, **{NAMES.get(name, name): value for name, value in parts.items()}}
    return HTTPRequest("GET", "/", "&".join(f"{name}={value}" for name, value in query.items()), given, b"", "")


def url(query: dict[str, str]) -> HTTPRequest:
    return HTTPRequest("GET", "/", "&".join(f"{n}={v}" for n, v in query.items()), [("host", "127.0.0.1")], b"", "")


def refused(check: Callable[..., Any], *arguments: Any, **options: Any) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as raised:
        check(*arguments, **options)
    assert str(raised.value) == raised.value.message
    return raised.value
