"""SigV4 as it is verified here is what botocore signs."""

from __future__ import annotations

import datetime
import hashlib
import re
from urllib.parse import quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import parsing, signed_text, sigv4
from podrole.aws.signature.faults import Fault, SignatureRefused
from support.examples import examples

NOW = datetime.datetime(2026, 1, 31, 12, 0, 0, tzinfo=datetime.UTC)
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = re.compile(r"[a-z]{2}-[a-z]+-\d")


@pytest.fixture(autouse=True)
def _botocore_at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: NOW.replace(tzinfo=None))


def signed(
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/",
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    service: str = "sts",
    token: str | None = None,
    signer: str = "SigV4Auth",
    **options: int,
) -> HTTPRequest:
    """Sign with botocore and return the request as it would arrive."""
    request = AWSRequest(method, url, headers=headers or {}, data=body)
    getattr(auth, signer)(Credentials(KEY, SECRET, token), service, "us-east-1", **options).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    received = [("host", parts.netloc), *((name.lower(), _text(value)) for name, value in prepared.headers.items())]
    return HTTPRequest(method, parts.path or "/", parts.query, received, body, "127.0.0.1")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def verify(request: HTTPRequest, *, secret: str = SECRET, s3: bool = False, now: datetime.datetime = NOW) -> None:
    signature = parsing.parse_signature(request)
    sigv4.check_time(signature, now.timestamp(), s3=s3)
    sigv4.check_scope(signature, service=signature.service, region_pattern=REGION)
    payload = signed_text.body_hash(request.body)
    if s3:
        payload = request.header.get("x-amz-content-sha256", signed_text.UNSIGNED_PAYLOAD)
    sigv4.check_signature(request, signature, secret, payload, s3=s3)


def fault_of(request: HTTPRequest, **options: object) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as raised:
        verify(request, **options)  # type: ignore[arg-type]
    assert SECRET not in raised.value.message
    return raised.value


segments = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6), max_size=4)
queries = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=8)), max_size=4).map(
    lambda pairs: [(a, b) for a, b in pairs if a.isprintable() and b.isprintable() and a]
)
header_values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@settings(max_examples=examples(400))
@given(segments, queries, st.binary(max_size=40), header_values, st.sampled_from(["GET", "POST", "PUT", "DELETE"]))
def test_whatever_botocore_signs_for_a_service_is_accepted(
    path: list[str], query: list[tuple[str, str]], body: bytes, value: str, method: str
) -> None:
    url = "http://127.0.0.1:4566/" + "/".join(quote(part, safe="") for part in path)
    url += (
        "?" + "&".join(f"{quote(name, safe='-_.~')}={quote(text, safe='-_.~')}" for name, text in query)
        if query
        else ""
    )
    verify(signed(method, url, body=body, headers={"X-Amz-Custom": f"a  {value}", "Content-Type": "text/x"}))


@settings(max_examples=examples(200))
@given(segments, st.binary(max_size=40))
def test_whatever_botocore_signs_for_s3_is_accepted(path: list[str], body: bytes) -> None:
    url = "http://127.0.0.1:4566/bucket/" + "/".join(quote(part, safe="~") for part in path)
    verify(signed("PUT", url, body=body, service="s3", signer="S3SigV4Auth"), s3=True)


@settings(max_examples=examples(200))
@given(queries)
def test_whatever_botocore_presigns_is_accepted(query: list[tuple[str, str]]) -> None:
    url = "http://127.0.0.1:4566/?" + "&".join(f"{quote(a, safe='-_.~')}={quote(b, safe='-_.~')}" for a, b in query)
    verify(signed("GET", url, signer="SigV4QueryAuth", expires=60, token="session"))


def test_dot_segments_are_normalized_but_not_for_s3() -> None:
    verify(signed("GET", "http://127.0.0.1:4566/a/../b//c/./d/", service="lambda"))
    verify(signed("GET", "http://127.0.0.1:4566/a/../b//c/./d", service="s3", signer="S3SigV4Auth"), s3=True)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/0/.", "/0"),
        ("/0/./", "/0/"),
        ("/a/b/..", "/a"),
        ("/a/b/../", "/a/"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/../a", "/a"),
        ("/a//b", "/a/b"),
        ("/a/.b", "/a/.b"),
        ("/a/b..", "/a/b.."),
        ("*", "%2A"),  # OPTIONS * has no path
        ("/a%2F..", "/a%252F.."),
        ("/a/%2E%2E/b", "/a/%252E%252E/b"),
    ],
)
def test_a_path_is_normalized_as_botocore_does_it(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical
    assert canonical == botocore_path(path)


@settings(max_examples=examples(2_000))
@given(st.text(st.sampled_from("./a0%2F~-_ é"), max_size=14))
def test_any_path_is_normalized_as_botocore_does_it(rest: str) -> None:
    path = "/" + quote(rest, safe="/%~")
    assert canonical_path(path) == botocore_path(path)


def canonical_path(path: str) -> str:
    signature = parsing.parse_signature(raw(GOOD, x_amz_date="20260131T120000Z"))
    request = HTTPRequest("GET", path, "", [("host", "127.0.0.1")], b"", "")
    return signed_text.canonical_request(request, signature, "hash", s3=False).split(b"\n")[1].decode()


def botocore_path(path: str) -> str:
    signer = auth.SigV4Auth(Credentials(KEY, SECRET), "lambda", "us-east-1")
    return str(signer._normalize_url_path(path))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/other"},
        {"query": "a=b"},
        {"body": b"Action=Other"},
        {"headers": "x-amz-date"},
        {"headers": "content-type"},
    ],
    ids=lambda change: next(iter(change)) + " " + str(next(iter(change.values()))),
)
def test_a_change_of_anything_signed_is_detected(change: dict[str, object]) -> None:
    request = signed(body=b"Action=GetCallerIdentity", headers={"content-type": "application/x-www-form-urlencoded"})
    fields = {name: getattr(request, name) for name in ("method", "path", "query", "headers", "body", "client")}
    fields.update(change)
    if isinstance(change.get("headers"), str):
        replaced = {"x-amz-date": "20260131T120001Z", "content-type": "text/plain"}
        name = str(change["headers"])
        fields["headers"] = [(n, replaced[name] if n == name else v) for n, v in request.headers]
    assert fault_of(HTTPRequest(**fields)).fault is Fault.MISMATCH


def test_a_header_of_other_bytes_than_ascii_is_signed_as_its_bytes() -> None:
    """``à`` ends in the byte 0xA0, which Python would take for a blank once it is text."""
    sent = "  voilà \t Å  ".encode().decode("latin-1")
    signature = parsing.parse_signature(raw(GOOD.replace("=host", "=host;x-note"), x_amz_date="20260131T120000Z"))
    request = raw(GOOD, x_note=sent)
    canonical = signed_text.canonical_request(request, signature, "hash", s3=False)
    assert canonical.split(b"\n")[4] == "x-note:voilà Å".encode()


def test_bytes_that_are_not_utf8_stay_distinct() -> None:
    queries = [
        signed_text.canonical_request(
            raw(query=f"a={byte}"), parsing.parse_signature(raw(GOOD, x_amz_date="20260131T120000Z")), "", s3=False
        )
        for byte in ("%FF", "%FE", "%ff")
    ]
    assert queries[0] != queries[1]
    assert queries[0] == queries[2]


def test_another_secret_is_detected() -> None:
    assert fault_of(signed(), secret="other").fault is Fault.MISMATCH


def test_a_missing_signed_header_is_detected() -> None:
    request = signed(headers={"x-amz-thing": "1"})
    headers = [(name, value) for name, value in request.headers if name != "x-amz-thing"]
    assert fault_of(HTTPRequest("POST", "/", "", headers, b"", "")).fault is Fault.MISMATCH


@pytest.mark.parametrize(
    ("minutes", "seconds", "fault"),
    [(15, 0, None), (15, 1, Fault.EXPIRED_SIGNATURE), (-15, 0, None), (-15, -1, Fault.NOT_YET_CURRENT)],
)
def test_a_signature_is_valid_for_fifteen_minutes_around_now(minutes: int, seconds: int, fault: Fault | None) -> None:
    now = NOW + datetime.timedelta(minutes=minutes, seconds=seconds)
    if fault is None:
        verify(signed(), now=now)
    else:
        assert fault_of(signed(), now=now).fault is fault


def test_an_expired_signature_has_the_text_of_aws() -> None:
    refused = fault_of(signed(), now=NOW + datetime.timedelta(minutes=25))
    assert refused.message == (
        "Signature expired: 20260131T120000Z is now earlier than 20260131T121000Z (20260131T122500Z - 15 min.)"
    )


def test_a_presigned_url_of_s3_lasts_as_long_as_it_says() -> None:
    url = "http://127.0.0.1:4566/bucket/key"
    request = signed("GET", url, service="s3", signer="S3SigV4QueryAuth", expires=3_600)
    verify(request, s3=True, now=NOW + datetime.timedelta(seconds=3_600))
    assert fault_of(request, s3=True, now=NOW + datetime.timedelta(seconds=3_601)).fault is Fault.EXPIRED_URL


def test_other_services_take_a_presigned_url_for_fifteen_minutes_whatever_it_says() -> None:
    """Amazon's EKS clusters depend on it: their tokens are such URLs, with a life of a minute."""
    for expires in (60, 86_400):
        request = signed("GET", "http://127.0.0.1:4566/?a=b", signer="SigV4QueryAuth", expires=expires)
        verify(request, now=NOW + datetime.timedelta(minutes=15))
        assert fault_of(request, now=NOW + datetime.timedelta(minutes=15, seconds=1)).fault is Fault.EXPIRED_SIGNATURE


@pytest.mark.parametrize(
    ("expires", "message"),
    [
        ("-1", "X-Amz-Expires must be non-negative"),
        ("604801", "X-Amz-Expires must be less than a week (in seconds); that is, the given"),
        ("1e3", "X-Amz-Expires should be a number"),
        ("", "X-Amz-Expires should be a number"),
        ("9" * 30, "X-Amz-Expires should be a number"),
    ],
)
def test_an_invalid_lifetime_of_a_url_is_refused(expires: str, message: str) -> None:
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}/20260131/us-east-1/s3/aws4_request&X-Amz-Signature=0"
        f"&X-Amz-Date=20260131T120000Z&X-Amz-SignedHeaders=host&X-Amz-Expires={expires}"
    )
    refused = fault_of(raw(query=query), s3=True)
    assert refused.fault is Fault.EXPIRES
    assert refused.message.startswith(message)


def raw(authorization: str | None = None, query: str = "", **headers: str) -> HTTPRequest:
    given = [("host", "127.0.0.1"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    given += [("authorization", authorization)] if authorization is not None else []
    return HTTPRequest("POST", "/", query, given, b"", "")


GOOD = (
    f"AWS4-HMAC-SHA256 Credential={KEY}/20260131/us-east-1/sts/aws4_request, SignedHeaders=host, Signature={'0' * 64}"
)
DIGEST = "[A-Za-z0-9+/]{43}="


@pytest.mark.parametrize(
    ("request_", "fault", "message"),
    [
        (raw(), Fault.MISSING, "Request is missing Authentication Token"),
        (raw("Bearer abc"), Fault.ALGORITHM, "Unsupported AWS 'algorithm': 'Bearer'."),
        (raw("eyJhbGciOiJSUzI1NiJ9.e30.c2ln"), Fault.ALGORITHM, r"Unsupported AWS 'algorithm': '\(29 characters\)'."),
        (
            raw("AWS4-HMAC-SHA256 Credential=x, " + "0" * 64),
            Fault.INCOMPLETE,
            r"'\(64 characters\)' not a valid key=value pair",
        ),
        (
            raw("AWS4-ECDSA-P256-SHA256 Credential=x"),
            Fault.ALGORITHM,
            "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.",
        ),
        (
            raw("AWS4-HMAC-SHA256 Credential"),
            Fault.INCOMPLETE,
            f"'Credential' not a valid key=value pair .*'{DIGEST}'.",
        ),
        (
            raw("AWS4-HMAC-SHA256 a=b"),
            Fault.INCOMPLETE,
            "Authorization header requires 'Credential' parameter. .* requires 'Signature' parameter. .* requires "
            + f"'SignedHeaders' parameter. .* either a 'X-Amz-Date' or a 'Date' header. .*Authorization={DIGEST}",
        ),
        (
            raw(GOOD.replace("=host", "=x-amz-date"), x_amz_date="20260131T120000Z"),
            Fault.MISMATCH,
            "'Host' or ':authority' must be",
        ),
        (
            raw(GOOD, x_amz_date="2026-01-31"),
            Fault.DATE,
            "Date must be in ISO-8601 'basic format'. Got '2026-01-31'.",
        ),
        (raw(GOOD, x_amz_date="20261331T120000Z"), Fault.DATE, "Date must be in ISO-8601"),
        (raw(GOOD, x_amz_date="20260131T250000Z"), Fault.DATE, "Date must be in ISO-8601"),
        (
            raw(GOOD.replace("/sts/", "/"), x_amz_date="20260131T120000Z"),
            Fault.CREDENTIAL,
            "Credential must have exactly 5",
        ),
        (
            raw(GOOD.replace("aws4_request", "aws5"), x_amz_date="20260131T120000Z"),
            Fault.SCOPE,
            "valid terminator: 'aws4_request', not 'aws5'",
        ),
        (raw(GOOD, "X-Amz-Algorithm=AWS4-HMAC-SHA256"), Fault.TWO_SIGNATURES, "^$"),
        (raw(query="X-Amz-Algorithm=AWS3"), Fault.ALGORITHM, "Missing Authentication Token"),
        (
            raw(query="X-Amz-Algorithm=AWS4-HMAC-SHA256"),
            Fault.INCOMPLETE,
            "AWS query-string parameters must include 'X-Amz-Credential'. .* Re-examine the query-string parameters.",
        ),
    ],
)
def test_a_malformed_signature_is_refused(request_: HTTPRequest, fault: Fault, message: str) -> None:
    refused = fault_of(request_)
    assert refused.fault is fault
    assert re.search(message, refused.message)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (GOOD.replace("us-east-1", "mars"), "Credential should be scoped to a valid region, not 'mars'. "),
        (GOOD.replace("/sts/", "/iam/"), "Credential should be scoped to correct service: 'sts'. "),
        (
            GOOD.replace("20260131/", "20260130/"),
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            + "'20260130' != '20260131', from '20260131T120000Z'.",
        ),
        (
            GOOD.replace("aws4_request", "aws5").replace("/sts/", "/iam/"),
            "Credential should be scoped to correct service: 'sts'. "
            + "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'. ",
        ),
    ],
)
def test_a_wrong_scope_is_named(authorization: str, message: str) -> None:
    signature = parsing.parse_signature(raw(authorization, x_amz_date="20260131T120000Z"))
    with pytest.raises(SignatureRefused) as raised:
        sigv4.check_scope(signature, service="sts", region_pattern=REGION)
    assert (raised.value.fault, raised.value.message) == (Fault.SCOPE, message)


def test_the_signature_and_the_token_do_not_show_themselves() -> None:
    signature = parsing.parse_signature(signed(token="the-session-token"))
    assert "the-session-token" not in repr(signature)
    assert signature.value not in repr(signature)
    assert hashlib.sha256(b"").hexdigest() == signed_text.body_hash(b"")
