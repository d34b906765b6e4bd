"""Each check of a signature's form, time and scope has a case that only this check refuses."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import sigv4
from podrole.aws.signature.sigv4 import Fault, SignatureRefused

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


# Is there a signature?


@pytest.mark.parametrize("name", QUERY)
def test_each_parameter_of_a_presigned_url_makes_a_request_signed(name: str) -> None:
    assert sigv4.is_signed(url({name: ""}))


def test_an_authorization_header_makes_a_request_signed_even_if_it_is_empty() -> None:
    assert sigv4.is_signed(HTTPRequest("GET", "/", "", [("authorization", "")], b"", ""))


def test_the_other_parameters_and_headers_do_not_make_a_request_signed() -> None:
    others = url({"X-Amz-Expires": "1", "X-Amz-Security-Token": "t", "Signature": "v2"})
    assert not sigv4.is_signed(HTTPRequest("GET", "/", others.query, [("x-amz-date", DATE)], b"", ""))


@pytest.mark.parametrize("name", [name for name in QUERY if name != "X-Amz-Algorithm"])
def test_without_an_algorithm_in_the_query_there_is_no_signature(name: str) -> None:
    assert refused(sigv4.parse_signature, url({name: QUERY[name]})).fault is Fault.MISSING


def test_a_request_is_not_signed_in_two_places() -> None:
    headers = {"authorization": "AWS4-HMAC-SHA256 x"}
    assert refused(sigv4.parse_signature, request_of("query", headers=headers)).fault is Fault.TWO_SIGNATURES


# Its form


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("name", [name for name in QUERY if name != "X-Amz-Algorithm"])
def test_a_presigned_url_needs_each_parameter(name: str, empty: bool) -> None:
    query = {**QUERY, name: ""} if empty else {one: value for one, value in QUERY.items() if one != name}
    fault = refused(sigv4.parse_signature, url(query))
    assert (fault.fault, fault.evidence) == (Fault.INCOMPLETE, {"presigned": "yes"})
    assert fault.message == (
        f"AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
    )


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("name", PARTS)
def test_an_authorization_header_needs_each_part(name: str, empty: bool) -> None:
    parts = {**PARTS, name: ""} if empty else {one: value for one, value in PARTS.items() if one != name}
    text = "AWS4-HMAC-SHA256 " + ", ".join(f"{one}={value}" for one, value in parts.items())
    request = HTTPRequest("GET", "/", "", [("host", "x"), ("authorization", text), ("x-amz-date", DATE)], b"", "")
    fault = refused(sigv4.parse_signature, request)
    assert fault.fault is Fault.INCOMPLETE
    assert fault.message.startswith(f"Authorization header requires '{name}' parameter. (Hashed with")


def test_an_authorization_header_needs_a_date_beside_it() -> None:
    fault = refused(sigv4.parse_signature, request_of("header", date=""))
    assert fault.fault is Fault.INCOMPLETE
    assert fault.message.startswith("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date'")


@pytest.mark.parametrize(("x_amz_date", "date"), [("", DATE), (DATE, "20250101T000000Z")])
def test_the_date_header_counts_only_without_x_amz_date(x_amz_date: str, date: str) -> None:
    request = request_of("header", date=x_amz_date, headers={"date": date})
    assert sigv4.parse_signature(request).timestamp == DATE


@pytest.mark.parametrize("part", ["Credential", "", " "])
def test_a_part_without_an_equals_sign_is_refused(part: str) -> None:
    request = HTTPRequest("GET", "/", "", [("authorization", f"AWS4-HMAC-SHA256 a=b,{part}")], b"", "")
    fault = refused(sigv4.parse_signature, request)
    assert (fault.fault, "missing equal-sign" in fault.message) == (Fault.INCOMPLETE, True)


@pytest.mark.parametrize(
    ("algorithm", "shown"),
    [("AWS4-HMAC-SHA512", "AWS4-HMAC-SHA512"), ("aws4-hmac-sha256", "aws4-hmac-sha256"), ("", ""), ("x" * 33, None)],
)
@pytest.mark.parametrize("form", FORMS)
def test_another_algorithm_is_refused(form: str, algorithm: str, shown: str | None) -> None:
    request = HTTPRequest("GET", "/", "", [("authorization", f"{algorithm} a=b")], b"", "")
    if form == "query":
        request = url({**QUERY, "X-Amz-Algorithm": algorithm})
    fault = refused(sigv4.parse_signature, request)
    assert fault.fault is Fault.ALGORITHM
    assert fault.evidence["algorithm"] == ("(33 characters)" if shown is None else shown)
    assert ("presigned" in fault.evidence) == (form == "query")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signed", ["x-amz-date", "hostname", "x-host", ";"])
def test_the_host_must_be_signed(form: str, signed: str) -> None:
    fault = refused(sigv4.parse_signature, request_of(form, SignedHeaders=signed))
    assert (fault.fault, fault.message) == (
        Fault.MISMATCH,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signed", ["host", ":authority", "HOST;X-Amz-Date"])
def test_either_name_of_the_host_will_do(form: str, signed: str) -> None:
    signature = sigv4.parse_signature(request_of(form, SignedHeaders=signed))
    assert signature.signed_headers == tuple(signed.lower().split(";"))


DATES = [
    "20260131T120000",
    "20260131T120000z",
    "20260131 120000Z",
    "20260131T120000Z ",
    "2026-01-31T12:00:00Z",
    "20260132T120000Z",
    "20261301T120000Z",
    "20260229T120000Z",
    "00000101T120000Z",
    "20260131T240000Z",
    "20260131T126000Z",
    "20260131T120060Z",
    "٢٠٢٦٠١٣١T120000Z",
    "x" * 128,
    "x" * 129,
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("date", DATES)
def test_an_invalid_date_is_refused(form: str, date: str) -> None:
    fault = refused(sigv4.parse_signature, request_of(form, date=date))
    assert fault.fault is Fault.DATE
    shown = date if len(date) <= 128 else "x" * 128 + "…"
    assert fault.message == (
        f"Date must be in ISO-8601 'basic format'. Got '{shown}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )
    assert fault.evidence == ({"presigned": "yes"} if form == "query" else {})


@pytest.mark.parametrize("date", ["20260131T235959Z", "20240229T000000Z", "19700101T000000Z", "20260704T010203Z"])
@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_read_as_utc_up_to_the_last_second_of_a_day(form: str, date: str) -> None:
    signature = sigv4.parse_signature(request_of(form, date=date))
    moment = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    assert (signature.timestamp, signature.signed_at) == (date, moment.timestamp())


@pytest.mark.parametrize("form", FORMS)
def test_every_part_of_a_signature_is_read(form: str) -> None:
    signature = sigv4.parse_signature(request_of(form))
    assert (signature.key_id, signature.date, signature.region) == (KEY, "20260131", "us-east-1")
    assert (signature.service, signature.terminator, signature.value) == ("sts", "aws4_request", "0" * 64)
    assert (signature.presigned, signature.expires) == (form == "query", None)
    assert signature.scope == "20260131/us-east-1/sts/aws4_request"


def test_of_a_repeated_part_the_last_counts_and_of_a_repeated_parameter_the_first() -> None:
    header = request_of("header")
    twice = dict(header.headers)["authorization"].replace("Signature=", "Signature=1, Signature=")
    request = HTTPRequest("GET", "/", "", [*header.headers[:1], ("authorization", twice), header.headers[2]], b"", "")
    assert sigv4.parse_signature(request).value == "0" * 64
    query = request_of("query").query + "&X-Amz-Signature=1"
    assert sigv4.parse_signature(HTTPRequest("GET", "/", query, [("host", "x")], b"", "")).value == "0" * 64


@pytest.mark.parametrize(
    ("form", "parameter", "header", "token"),
    [
        ("header", None, "h", "h"),
        ("header", None, "", ""),
        ("header", None, None, None),
        ("query", "q", "h", "q"),
        ("query", None, "h", "h"),
        ("query", "", "h", "h"),
        ("query", None, None, None),
    ],
)
def test_the_session_token_is_read_from(
    form: str, parameter: str | None, header: str | None, token: str | None
) -> None:
    headers = {} if header is None else {"x-amz-security-token": header}
    parts = {} if parameter is None else {"X-Amz-Security-Token": parameter}
    assert sigv4.parse_signature(request_of(form, headers=headers, **parts)).session_token == token


# Its time


def check_time(form: str, seconds: int, *, s3: bool = False, **parts: str) -> None:
    sigv4.check_time(sigv4.parse_signature(request_of(form, **parts)), NOON + seconds, s3=s3)


@pytest.mark.parametrize("s3", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seconds", [-900, 0, 900])
def test_fifteen_minutes_around_now_pass(form: str, seconds: int, s3: bool) -> None:
    check_time(form, seconds, s3=s3, **({"X-Amz-Expires": "604800"} if form == "query" else {}))


@pytest.mark.parametrize(
    ("form", "s3", "seconds", "fault"),
    [
        ("header", False, 901, Fault.EXPIRED_SIGNATURE),
        ("header", True, 901, Fault.EXPIRED_SIGNATURE),
        ("query", False, 901, Fault.EXPIRED_SIGNATURE),
        ("header", False, -901, Fault.NOT_YET_CURRENT),
        ("header", True, -901, Fault.NOT_YET_CURRENT),
        ("query", False, -901, Fault.NOT_YET_CURRENT),
        ("query", True, -901, Fault.NOT_YET_CURRENT),
    ],
)
def test_a_second_more_is_refused(form: str, s3: bool, seconds: int, fault: Fault) -> None:
    parts = {"X-Amz-Expires": "604800"} if form == "query" else {}
    found = refused(check_time, form, seconds, s3=s3, **parts)
    assert found.fault is fault
    now = NOON + seconds
    stated, bound = ("now earlier than", now - 900) if seconds > 0 else ("still later than", now + 900)
    sign = "-" if seconds > 0 else "+"
    assert found.message.endswith(f": {DATE} is {stated} {basic(bound)} ({basic(now)} {sign} 15 min.)")
    assert found.evidence["now"] == datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def basic(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize(
    ("expires", "seconds", "fault"),
    [
        (None, 0, Fault.INCOMPLETE),
        ("", 0, Fault.EXPIRES),
        ("x", 0, Fault.EXPIRES),
        ("1.5", 0, Fault.EXPIRES),
        ("+1", 0, Fault.EXPIRES),
        ("²", 0, Fault.EXPIRES),
        ("٣", 0, Fault.EXPIRES),
        ("9" * 19, 0, Fault.EXPIRES),
        ("9" * 5_000, 0, Fault.EXPIRES),
        ("-1", 0, Fault.EXPIRES),
        ("604801", 0, Fault.EXPIRES),
        ("604800", 604_800, None),
        ("604800", 604_801, Fault.EXPIRED_URL),
        ("0", 0, None),
        ("0", 1, Fault.EXPIRED_URL),
        ("60", 61, Fault.EXPIRED_URL),
    ],
)
def test_a_presigned_url_of_s3_has_a_lifetime(expires: str | None, seconds: int, fault: Fault | None) -> None:
    parts = {} if expires is None else {"X-Amz-Expires": expires}
    if fault is None:
        check_time("query", seconds, s3=True, **parts)
    else:
        assert refused(check_time, "query", seconds, s3=True, **parts).fault is fault
    # Other services do not look at it, and S3 does not look at the one of a signature in the header.
    if seconds <= 900:
        check_time("query", seconds, **parts)
        check_time("header", seconds, s3=True)


def test_an_expired_url_says_when_it_expired() -> None:
    fault = refused(check_time, "query", 61, s3=True, **{"X-Amz-Expires": "60"})
    assert fault.evidence == {"expires": "60", "expired_at": "2026-01-31T12:01:00Z", "now": "2026-01-31T12:01:01Z"}


# Its scope


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "credential",
    [
        KEY,
        f"{KEY}/20260131/us-east-1/aws4_request",
        f"{KEY}/20260131/us-east-1/sts/aws4_request/",
        f"{KEY}/x/20260131/us-east-1/sts/aws4_request",
        "////" + "/",
    ],
)
def test_a_credential_has_five_elements(form: str, credential: str) -> None:
    signature = sigv4.parse_signature(request_of(form, Credential=credential))
    fault = refused(sigv4.check_scope, signature, service="sts", region_pattern=REGION)
    assert fault.fault is Fault.CREDENTIAL
    assert fault.message.endswith(f"e.g. keyid/date/region/service/term, got '{credential}'")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("old", "new", "element", "got"),
    [
        ("us-east-1", "mars", "region", "mars"),
        ("us-east-1", "", "region", ""),
        ("us-east-1", "us-east-1 ", "region", "us-east-1 "),
        ("/sts/", "/STS/", "service", "STS"),
        ("/sts/", "//", "service", ""),
        ("aws4_request", "aws4_Request", "terminator", "aws4_Request"),
        ("aws4_request", "", "terminator", ""),
        ("20260131", "20260130", "date", "20260130"),
        ("20260131", "2026013", "date", "2026013"),
        ("20260131", "", "date", ""),
    ],
)
def test_each_element_of_a_scope_is_checked_alone(form: str, old: str, new: str, element: str, got: str) -> None:
    signature = sigv4.parse_signature(request_of(form, Credential=CREDENTIAL.replace(old, new)))
    fault = refused(sigv4.check_scope, signature, service="sts", region_pattern=REGION)
    assert fault.fault is Fault.SCOPE
    assert fault.evidence == {"element": element, "service": "sts", "got": got, "timestamp": DATE}


# Which headers it covers


@pytest.mark.parametrize(
    ("s3", "name", "fault"),
    [
        (True, "x-amz-acl", Fault.UNSIGNED_HEADERS),
        (True, "x-amz-target", Fault.UNSIGNED_HEADERS),
        (True, "x-amz-", Fault.UNSIGNED_HEADERS),
        (True, "x-amzn-trace-id", None),
        (True, "content-type", None),
        (False, "x-amz-target", Fault.MISMATCH),
        (False, "x-amz-acl", None),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_header_that_decides_must_be_signed(form: str, s3: bool, name: str, fault: Fault | None) -> None:
    covered = "host;x-amz-date"
    unsigned = request_of(form, headers={name: "1"}, SignedHeaders=covered)
    signed = request_of(form, headers={name: "1"}, SignedHeaders=f"{covered};{name}")
    sigv4.check_signed_headers(signed, sigv4.parse_signature(signed), s3=s3)
    if fault is None:
        sigv4.check_signed_headers(unsigned, sigv4.parse_signature(unsigned), s3=s3)
        return
    found = refused(sigv4.check_signed_headers, unsigned, sigv4.parse_signature(unsigned), s3=s3)
    assert found.fault is fault
    assert found.evidence == ({"headers": name} if s3 else {})


# The signature itself


def test_a_signature_of_other_characters_than_hex_does_not_match() -> None:
    for value in ("é" * 64, "0" * 63, "0" * 65, "\ud800"):
        request = request_of("header", Signature=value)
        signature = sigv4.parse_signature(request)
        assert refused(sigv4.check_signature, request, signature, "s", "h", s3=False).fault is Fault.MISMATCH


@pytest.mark.parametrize(
    ("value", "is_hash"),
    [("0" * 64, True), ("A" * 64, False), ("0" * 63, False), ("0" * 65, False), ("0" * 64 + "\n", False)],
)
def test_a_hash_is_64_small_hex_digits(value: str, is_hash: bool) -> None:
    assert sigv4.claims_hash(value) is is_hash


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
    form = "query" if presigned else "header"
    request = HTTPRequest("GET", "/", query, [("host", "x")], b"", "")
    lines = sigv4.canonical_request(request, sigv4.parse_signature(request_of(form)), "h", s3=False).split(b"\n")
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
    lines = sigv4.canonical_request(request, sigv4.parse_signature(request_of("header")), "h", s3=s3).split(b"\n")
    assert lines[1].decode() == canonical
