"""Each fault of a signature, as each kind of service answers it."""

from __future__ import annotations

import pytest

from podrole.aws.protocol.catalogue import services
from podrole.aws.signature.faults import Fault, SignatureRefused
from podrole.aws.signature.refusals import refusal
from podrole.aws.signature.s3_refusals import wrong_region

# One service of each protocol; CloudWatch's clients speak Smithy RPC v2, and the protocol is what counts.
SERVICES = {
    "query": ("sts", "query"),
    "ec2": ("ec2", "ec2"),
    "json": ("dynamodb", "json"),
    "cbor": ("cloudwatch", "smithy-rpc-v2-cbor"),
    "rest-json": ("eks", "rest-json"),
    "rest-xml": ("route53", "rest-xml"),
    "s3": ("s3", "rest-xml"),
}
INCOMPLETE, NO_MATCH = (400, "IncompleteSignature"), (403, "SignatureDoesNotMatch")
TOKEN = (403, "InvalidClientTokenId")
AUTH, LATE = (401, "AuthFailure"), (400, "RequestExpired")
QUERY = "AuthorizationQueryParametersError"
HEADER = "AuthorizationHeaderMalformed"
BAD = "InvalidSignatureException"

# Fault: query (and rest-xml), ec2, json without its status (400, or 403 for rest-json), s3.
ANSWERS: dict[Fault, tuple[tuple[int, str], tuple[int, str], str, tuple[int, str]]] = {
    Fault.MISSING: ((403, "MissingAuthenticationToken"), AUTH, "MissingAuthenticationTokenException", (400, QUERY)),
    Fault.TWO_SIGNATURES: (NO_MATCH, AUTH, BAD, (400, "InvalidArgument")),
    Fault.ALGORITHM: (INCOMPLETE, AUTH, "IncompleteSignatureException", (400, "InvalidRequest")),
    Fault.INCOMPLETE: (INCOMPLETE, AUTH, "IncompleteSignatureException", (400, HEADER)),
    Fault.DATE: (INCOMPLETE, AUTH, "IncompleteSignatureException", (403, "AccessDenied")),
    Fault.CREDENTIAL: (INCOMPLETE, AUTH, "IncompleteSignatureException", (400, HEADER)),
    Fault.MISMATCH: (NO_MATCH, AUTH, BAD, (403, "SignatureDoesNotMatch")),
    Fault.EXPIRED_SIGNATURE: (NO_MATCH, LATE, BAD, (403, "RequestTimeTooSkewed")),
    Fault.NOT_YET_CURRENT: (NO_MATCH, AUTH, BAD, (403, "RequestTimeTooSkewed")),
    Fault.EXPIRES: (NO_MATCH, AUTH, BAD, (400, QUERY)),
    Fault.EXPIRED_URL: (NO_MATCH, LATE, BAD, (403, "AccessDenied")),
    Fault.SCOPE: (NO_MATCH, AUTH, BAD, (400, HEADER)),
    Fault.UNKNOWN_KEY: (TOKEN, AUTH, "UnrecognizedClientException", (403, "InvalidAccessKeyId")),
    Fault.BAD_TOKEN: (TOKEN, AUTH, "UnrecognizedClientException", (400, "InvalidToken")),
    Fault.EXPIRED_TOKEN: ((403, "ExpiredToken"), LATE, "ExpiredTokenException", (400, "ExpiredToken")),
    Fault.PAYLOAD: (NO_MATCH, AUTH, BAD, (411, "MissingContentLength")),
    Fault.UNSIGNED_HEADERS: (NO_MATCH, AUTH, BAD, (403, "AccessDenied")),
}
EVIDENCE: dict[Fault, dict[str, str]] = {
    Fault.EXPIRED_URL: {"expires": "60", "expired_at": "then", "now": "now"},
    Fault.EXPIRED_SIGNATURE: {"timestamp": "then", "now": "now"},
    Fault.NOT_YET_CURRENT: {"timestamp": "then", "now": "now"},
    Fault.PAYLOAD: {"code": "MissingContentLength", "status": "411"},
    Fault.SCOPE: {"element": "service", "service": "s3", "got": "sts"},
    Fault.UNSIGNED_HEADERS: {"headers": "x-amz-acl"},
    Fault.UNKNOWN_KEY: {"key_id": "AKIAX"},
    Fault.MISMATCH: {"key_id": "AKIAX", "canonical_request": "é", "string_to_sign": "to sign"},
}
MEMBERS: dict[Fault, dict[str, str]] = {
    Fault.EXPIRED_URL: {"X-Amz-Expires": "60", "Expires": "then", "ServerTime": "now"},
    Fault.EXPIRED_SIGNATURE: {"RequestTime": "then", "ServerTime": "now", "MaxAllowedSkewMilliseconds": "900000"},
    Fault.NOT_YET_CURRENT: {"RequestTime": "then", "ServerTime": "now", "MaxAllowedSkewMilliseconds": "900000"},
    Fault.UNSIGNED_HEADERS: {"HeadersNotSigned": "x-amz-acl"},
    Fault.UNKNOWN_KEY: {"AWSAccessKeyId": "AKIAX"},
    Fault.MISMATCH: {
        "AWSAccessKeyId": "AKIAX",
        "StringToSign": "to sign",
        "StringToSignBytes": "74 6f 20 73 69 67 6e",
        "CanonicalRequest": "é",
        "CanonicalRequestBytes": "c3 a9",
    },
}


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_is_answered_with(fault: Fault, kind: str) -> None:
    name, protocol = SERVICES[kind]
    error = refusal(SignatureRefused(fault, "the text", **EVIDENCE.get(fault, {})), services()[name], protocol)
    query, ec2, json, s3 = ANSWERS[fault]
    expected = {
        "query": query,
        "rest-xml": query,
        "ec2": ec2,
        "json": (400, json),
        "cbor": (400, json),
        "rest-json": (403, json),
        "s3": s3,
    }
    assert (error.status, error.error_code) == expected[kind]
    assert error.explanation == {"fault": fault.value}
    assert error.members == (MEMBERS.get(fault, {}) if kind == "s3" else {})
    assert error.why == "the text"


# The same faults of a presigned URL, where S3 and the others answer differently.
PRESIGNED = {
    Fault.ALGORITHM: {
        "query": (403, "MissingAuthenticationToken"),
        "json": (400, "MissingAuthenticationTokenException"),
        "rest-json": (403, "MissingAuthenticationTokenException"),
        "s3": (400, QUERY),
    },
    Fault.INCOMPLETE: {"query": INCOMPLETE, "json": (400, "IncompleteSignatureException"), "s3": (400, QUERY)},
    Fault.DATE: {"query": INCOMPLETE, "s3": (400, QUERY)},
    Fault.CREDENTIAL: {"query": INCOMPLETE, "s3": (400, QUERY)},
    Fault.SCOPE: {"query": NO_MATCH, "s3": (400, QUERY)},
}


@pytest.mark.parametrize(("fault", "kind"), [(fault, kind) for fault, kinds in PRESIGNED.items() for kind in kinds])
def test_a_fault_of_a_presigned_url_is_answered_with(fault: Fault, kind: str) -> None:
    name, protocol = SERVICES[kind]
    refused = SignatureRefused(fault, "the text", presigned="yes", **EVIDENCE.get(fault, {}))
    error = refusal(refused, services()[name], protocol)
    assert (error.status, error.error_code) == PRESIGNED[fault][kind]


SCOPES = {
    "region": ({"got": "mars"}, "the region 'mars' is wrong"),
    "service": ({"got": "sts", "service": "s3"}, 'incorrect service "sts". This endpoint belongs to "s3".'),
    "terminator": ({"got": "aws5"}, 'incorrect terminal "aws5". This endpoint uses "aws4_request".'),
    "date": (
        {"got": "20200101", "timestamp": "20260131T120000Z"},
        'Invalid credential date "20200101". This date is not the same as X-Amz-Date: "20260131".',
    ),
}


@pytest.mark.parametrize("element", SCOPES)
@pytest.mark.parametrize("presigned", [False, True])
def test_s3_names_the_element_of_the_scope(element: str, presigned: bool) -> None:
    evidence, text = SCOPES[element]
    form = {"presigned": "yes"} if presigned else {}
    refused = SignatureRefused(Fault.SCOPE, "the text", element=element, **evidence, **form)
    before = (
        "Error parsing the X-Amz-Credential parameter; " if presigned else "The authorization header is malformed; "
    )
    assert refusal(refused, services()["s3"], "rest-xml").message == before + text


@pytest.mark.parametrize(("presigned", "code"), [(False, HEADER), (True, QUERY)])
def test_s3_names_the_region_of_the_bucket(presigned: bool, code: str) -> None:
    error = wrong_region("us-east-1", "eu-west-1", presigned=presigned)
    assert (error.status, error.error_code, error.members) == (400, code, {"Region": "eu-west-1"})
    assert error.message.endswith("; the region 'us-east-1' is wrong; expecting 'eu-west-1'")


def test_a_mismatch_without_evidence_shows_nothing_empty() -> None:
    error = refusal(SignatureRefused(Fault.MISMATCH, "the text"), services()["s3"], "rest-xml")
    assert error.members == {}


def test_the_event_log_says_why_even_where_aws_sends_no_text() -> None:
    error = refusal(SignatureRefused(Fault.TWO_SIGNATURES, ""), services()["sts"], "query")
    assert (error.message, error.why) == ("", "The request is signed in the header and in the query string at once.")
    error = refusal(SignatureRefused(Fault.BAD_TOKEN, "why"), services()["ec2"], "ec2")
    assert error.why == "why"
