"""Each check of an S3 payload and of a body in chunks has a case that only this check refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac

import msgspec
import pytest

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import chunked
from podrole.aws.signature.faults import SignatureRefused
from podrole.aws.signature.parsing import Signature

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DATE, SCOPE = "20260131T120000Z", "20260131/us-east-1/s3/aws4_request"
SEED = "a" * 64
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY = hashlib.sha256(b"").hexdigest()
FULL = b"x" * 8_192
CHUNKS = [FULL, FULL, b"the end"]
CRC = {"x-amz-checksum-crc32": "AAAAAA=="}


def signature(*, presigned: bool = False) -> Signature:
    return Signature(
        f"AKIAIOSFODNN7EXAMPLE/{SCOPE}",
        "AKIAIOSFODNN7EXAMPLE",
        *SCOPE.split("/"),
        ("host",),
        SEED,
        DATE,
        1_769_860_800,
        None,
        presigned,
    )


def request(body: bytes, query: str = "", **headers: str) -> HTTPRequest:
    return HTTPRequest("PUT", "/b/k", query, [(name.replace("_", "-"), v) for name, v in headers.items()], body, "")


def refused(check: object, *arguments: object) -> tuple[str, str]:
    """Return the code and status of the refusal."""
    with pytest.raises(SignatureRefused) as raised:
        check(*arguments)  # type: ignore[operator]
    return raised.value.evidence.get("code", raised.value.fault), raised.value.evidence.get("status", "400")


# What stands for the body in the signature


HASH = hashlib.sha256(b"body").hexdigest()
INVALID = ("InvalidArgument", "400")


@pytest.mark.parametrize(
    ("stated", "presigned", "expected"),
    [
        (HASH, False, None),
        (HASH, True, None),
        ("UNSIGNED-PAYLOAD", False, None),
        ("UNSIGNED-PAYLOAD", True, None),
        (SIGNED, False, None),
        (SIGNED_TRAILER, False, None),
        (UNSIGNED_TRAILER, False, None),
        (SIGNED, True, INVALID),
        (SIGNED_TRAILER, True, INVALID),
        (UNSIGNED_TRAILER, True, INVALID),
        ("STREAMING-AWS4-HMAC-SHA256-EVENTS", False, INVALID),
        ("unsigned-payload", False, INVALID),
        ("", False, INVALID),
        ("", True, INVALID),
        (HASH.upper(), False, INVALID),
        (HASH + "0", False, INVALID),
        (EMPTY, False, ("XAmzContentSHA256Mismatch", "400")),
        (EMPTY, True, ("XAmzContentSHA256Mismatch", "400")),
    ],
)
@pytest.mark.parametrize("where", ["header", "query"])
def test_the_stated_hash_is_checked(where: str, stated: str, presigned: bool, expected: tuple[str, str] | None) -> None:
    http, in_header = request(b"body"), stated if where == "header" else None
    if where == "query":
        if not presigned:
            # Only a presigned request has it in its query.
            http = request(b"body", f"X-Amz-Date=d&X-Amz-Content-Sha256={stated}")
            assert refused(chunked.s3_payload_hash, http, signature(), None) == ("InvalidRequest", "400")
            return
        http = request(b"body", f"X-Amz-Date=d&X-Amz-Content-Sha256={stated}")
    if expected is None:
        assert chunked.s3_payload_hash(http, signature(presigned=presigned), in_header) == stated
    else:
        assert refused(chunked.s3_payload_hash, http, signature(presigned=presigned), in_header) == expected


def test_without_a_hash_a_presigned_request_is_unsigned_and_another_is_refused() -> None:
    assert chunked.s3_payload_hash(request(b"body"), signature(presigned=True), None) == "UNSIGNED-PAYLOAD"
    assert refused(chunked.s3_payload_hash, request(b"body"), signature(), None) == ("InvalidRequest", "400")


def test_the_header_comes_before_the_query() -> None:
    http = request(b"body", f"X-Amz-Content-Sha256={HASH}")
    assert chunked.s3_payload_hash(http, signature(presigned=True), "UNSIGNED-PAYLOAD") == "UNSIGNED-PAYLOAD"


# Bodies in chunks


def hmac_of(text: str) -> str:
    key = ("AWS4" + SECRET).encode()
    for part in SCOPE.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def signed_body(chunks: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    """Write a body whose chunks are signed, and its trailers if there are any."""
    previous, body = SEED, b""
    for chunk in [*chunks, b""]:
        previous = hmac_of(f"AWS4-HMAC-SHA256-PAYLOAD\n{DATE}\n{SCOPE}\n{previous}\n{EMPTY}\n{sha256(chunk)}")
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        final = hmac_of(f"AWS4-HMAC-SHA256-TRAILER\n{DATE}\n{SCOPE}\n{previous}\n{sha256(lines.encode())}")
        body += lines.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{final}\r\n".encode()
    return body + b"\r\n"


def unsigned_body(chunks: list[bytes], trailers: dict[str, str]) -> bytes:
    body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\n"
    return body + "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode() + b"\r\n"


def in_chunks(form: str, chunks: list[bytes] = CHUNKS, trailers: dict[str, str] = CRC, **headers: str) -> HTTPRequest:
    body = unsigned_body(chunks, trailers) if form == UNSIGNED_TRAILER else signed_body(chunks, trailers)
    announced = {"x_amz_trailer": ",".join(trailers)}
    if form == SIGNED:
        body, announced = signed_body(chunks), {}
    length = str(len(b"".join(chunks)))
    given = {"x_amz_content_sha256": form, "x_amz_decoded_content_length": length, **announced, **headers}
    return request(body, **given)


def decoded(http: HTTPRequest) -> HTTPRequest:
    return chunked.decode(http, signature(), SECRET)


def edited(http: HTTPRequest, old: bytes, new: bytes) -> HTTPRequest:
    assert old in http.body
    return msgspec.structs.replace(http, body=http.body.replace(old, new, 1))


FORMS = [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chunks", [[], [b"x"], [FULL], [FULL, FULL], CHUNKS, [FULL + b"more", b"x"]])
def test_the_content_of_the_chunks_becomes_the_body(form: str, chunks: list[bytes]) -> None:
    assert decoded(in_chunks(form, chunks)).body == b"".join(chunks)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("encoding", "kept"),
    [
        (None, None),
        ("aws-chunked", None),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("br,,gzip", "br,gzip"),
    ],
)
def test_the_headers_of_a_decoded_body_do_not_mention_chunks(form: str, encoding: str | None, kept: str | None) -> None:
    headers = {} if encoding is None else {"content_encoding": encoding}
    http = decoded(in_chunks(form, x_amz_meta_a="1", **headers))
    trailers = {} if form == SIGNED else CRC
    encodings = {} if kept is None else {"content-encoding": kept}
    assert http.header == {"x-amz-meta-a": "1", **trailers, **encodings}


@pytest.mark.parametrize("stated", [None, HASH, "UNSIGNED-PAYLOAD"])
def test_another_body_stays_as_it_is(stated: str | None) -> None:
    http = request(b"2000\r\n", **({} if stated is None else {"x_amz_content_sha256": stated}))
    assert decoded(http) is http


NO_LENGTH = ("MissingContentLength", "411")


@pytest.mark.parametrize(
    "length", ["", "many", "-1", "+1", " 1", "1 ", "1_0", "0x10", "1e3", "²", "٣", "1" * 16, "9" * 5_000]
)
@pytest.mark.parametrize("form", FORMS)
def test_a_decoded_length_is_a_number(form: str, length: str) -> None:
    assert refused(decoded, in_chunks(form, x_amz_decoded_content_length=length)) == NO_LENGTH


@pytest.mark.parametrize("form", FORMS)
def test_a_decoded_length_must_be_there_and_true(form: str) -> None:
    http = in_chunks(form)
    without = [(name, value) for name, value in http.headers if name != "x-amz-decoded-content-length"]
    assert refused(decoded, msgspec.structs.replace(http, headers=without)) == NO_LENGTH
    for length in ("0", "16390", "16392", "9" * 15):
        wrong = in_chunks(form, x_amz_decoded_content_length=length)
        assert refused(decoded, wrong) == ("IncompleteBody", "400")


CUT = ("IncompleteBody", "400")
NO_MATCH = ("signature-mismatch", "400")
MALFORMED = ("MalformedTrailerError", "400")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("chunks", "passes"),
    [
        ([FULL, FULL], True),
        ([FULL, b"x"], True),
        ([FULL[:-1]], True),
        ([FULL[:-1], b"x"], False),
        ([b"x", FULL], False),
        ([FULL, b"x", b"x"], False),
    ],
)
def test_only_the_last_chunk_is_small(form: str, chunks: list[bytes], passes: bool) -> None:
    if passes:
        assert decoded(in_chunks(form, chunks)).body == b"".join(chunks)
    else:
        assert refused(decoded, in_chunks(form, chunks)) == ("InvalidChunkSizeError", "403")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2000", b"zzzz"),
        (b"2000", b""),
        (b"2000", b"-2000"),
        (b"2000", b"0x2000"),
        (b"2000", b"000002000"),
        (b"2000", b"2001"),
        (b"2000", b"1fff"),
        (b"2000", b"ffffffff"),
        (b"x\r\n2000", b"x\n2000"),
        (b"x\r\n2000", b"x2000"),
        (b"x\r\n7", b"x\n\r7"),
        (b"end\r\n", b"end"),
    ],
)
def test_a_chunk_that_is_not_framed_well_is_refused(form: str, old: bytes, new: bytes) -> None:
    assert refused(decoded, edited(in_chunks(form), old, new)) in (CUT, NO_MATCH)
    if form == UNSIGNED_TRAILER:  # where no signature refuses it
        assert refused(decoded, edited(in_chunks(form), old, new)) == CUT


@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_ends_anywhere_too_early_is_refused(form: str) -> None:
    http = in_chunks(form, [b"content"])
    chunks = http.body.find(b"x-amz-") if form == SIGNED_TRAILER else len(http.body)
    for size in range(len(http.body)):
        cut = msgspec.structs.replace(http, body=http.body[:size])
        # Of a signed trailer the signature may be what is missing.
        assert refused(decoded, cut) in ([CUT] if size < chunks else [CUT, NO_MATCH]), size


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("more", [b"x", b"\r\n", b"0\r\n\r\n"])
def test_nothing_follows_the_last_chunk(form: str, more: bytes) -> None:
    http = in_chunks(form)
    assert refused(decoded, msgspec.structs.replace(http, body=http.body + more)) == CUT


@pytest.mark.parametrize("form", [SIGNED, SIGNED_TRAILER])
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("change", ["missing", "altered"])
def test_each_chunk_needs_its_own_signature(form: str, number: int, change: str) -> None:
    http = in_chunks(form)
    at = -1
    for _ in range(number + 1):
        at = http.body.index(b";chunk-signature=", at + 1)
    end = at + len(";chunk-signature=") + 64
    first = http.body[end - 64 : end - 63]
    other = b"" if change == "missing" else http.body[at : end - 64] + (b"1" if first == b"0" else b"0")
    body = http.body[:at] + other + (b"" if change == "missing" else http.body[end - 63 : end]) + http.body[end:]
    assert refused(decoded, msgspec.structs.replace(http, body=body)) == NO_MATCH


@pytest.mark.parametrize("form", [SIGNED, SIGNED_TRAILER])
def test_a_chunk_signature_covers_its_content_and_the_chunk_before(form: str) -> None:
    assert refused(decoded, edited(in_chunks(form), b"the end", b"thE end")) == NO_MATCH
    two = in_chunks(form, [b"a" * 8_192, b"b" * 8_192])
    swapped = two.body.replace(b"a" * 8_192, b"?").replace(b"b" * 8_192, b"a" * 8_192).replace(b"?", b"b" * 8_192)
    assert refused(decoded, msgspec.structs.replace(two, body=swapped)) == NO_MATCH


@pytest.mark.parametrize("part", ["date", "scope", "seed", "secret"])
def test_a_chunk_signature_covers_what_the_request_signed(part: str) -> None:
    changed = {
        "date": dataclasses.replace(signature(), timestamp="20260131T120001Z"),
        "scope": dataclasses.replace(signature(), region="eu-west-1"),
        "seed": dataclasses.replace(signature(), value="b" * 64),
        "secret": signature(),
    }[part]
    secret = "other" if part == "secret" else SECRET
    assert refused(chunked.decode, in_chunks(SIGNED), changed, secret) == NO_MATCH


# Trailers


def test_a_signed_trailer_needs_its_signature() -> None:
    http = in_chunks(SIGNED_TRAILER)
    assert refused(decoded, edited(http, b"AAAAAA==", b"AAAAAQ==")) == NO_MATCH
    start = http.body.index(b"x-amz-trailer-signature")
    assert refused(decoded, msgspec.structs.replace(http, body=http.body[:start] + b"\r\n")) == NO_MATCH
    assert refused(decoded, edited(http, b"x-amz-checksum-crc32:AAAAAA==\r\n", b"")) == NO_MATCH


def test_a_form_without_trailers_takes_none() -> None:
    http = in_chunks(SIGNED, x_amz_trailer="x-amz-checksum-crc32")
    body = http.body[:-2] + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert refused(decoded, msgspec.structs.replace(http, body=body)) == CUT


@pytest.mark.parametrize("form", [SIGNED_TRAILER, UNSIGNED_TRAILER])
@pytest.mark.parametrize(
    ("trailers", "announced", "passes"),
    [
        ({}, "", True),
        (CRC, "x-amz-checksum-crc32", True),
        (CRC, "X-Amz-Checksum-Crc32", True),
        (CRC, "x-amz-checksum-sha1, x-amz-checksum-crc32", True),
        (CRC, "", False),
        (CRC, "x-amz-checksum-sha1", False),
        (CRC, "x-amz-checksum", False),
        ({"x-amz-acl": "public-read"}, "x-amz-acl", False),
        ({**CRC, "x-amz-acl": "public-read"}, "x-amz-checksum-crc32,x-amz-acl", False),
        ({"x-amz-copy-source": "/b/secret"}, "x-amz-copy-source", False),
    ],
)
def test_a_trailer_is_an_announced_checksum(form: str, trailers: dict[str, str], announced: str, passes: bool) -> None:
    http = in_chunks(form, trailers=trailers, x_amz_trailer=announced)
    if passes:
        assert decoded(http).header == trailers
    else:
        assert refused(decoded, http) == MALFORMED


def test_a_repeated_trailer_is_refused_in_any_case() -> None:
    for name in ("x-amz-checksum-crc32", "X-AMZ-CHECKSUM-CRC32"):
        twice = edited(in_chunks(UNSIGNED_TRAILER), b"x-amz-checksum", f"{name}:x\r\nx-amz-checksum".encode())
        assert refused(decoded, twice) == MALFORMED


@pytest.mark.parametrize("line", [b"no colon\r\n", b"na me:x\r\n", b":x\r\n"])
def test_a_trailer_has_a_name_and_a_value(line: bytes) -> None:
    http = edited(in_chunks(UNSIGNED_TRAILER), b"x-amz-checksum-crc32:AAAAAA==\r\n", line)
    assert refused(decoded, http) == CUT
