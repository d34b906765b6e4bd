"""S3: every form of payload and of presigned URL passes when it is right, and is refused when one thing is not."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth

from support.aws import ADMIN_SECRET, REGION, LocalAWS
from support.signing import Signed, sign

CHUNKS = [b"a" * 8_192, b"b" * 8_192, b"the end"]
CONTENT = b"".join(CHUNKS)
EMPTY = hashlib.sha256(b"").hexdigest()
SIGNED, SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def signing_key(date: str, service: str = "s3", secret: str = ADMIN_SECRET) -> bytes:
    """RFC-like derivation, written once more here so that nothing is compared with itself."""
    key = f"AWS4{secret}".encode()
    for part in (date, REGION, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def put(aws: LocalAWS, payload_hash: str, *, body: bytes = b"", **headers: str) -> Signed:
    """Sign a PUT whose body is of the given form; the body itself may still be replaced."""
    named = {"x-amz-content-sha256": payload_hash, **{name.replace("_", "-"): value for name, value in headers.items()}}

    class Signer(SigV4Auth):
        def payload(self, request: Any) -> str:
            return payload_hash

        def _should_sha256_sign_payload(self, request: Any) -> bool:
            return True

        def _normalize_url_path(self, path: str) -> str:
            return path

    from botocore import auth

    auth.TestSigner = Signer  # type: ignore[attr-defined]
    return sign(aws, "s3", method="PUT", path="/bucket/key", headers=named, body=body, signer="TestSigner")


def in_chunks(request: Signed, chunks: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    """Write a body in signed chunks."""
    date = request.headers["X-Amz-Date"]
    key = signing_key(date[:8])
    scope = f"{date}\n{date[:8]}/{REGION}/s3/aws4_request"
    previous = request.headers["Authorization"][-64:]
    body = b""
    for chunk in [*chunks, b""]:
        to_sign = f"AWS4-HMAC-SHA256-PAYLOAD\n{scope}\n{previous}\n{EMPTY}\n{hashlib.sha256(chunk).hexdigest()}"
        previous = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        to_sign = f"AWS4-HMAC-SHA256-TRAILER\n{scope}\n{previous}\n{hashlib.sha256(lines.encode()).hexdigest()}"
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        body += lines.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{signature}\r\n".encode()
    return body + b"\r\n"


def unsigned_chunks(chunks: list[bytes], trailers: dict[str, str]) -> bytes:
    body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\n"
    return body + "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode() + b"\r\n"


LENGTH = {"x_amz_decoded_content_length": str(len(CONTENT)), "content_encoding": "aws-chunked"}
CHECKSUM = {"x-amz-checksum-crc32": "AAAAAA=="}


def streaming(aws: LocalAWS, chunks: list[bytes] = CHUNKS, **headers: str) -> Signed:
    request = put(aws, SIGNED, **{**LENGTH, **headers})
    return request.changed(body=in_chunks(request, chunks))


def with_trailer(aws: LocalAWS, trailers: dict[str, str] = CHECKSUM, announced: str = "x-amz-checksum-crc32") -> Signed:
    request = put(aws, SIGNED_TRAILER, **LENGTH, x_amz_trailer=announced)
    return request.changed(body=in_chunks(request, CHUNKS, trailers))


def with_unsigned_trailer(
    aws: LocalAWS, trailers: dict[str, str] = CHECKSUM, announced: str = "x-amz-checksum-crc32"
) -> Signed:
    request = put(aws, UNSIGNED_TRAILER, **LENGTH, x_amz_trailer=announced)
    return request.changed(body=unsigned_chunks(CHUNKS, trailers))


PASSES: dict[str, Callable[[LocalAWS], Signed]] = {
    "a signed hash": lambda aws: put(aws, hashlib.sha256(CONTENT).hexdigest(), body=CONTENT),
    "the word unsigned": lambda aws: put(aws, "UNSIGNED-PAYLOAD", body=CONTENT),
    "signed chunks": streaming,
    "signed chunks with a trailer": with_trailer,
    "chunks without signatures, with a trailer": with_unsigned_trailer,
}


def bucket(aws: LocalAWS) -> Any:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    return s3


@pytest.mark.parametrize("form", PASSES.values(), ids=PASSES.keys())
def test_an_object_is_stored_from(aws: LocalAWS, form: Callable[[LocalAWS], Signed]) -> None:
    s3 = bucket(aws)
    answer = form(aws).send(aws)
    assert answer.status_code == 200, answer.text
    stored = s3.get_object(Bucket="bucket", Key="key")
    assert stored["Body"].read() == CONTENT
    assert "aws-chunked" not in stored.get("ContentEncoding", "")


def edited(request: Signed, old: bytes, new: bytes) -> Signed:
    assert old in request.body
    return request.changed(body=request.body.replace(old, new, 1))


def _without_chunk(aws: LocalAWS) -> Signed:
    request = streaming(aws)
    start = request.body.index(b"2000;", 10)
    end = request.body.index(b"7;", start)
    return request.changed(body=request.body[:start] + request.body[end:])


def _swapped(aws: LocalAWS) -> Signed:
    request = streaming(aws)
    first, second = CHUNKS[0], CHUNKS[1]
    swapped = request.body.replace(first, b"\0").replace(second, first).replace(b"\0", second)
    return request.changed(body=swapped)


NO_MATCH = (403, "SignatureDoesNotMatch")
CUT = (400, "IncompleteBody")
TRAILER = (400, "MalformedTrailerError")
REFUSED: dict[str, tuple[Callable[[LocalAWS], Signed], tuple[int, str]]] = {
    "another body than the hash says": (
        lambda aws: put(aws, hashlib.sha256(b"x").hexdigest(), body=CONTENT),
        (400, "XAmzContentSHA256Mismatch"),
    ),
    "another body than was hashed": (
        lambda aws: put(aws, hashlib.sha256(CONTENT).hexdigest(), body=CONTENT).changed(body=b"other"),
        (400, "XAmzContentSHA256Mismatch"),
    ),
    "the hash replaced by the word unsigned": (
        lambda aws: put(aws, hashlib.sha256(CONTENT).hexdigest(), body=CONTENT).with_header(
            "x-amz-content-sha256", "UNSIGNED-PAYLOAD"
        ),
        NO_MATCH,
    ),
    "no hash": (
        lambda aws: put(aws, "UNSIGNED-PAYLOAD", body=CONTENT).with_header("x-amz-content-sha256", None),
        (400, "InvalidRequest"),
    ),
    "a hash in capitals": (
        lambda aws: put(aws, hashlib.sha256(CONTENT).hexdigest().upper(), body=CONTENT),
        (400, "InvalidArgument"),
    ),
    "a word that means nothing": (lambda aws: put(aws, "SIGNED-PAYLOAD", body=CONTENT), (400, "InvalidArgument")),
    "signed events": (
        lambda aws: put(aws, "STREAMING-AWS4-HMAC-SHA256-EVENTS", body=CONTENT),
        (400, "InvalidArgument"),
    ),
    "chunks of a key of ECDSA": (
        lambda aws: put(aws, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", body=CONTENT),
        (400, "InvalidArgument"),
    ),
    "a chunk altered": (lambda aws: edited(streaming(aws), b"bbbb", b"bbbc"), NO_MATCH),
    "a chunk left out": (_without_chunk, NO_MATCH),
    "chunks swapped": (_swapped, NO_MATCH),
    "a chunk without its signature": (
        lambda aws: (one := streaming(aws)).changed(body=one.body.replace(one.body[4:85], b"", 1)),
        NO_MATCH,
    ),
    "the last chunk altered": (lambda aws: edited(streaming(aws), b"the end", b"thE end"), NO_MATCH),
    "no last chunk": (lambda aws: (one := streaming(aws)).changed(body=one.body[: one.body.rindex(b"0;chunk")]), CUT),
    "a body cut within a chunk": (lambda aws: (one := streaming(aws)).changed(body=one.body[:5_000]), CUT),
    "something behind the last chunk": (lambda aws: (one := streaming(aws)).changed(body=one.body + b"more"), CUT),
    "no line end behind the last chunk": (lambda aws: (one := streaming(aws)).changed(body=one.body[:-2]), CUT),
    "a size that is not a number": (lambda aws: edited(streaming(aws), b"2000;", b"zzzz;"), CUT),
    "a size too large": (lambda aws: edited(streaming(aws), b"2000;", b"ffffffff;"), CUT),
    "a negative size": (lambda aws: edited(streaming(aws), b"2000;", b"-2000;"), CUT),
    "a line end missing between chunks": (lambda aws: edited(streaming(aws), b"aa\r\n2000", b"aa\n2000"), CUT),
    "small chunks": (
        lambda aws: streaming(aws, [b"a", b"b"], x_amz_decoded_content_length="2"),
        (403, "InvalidChunkSizeError"),
    ),
    "another length than stated": (lambda aws: streaming(aws, x_amz_decoded_content_length="1"), CUT),
    "no length stated": (
        lambda aws: (one := put(aws, SIGNED)).changed(body=in_chunks(one, CHUNKS)),
        (411, "MissingContentLength"),
    ),
    "a length that is not a number": (
        lambda aws: streaming(aws, x_amz_decoded_content_length="many"),
        (411, "MissingContentLength"),
    ),
    "no chunks at all": (lambda aws: streaming(aws).changed(body=CONTENT), CUT),
    "chunks of another request": (lambda aws: streaming(aws).changed(body=_of_another(aws)), NO_MATCH),
    "a trailer altered": (lambda aws: edited(with_trailer(aws), b"AAAAAA==", b"AAAAAQ=="), NO_MATCH),
    "a trailer without a signature": (
        lambda aws: (one := with_trailer(aws)).changed(body=one.body[: one.body.index(b"x-amz-trailer-sig")] + b"\r\n"),
        NO_MATCH,
    ),
    "a trailer left out": (lambda aws: edited(with_trailer(aws), b"x-amz-checksum-crc32:AAAAAA==\r\n", b""), NO_MATCH),
    "a trailer that was not announced": (
        lambda aws: with_trailer(aws, {"x-amz-checksum-sha1": "x"}, "x-amz-checksum-crc32"),
        TRAILER,
    ),
    "a trailer that would copy another object": (
        lambda aws: with_trailer(aws, {"x-amz-copy-source": "/secret/object"}, "x-amz-copy-source"),
        TRAILER,
    ),
    "an unsigned trailer that would copy another object": (
        lambda aws: with_unsigned_trailer(aws, {"x-amz-copy-source": "/secret/object"}, "x-amz-copy-source"),
        TRAILER,
    ),
    "an unsigned trailer that would open the object": (
        lambda aws: with_unsigned_trailer(aws, {"x-amz-acl": "public-read"}, "x-amz-acl"),
        TRAILER,
    ),
    "an unsigned trailer twice": (
        lambda aws: edited(with_unsigned_trailer(aws), b"x-amz-checksum", b"x-amz-checksum-crc32:x\r\nx-amz-checksum"),
        TRAILER,
    ),
    "unsigned chunks with something behind": (
        lambda aws: (one := with_unsigned_trailer(aws)).changed(body=one.body + b"0\r\n\r\n"),
        CUT,
    ),
    "a header that was not signed": (
        lambda aws: put(aws, "UNSIGNED-PAYLOAD").with_header("x-amz-acl", "public-read"),
        (403, "AccessDenied"),
    ),
    "a copy source that was not signed": (
        lambda aws: put(aws, "UNSIGNED-PAYLOAD").with_header("x-amz-copy-source", "/bucket/other"),
        (403, "AccessDenied"),
    ),
    "another key": (
        lambda aws: (one := put(aws, "UNSIGNED-PAYLOAD")).changed(url=one.url + "2"),
        NO_MATCH,
    ),
    "a path to another key": (
        lambda aws: (one := put(aws, "UNSIGNED-PAYLOAD")).changed(url=one.url.replace("/key", "/%2E%2E/key")),
        NO_MATCH,
    ),
}


def _of_another(aws: LocalAWS) -> bytes:
    other = put(aws, SIGNED, **LENGTH, x_amz_meta_other="1")
    return in_chunks(other, CHUNKS)


@pytest.mark.parametrize(("spoilt", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_nothing_is_stored_from(aws: LocalAWS, spoilt: Callable[[LocalAWS], Signed], expected: tuple[int, str]) -> None:
    s3 = bucket(aws)
    answer = spoilt(aws).send(aws)
    code = answer.text.partition("<Code>")[2].partition("<")[0]
    assert (answer.status_code, code) == expected
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0


def presigned(aws: LocalAWS, *, method: str = "GET", path: str = "/bucket/key", **options: Any) -> Signed:
    given = {"expires": 60, **options}
    return sign(aws, "s3", method=method, path=path, signer="S3SigV4QueryAuth", **given)


MALFORMED = "AuthorizationQueryParametersError"
REQUIRES = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature"
PARSING = "Error parsing the X-Amz-Credential parameter; "
URLS: dict[str, tuple[Callable[[LocalAWS], Signed], tuple[int, str, str]]] = {
    "that is over": (lambda aws: presigned(aws, offset=-90), (403, "AccessDenied", "Request has expired")),
    "that is not valid yet": (
        lambda aws: presigned(aws, offset=960),
        (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    ),
    "for more than a week": (
        lambda aws: presigned(aws, expires=604_801),
        (400, MALFORMED, "X-Amz-Expires must be less than a week (in seconds); that is"),
    ),
    "for a negative time": (lambda aws: presigned(aws, expires=-1), (400, MALFORMED, "X-Amz-Expires must be non-neg")),
    "whose life was made longer": (
        lambda aws: presigned(aws).replaced("Expires=60", "Expires=600"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
    ),
    "without a life": (lambda aws: presigned(aws).replaced("&X-Amz-Expires=60", ""), (400, MALFORMED, REQUIRES)),
    "without a signature": (
        lambda aws: (one := presigned(aws)).changed(url=one.url[: one.url.index("&X-Amz-Signature")]),
        (400, MALFORMED, REQUIRES),
    ),
    "without an algorithm": (
        lambda aws: presigned(aws).replaced("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
        (400, MALFORMED, REQUIRES),
    ),
    "of another algorithm": (
        lambda aws: presigned(aws).replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        (400, MALFORMED, 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"'),
    ),
    "with a credential of four parts": (
        lambda aws: presigned(aws).replaced("%2Faws4_request", ""),
        (400, MALFORMED, PARSING + 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/'),
    ),
    "with another terminator": (
        lambda aws: presigned(aws).replaced("aws4_request", "aws5_request"),
        (400, MALFORMED, PARSING + 'incorrect terminal "aws5_request". This endpoint uses "aws4_request".'),
    ),
    "with an invalid date": (
        lambda aws: (one := presigned(aws)).changed(url=one.url.replace("Z&X-Amz-Expires", "&X-Amz-Expires")),
        (400, MALFORMED, "X-Amz-Date must be in the ISO8601 Long Format"),
    ),
    "for another method": (
        lambda aws: presigned(aws).changed(method="DELETE"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated"),
    ),
    "with a parameter more": (
        lambda aws: (one := presigned(aws)).changed(url=one.url + "&versionId=1"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated"),
    ),
    "with a header that was not signed": (
        lambda aws: presigned(aws, method="PUT").with_header("x-amz-acl", "public-read"),
        (403, "AccessDenied", "There were headers present in the request which were not signed"),
    ),
    "with an unsigned claim to be in chunks": (
        lambda aws: presigned(aws, method="PUT").with_header("x-amz-content-sha256", UNSIGNED_TRAILER),
        (403, "AccessDenied", "There were headers present in the request which were not signed"),
    ),
    "of an unknown key": (
        lambda aws: presigned(aws, credentials={"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    ),
    "with an Authorization header beside it": (
        lambda aws: presigned(aws).with_header("Authorization", "AWS4-HMAC-SHA256 a=b"),
        (400, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter"),
    ),
}


@pytest.mark.parametrize(("url", "expected"), URLS.values(), ids=URLS.keys())
def test_a_presigned_url_is_refused(
    aws: LocalAWS, url: Callable[[LocalAWS], Signed], expected: tuple[int, str, str]
) -> None:
    bucket(aws).put_object(Bucket="bucket", Key="key", Body=b"secret")
    answer = url(aws).send(aws)
    code, message = (answer.text.partition(f"<{name}>")[2].partition("<")[0] for name in ("Code", "Message"))
    assert (answer.status_code, code) == expected[:2]
    plain = expected[2].replace("<", "&lt;").replace(">", "&gt;")
    assert message.startswith(plain)
    assert "secret" not in answer.text


def test_a_presigned_url_reads_and_writes_as_it_says(aws: LocalAWS) -> None:
    bucket(aws)
    s3 = aws.client("s3", signature_version="s3v4")
    upload = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "a b/é+&=~"}, ExpiresIn=60)
    assert aws.http.put(upload, content=b"content").status_code == 200
    download = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a b/é+&=~"}, ExpiresIn=60)
    assert aws.http.get(download).content == b"content"


@pytest.mark.parametrize("body", [gzip.compress(b"text"), b"no gzip at all"], ids=["gzip", "something else"])
def test_an_objects_own_encoding_is_left_alone(aws: LocalAWS, body: bytes) -> None:
    s3 = bucket(aws)
    s3.put_object(Bucket="bucket", Key="key", Body=body, ContentEncoding="gzip")
    stored = s3.get_object(Bucket="bucket", Key="key")
    assert (stored["Body"].read(), stored["ContentEncoding"]) == (body, "gzip")


def test_an_expired_url_says_when_it_expired(aws: LocalAWS) -> None:
    text = presigned(aws, offset=-90).send(aws).text
    for name in ("X-Amz-Expires", "Expires", "ServerTime"):
        assert f"<{name}>" in text


def test_a_bucket_answers_only_in_its_region_and_names_it(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    near = sign(aws, "s3", method="GET", path="/far?list-type=2", signer="S3SigV4Auth")
    answer = near.send(aws)
    assert answer.status_code == 400
    assert "<Code>AuthorizationHeaderMalformed</Code>" in answer.text
    assert "the region 'us-east-1' is wrong; expecting 'eu-west-1'" in answer.text
    assert "<Region>eu-west-1</Region>" in answer.text
    assert answer.headers["x-amz-bucket-region"] == "eu-west-1"
    there = sign(aws, "s3", method="GET", path="/far?list-type=2", signer="S3SigV4Auth", region="eu-west-1")
    assert there.send(aws).status_code == 200
    assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"


def test_a_client_follows_a_bucket_to_its_region(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="far", Key="key", Body=b"content")
    assert s3.get_object(Bucket="far", Key="key")["Body"].read() == b"content"


def test_an_anonymous_request_gets_nothing_from_a_bucket_without_a_policy(aws: LocalAWS) -> None:
    bucket(aws).put_object(Bucket="bucket", Key="key", Body=b"secret")
    answer = aws.http.get(f"{aws.url}/bucket/key")
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text
