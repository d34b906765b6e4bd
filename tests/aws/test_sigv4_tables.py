"""Each check of a signature's time and scope has a case that only this check refuses."""

from __future__ import annotations

import datetime

import pytest

from podrole.aws.signature import parsing, sigv4
from podrole.aws.signature.faults import Fault
from support.sigv4_requests import (
    CREDENTIAL,
    DATE,
    FORMS,
    KEY,
    NOON,
    REGION,
    refused,
    request_of,
)

# Its time


def check_time(form: str, seconds: int, *, s3: bool = False, **parts: str) -> None:
    sigv4.check_time(parsing.parse_signature(request_of(form, **parts)), NOON + seconds, s3=s3)


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
    signature = parsing.parse_signature(request_of(form, Credential=credential))
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
    signature = parsing.parse_signature(request_of(form, Credential=CREDENTIAL.replace(old, new)))
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
    sigv4.check_signed_headers(signed, parsing.parse_signature(signed), s3=s3)
    if fault is None:
        sigv4.check_signed_headers(unsigned, parsing.parse_signature(unsigned), s3=s3)
        return
    found = refused(sigv4.check_signed_headers, unsigned, parsing.parse_signature(unsigned), s3=s3)
    assert found.fault is fault
    assert found.evidence == ({"headers": name} if s3 else {})


# The signature itself


def test_a_signature_of_other_characters_than_hex_does_not_match() -> None:
    for value in ("é" * 64, "0" * 63, "0" * 65, "\ud800"):
        request = request_of("header", Signature=value)
        signature = parsing.parse_signature(request)
        assert refused(sigv4.check_signature, request, signature, "s", "h", s3=False).fault is Fault.MISMATCH
