"""Each check of a signature's form has a case that only this check refuses."""

from __future__ import annotations

import datetime

import pytest

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import parsing
from podrole.aws.signature.faults import Fault
from support.sigv4_requests import (
    DATE,
    FORMS,
    KEY,
    PARTS,
    QUERY,
    refused,
    request_of,
    url,
)

# Is there a signature?


@pytest.mark.parametrize("name", QUERY)
def test_each_parameter_of_a_presigned_url_makes_a_request_signed(name: str) -> None:
    assert parsing.is_signed(url({name: ""}))


def test_an_authorization_header_makes_a_request_signed_even_if_it_is_empty() -> None:
    assert parsing.is_signed(HTTPRequest("GET", "/", "", [("authorization", "")], b"", ""))


def test_the_other_parameters_and_headers_do_not_make_a_request_signed() -> None:
    others = url({"X-Amz-Expires": "1", "X-Amz-Security-Token": "t", "Signature": "v2"})
    assert not parsing.is_signed(HTTPRequest("GET", "/", others.query, [("x-amz-date", DATE)], b"", ""))


@pytest.mark.parametrize("name", [name for name in QUERY if name != "X-Amz-Algorithm"])
def test_without_an_algorithm_in_the_query_there_is_no_signature(name: str) -> None:
    assert refused(parsing.parse_signature, url({name: QUERY[name]})).fault is Fault.MISSING


def test_a_request_is_not_signed_in_two_places() -> None:
    headers = {"authorization": "AWS4-HMAC-SHA256 x"}
    assert refused(parsing.parse_signature, request_of("query", headers=headers)).fault is Fault.TWO_SIGNATURES


# Its form


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("name", [name for name in QUERY if name != "X-Amz-Algorithm"])
def test_a_presigned_url_needs_each_parameter(name: str, empty: bool) -> None:
    query = {**QUERY, name: ""} if empty else {one: value for one, value in QUERY.items() if one != name}
    fault = refused(parsing.parse_signature, url(query))
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
    fault = refused(parsing.parse_signature, request)
    assert fault.fault is Fault.INCOMPLETE
    assert fault.message.startswith(f"Authorization header requires '{name}' parameter. (Hashed with")


def test_an_authorization_header_needs_a_date_beside_it() -> None:
    fault = refused(parsing.parse_signature, request_of("header", date=""))
    assert fault.fault is Fault.INCOMPLETE
    assert fault.message.startswith("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date'")


@pytest.mark.parametrize(("x_amz_date", "date"), [("", DATE), (DATE, "20250101T000000Z")])
def test_the_date_header_counts_only_without_x_amz_date(x_amz_date: str, date: str) -> None:
    request = request_of("header", date=x_amz_date, headers={"date": date})
    assert parsing.parse_signature(request).timestamp == DATE


@pytest.mark.parametrize("part", ["Credential", "", " "])
def test_a_part_without_an_equals_sign_is_refused(part: str) -> None:
    request = HTTPRequest("GET", "/", "", [("authorization", f"AWS4-HMAC-SHA256 a=b,{part}")], b"", "")
    fault = refused(parsing.parse_signature, request)
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
    fault = refused(parsing.parse_signature, request)
    assert fault.fault is Fault.ALGORITHM
    assert fault.evidence["algorithm"] == ("(33 characters)" if shown is None else shown)
    assert ("presigned" in fault.evidence) == (form == "query")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signed", ["x-amz-date", "hostname", "x-host", ";"])
def test_the_host_must_be_signed(form: str, signed: str) -> None:
    fault = refused(parsing.parse_signature, request_of(form, SignedHeaders=signed))
    assert (fault.fault, fault.message) == (
        Fault.MISMATCH,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signed", ["host", ":authority", "HOST;X-Amz-Date"])
def test_either_name_of_the_host_will_do(form: str, signed: str) -> None:
    signature = parsing.parse_signature(request_of(form, SignedHeaders=signed))
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
    fault = refused(parsing.parse_signature, request_of(form, date=date))
    assert fault.fault is Fault.DATE
    shown = date if len(date) <= 128 else "x" * 128 + "…"
    assert fault.message == (
        f"Date must be in ISO-8601 'basic format'. Got '{shown}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )
    assert fault.evidence == ({"presigned": "yes"} if form == "query" else {})


@pytest.mark.parametrize("date", ["20260131T235959Z", "20240229T000000Z", "19700101T000000Z", "20260704T010203Z"])
@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_read_as_utc_up_to_the_last_second_of_a_day(form: str, date: str) -> None:
    signature = parsing.parse_signature(request_of(form, date=date))
    moment = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    assert (signature.timestamp, signature.signed_at) == (date, moment.timestamp())


@pytest.mark.parametrize("form", FORMS)
def test_every_part_of_a_signature_is_read(form: str) -> None:
    signature = parsing.parse_signature(request_of(form))
    assert (signature.key_id, signature.date, signature.region) == (KEY, "20260131", "us-east-1")
    assert (signature.service, signature.terminator, signature.value) == ("sts", "aws4_request", "0" * 64)
    assert (signature.presigned, signature.expires) == (form == "query", None)
    assert signature.scope == "20260131/us-east-1/sts/aws4_request"


def test_of_a_repeated_part_the_last_counts_and_of_a_repeated_parameter_the_first() -> None:
    header = request_of("header")
    twice = dict(header.headers)["authorization"].replace("Signature=", "Signature=1, Signature=")
    request = HTTPRequest("GET", "/", "", [*header.headers[:1], ("authorization", twice), header.headers[2]], b"", "")
    assert parsing.parse_signature(request).value == "0" * 64
    query = request_of("query").query + "&X-Amz-Signature=1"
    assert parsing.parse_signature(HTTPRequest("GET", "/", query, [("host", "x")], b"", "")).value == "0" * 64


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
    assert parsing.parse_signature(request_of(form, headers=headers, **parts)).session_token == token
