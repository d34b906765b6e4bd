"""What is read of a body: up to which size, of how many parts, and where. The literal numbers are those of the docs."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable

import pytest

from podrole.aws.errors import AWSError
from podrole.aws.protocol.bodies import (
    MAX_OWN_JSON_BYTES,
    MAX_STS_FORM_BYTES,
    MAX_URL_PARAMETERS,
    cbor_of,
    content_of,
    form_of,
    is_small,
    json_of,
    off_loop,
)
from podrole.aws.protocol.wire import HTTPRequest

KIB, MIB = 1024, 1024 * 1024


def request(body: bytes, encoding: str = "") -> HTTPRequest:
    return HTTPRequest("POST", "/", "", [("content-encoding", encoding)] if encoding else [], body, "")


def compressed(content: bytes) -> HTTPRequest:
    return request(gzip.compress(content, 1), "gzip")


LIMITS: list[tuple[str, Callable[[HTTPRequest], bytes], Callable[[int], HTTPRequest], int]] = [
    ("form", form_of, lambda size: request(b"x" * size), 16 * MIB),
    ("compressed form", form_of, lambda size: compressed(b"x" * size), 16 * MIB),
    ("parameters", form_of, lambda count: request(b"&" * (count - 1)), 50_000),
    ("compressed parameters", form_of, lambda count: compressed(b"&" * (count - 1)), 50_000),
    ("JSON", json_of, lambda size: request(b"x" * size), 70 * MIB),
    ("compressed JSON", json_of, lambda size: compressed(b"x" * size), 16 * MIB),
    ("arrays", json_of, lambda count: request(b"[" * count), 300_000),
    ("objects", json_of, lambda count: request(b"{" * count), 300_000),
    ("objects and arrays", json_of, lambda count: request(b"{" * (count // 2) + b"[" * (count - count // 2)), 300_000),
    ("values", json_of, lambda count: request(b"," * count), 500_000),
    ("escapes", json_of, lambda count: request(b"\\" * count), 2_000_000),
    ("CBOR", cbor_of, lambda size: request(b"x" * size), 1280 * KIB),
]


@pytest.mark.parametrize(("read", "made", "most"), [one[1:] for one in LIMITS], ids=[one[0] for one in LIMITS])
def test_body_up_to_the_limit_is_read(
    read: Callable[[HTTPRequest], bytes], made: Callable[[int], HTTPRequest], most: int
) -> None:
    assert read(made(most)) == content_of(made(most))
    with pytest.raises(AWSError) as raised:
        read(made(most + 1))
    assert (raised.value.error_code, raised.value.status) == ("RequestEntityTooLarge", 413)


def test_json_may_have_a_limit_of_its_own() -> None:
    assert json_of(request(b"abc"), 3) == b"abc"
    with pytest.raises(AWSError):
        json_of(request(b"abcd"), 3)


def test_limits_of_what_is_read_on_the_event_loop() -> None:
    assert (MAX_STS_FORM_BYTES, MAX_OWN_JSON_BYTES, MAX_URL_PARAMETERS) == (512 * KIB, 256 * KIB, 2_000)


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        (request(b"a"), b"a"),
        (request(b"a", "identity"), b"a"),
        (request(gzip.compress(b"a"), "GZIP"), b"a"),
        (request(b"", "gzip"), b""),
    ],
)
def test_body_is_read_without_its_compression(http: HTTPRequest, expected: bytes) -> None:
    assert content_of(http) == expected


@pytest.mark.parametrize(
    "body",
    [b"a", gzip.compress(b"abc")[:-9], gzip.compress(b"abc") + b"more", b"\x1f\x8b\x08\x00" + b"\xff" * 20],
    ids=["text", "cut", "more", "not gzip"],  # the time is in what gzip writes
)
def test_body_that_is_not_the_gzip_that_it_says_is_refused(body: bytes) -> None:
    with pytest.raises(AWSError) as raised:
        content_of(request(body, "gzip"))
    assert (raised.value.error_code, raised.value.status) == ("MalformedInput", 400)


@pytest.mark.parametrize(
    ("http", "small"),
    [
        (request(b"x" * 64 * KIB), True),
        (request(b"x" * 64 * KIB + b"x"), False),
        (compressed(b"a"), False),
        (request(b"", "gzip"), True),
    ],
)
def test_large_or_compressed_body_is_read_in_a_worker_thread(http: HTTPRequest, small: bool) -> None:
    assert is_small(http) is small
    thread = asyncio.run(off_loop(http, threading.current_thread))
    assert (thread is threading.current_thread()) is small
