"""The text that a client signs, in each of its parts."""

from __future__ import annotations

import pytest

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import parsing, signed_text
from support.sigv4_requests import (
    request_of,
)


@pytest.mark.parametrize(
    ("value", "is_hash"),
    [("0" * 64, True), ("A" * 64, False), ("0" * 63, False), ("0" * 65, False), ("0" * 64 + "\n", False)],
)
def test_a_hash_is_64_small_hex_digits(value: str, is_hash: bool) -> None:
    assert signed_text.claims_hash(value) is is_hash


@pytest.mark.parametrize(
    ("query", "presigned", "canonical"),
    [
        ("", False, ""),
        ("b=2&a=1", False, "a=1&b=2"),
        ("a=2&a=1", False, "a=1&a=2"),
        ("&&a=1&", False, "a=1"),
        ("a", False, "a="),
        ("a=b=c", False, "a=b%3Dc"),
        ("a=%7e+%2f", False, "a=~%2B%2F"),
        ("X-Amz-Signature=1&a=1", True, "a=1"),
        ("X-Amz-Signature=1&a=1", False, "X-Amz-Signature=1&a=1"),
        ("x-amz-signature=1", True, "x-amz-signature=1"),
    ],
)
def test_a_query_is_sorted_and_encoded_once(query: str, presigned: bool, canonical: str) -> None:
    request = HTTPRequest("GET", "/", query, [("host", "x")], b"", "")
    signature = parsing.parse_signature(request_of("query" if presigned else "header"))
    lines = signed_text.canonical_request(request, signature, "h", s3=False).split(b"\n")
    assert lines[2].decode() == canonical


@pytest.mark.parametrize(
    ("path", "s3", "canonical"),
    [
        ("/", True, "/"),
        ("/", False, "/"),
        ("/b/a%20b", True, "/b/a%20b"),
        ("/b/a%20b", False, "/b/a%2520b"),
        ("/b/../a//.", True, "/b/../a//."),
        ("/b/../a//c", False, "/a/c"),
        ("/b/a%2fb", True, "/b/a%2Fb"),
        ("/b/~a!", True, "/b/~a%21"),
        ("/b/~a!", False, "/b/~a%21"),
    ],
)
def test_a_path_is_encoded_once_for_s3_and_twice_for_others(path: str, s3: bool, canonical: str) -> None:
    request = HTTPRequest("GET", path, "", [("host", "x")], b"", "")
    signature = parsing.parse_signature(request_of("header"))
    lines = signed_text.canonical_request(request, signature, "h", s3=s3).split(b"\n")
    assert lines[1].decode() == canonical
