"""Every way in which a signature can fail, in the words, codes and statuses of each kind of service."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

from support.aws import ADMIN_KEY, ADMIN_SECRET, REGION, LocalAWS, allow, trust_of
from support.signing import SERVICES, SIGNING_NAMES, Signed, caller_identity, list_buckets, list_tables, sign

Fault = Callable[[LocalAWS, str], Signed]


def error_of(answer: httpx2.Response, protocol: str) -> tuple[int, str, str]:
    """Return status, code and message, having made sure that the body has the protocol's shape."""
    status = answer.status_code
    if protocol == "json":
        body = json.loads(answer.text)
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        return status, body["__type"].removeprefix("com.amazon.coral.service#"), body.get("message", "")
    if protocol == "rest-json":
        return status, answer.headers["x-amzn-errortype"], json.loads(answer.text)["message"]
    root = ElementTree.fromstring(answer.text)
    tag = {"query": "ErrorResponse", "ec2": "Response", "s3": "Error"}[protocol]
    assert root.tag.rpartition("}")[2] == tag
    code, message = root.find(".//{*}Code"), root.find(".//{*}Message")
    assert code is not None
    return status, code.text or "", (message.text or "") if message is not None else ""


def plain(aws: LocalAWS, protocol: str, **options: Any) -> Signed:
    return SERVICES[protocol](aws, **options)


def session(aws: LocalAWS) -> dict[str, str]:
    role = aws.role("powerful", trust_of("arn:aws:iam::111122223333:user/admin"), allow("*"))
    return dict(aws.client("sts").assume_role(RoleArn=role, RoleSessionName="self")["Credentials"])


def _with_token(aws: LocalAWS, protocol: str, change: Callable[[str], str]) -> Signed:
    good = session(aws)
    return plain(aws, protocol, credentials={**good, "SessionToken": change(good["SessionToken"])})


def _expired(aws: LocalAWS, protocol: str) -> Signed:
    good = session(aws)
    aws.offset = 3_601
    return plain(aws, protocol, credentials=good)


def _flip(token: str) -> str:
    return token[:60] + ("A" if token[60] != "A" else "B") + token[61:]


FAULTS: dict[str, Fault] = {
    "no signature": lambda aws, protocol: Signed(
        (one := plain(aws, protocol)).method,
        one.url,
        {name: value for name, value in one.headers.items() if name.lower() in ("content-type", "x-amz-target")},
        one.body,
    ),
    "an unknown key": lambda aws, protocol: plain(
        aws, protocol, credentials={"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}
    ),
    "a wrong secret": lambda aws, protocol: plain(
        aws, protocol, credentials={"AccessKeyId": ADMIN_KEY, "SecretAccessKey": ADMIN_SECRET[::-1]}
    ),
    "a signature too old": lambda aws, protocol: plain(aws, protocol, offset=-905),
    "a signature from the future": lambda aws, protocol: plain(aws, protocol, offset=930),
    "an expired session": _expired,
    "a session token changed": lambda aws, protocol: _with_token(aws, protocol, _flip),
    "a session token cut short": lambda aws, protocol: _with_token(aws, protocol, lambda token: token[:-8]),
    "a session token that is malformed": lambda aws, protocol: _with_token(aws, protocol, lambda _: "token"),
    "a session without its token": lambda aws, protocol: plain(
        aws, protocol, credentials={name: value for name, value in session(aws).items() if "Token" not in name}
    ),
    "a session token with a user's key": lambda aws, protocol: plain(
        aws,
        protocol,
        credentials={
            "AccessKeyId": ADMIN_KEY,
            "SecretAccessKey": ADMIN_SECRET,
            "SessionToken": session(aws)["SessionToken"],
        },
    ),
    "an incomplete header": lambda aws, protocol: plain(aws, protocol).with_header(
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={ADMIN_KEY}/20260101/{REGION}/{SIGNING_NAMES[protocol]}/aws4_request",
    ),
    "a scope of four elements": lambda aws, protocol: plain(aws, protocol).replaced("/aws4_request", ""),
    "another day": lambda aws, protocol: _other_day(plain(aws, protocol)),
    "another algorithm": lambda aws, protocol: plain(aws, protocol).replaced(
        "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"
    ),
    "a day that does not exist": lambda aws, protocol: plain(aws, protocol).with_header(
        "X-Amz-Date", "20261345T120000Z"
    ),
}


def _other_day(request: Signed) -> Signed:
    found = re.search(r"/(\d{8})/", request.headers["Authorization"])
    assert found is not None
    return request.replaced(found[0], "/20200101/")


INVALID, MISSING = "The security token included in the request is invalid", "Missing Authentication Token"
NO_MATCH = "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
AUTH = (401, "AuthFailure", "AWS was not able to validate the provided access credentials")
LATE = (400, "RequestExpired", "Request has expired.")
UNKNOWN = "UnrecognizedClientException"
BAD = "InvalidSignatureException"
HEADER = "The authorization header is malformed; "
NO_TOKEN = (400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
Answers = dict[str, tuple[int, str, str]]
# Of one fault the answers of each kind of service; messages are compared up to their end here.
ANSWERS: dict[str, Answers] = {
    "no signature": {
        "query": (403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        "ec2": AUTH,
        "json": (400, "MissingAuthenticationTokenException", MISSING),
        "s3": (403, "AccessDenied", ""),
    },
    "an unknown key": {
        "query": (403, "InvalidClientTokenId", INVALID + "."),
        "ec2": AUTH,
        "json": (400, UNKNOWN, INVALID + "."),
        "rest-json": (403, UNKNOWN, INVALID + "."),
        "s3": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    },
    "a wrong secret": {
        "query": (403, "SignatureDoesNotMatch", NO_MATCH),
        "ec2": AUTH,
        "json": (400, BAD, NO_MATCH),
        "rest-json": (403, BAD, NO_MATCH),
        "s3": (403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you"),
    },
    "a signature too old": {
        "query": (403, "SignatureDoesNotMatch", "Signature expired: "),
        "ec2": LATE,
        "json": (400, BAD, "Signature expired: "),
        "rest-json": (403, BAD, "Signature expired: "),
        "s3": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too"),
    },
    "a signature from the future": {
        "query": (403, "SignatureDoesNotMatch", "Signature not yet current: "),
        "ec2": AUTH,
        "json": (400, BAD, "Signature not yet current: "),
        "rest-json": (403, BAD, "Signature not yet current: "),
        "s3": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too"),
    },
    "an expired session": {
        "query": (403, "ExpiredToken", "The security token included in the request is expired"),
        "ec2": LATE,
        "json": (400, "ExpiredTokenException", "The security token included in the request is expired"),
        "rest-json": (403, "ExpiredTokenException", "The security token included in the request is expired"),
        "s3": (400, "ExpiredToken", "The provided token has expired."),
    },
    "an incomplete header": {
        "query": (400, "IncompleteSignature", "Authorization header requires 'Signature' parameter. "),
        "ec2": AUTH,
        "json": (400, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter. "),
        "rest-json": (403, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter. "),
        "s3": (400, "AuthorizationHeaderMalformed", HEADER + "Authorization header requires 'Signature' parameter. "),
    },
    "a scope of four elements": {
        "query": (400, "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements"),
        "ec2": AUTH,
        "json": (400, "IncompleteSignatureException", "Credential must have exactly 5 slash-delimited elements"),
        "s3": (400, "AuthorizationHeaderMalformed", HEADER + "the Credential is mal-formed; expecting"),
    },
    "another day": {
        "query": (403, "SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD"),
        "ec2": AUTH,
        "json": (400, BAD, "Date in Credential scope does not match YYYYMMDD"),
        "rest-json": (403, BAD, "Date in Credential scope does not match YYYYMMDD"),
        "s3": (400, "AuthorizationHeaderMalformed", HEADER + 'Invalid credential date "20200101". '),
    },
    "another algorithm": {
        "query": (400, "IncompleteSignature", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."),
        "ec2": AUTH,
        "json": (400, "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."),
        "rest-json": (403, "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."),
        "s3": (
            400,
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4",
        ),
    },
    "a day that does not exist": {
        "query": (400, "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '20261345T120000Z'."),
        "ec2": AUTH,
        "json": (400, "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'."),
        "rest-json": (403, "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'."),
        "s3": (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"),
    },
}
_BAD_TOKEN: Answers = {
    "query": (403, "InvalidClientTokenId", INVALID),
    "ec2": AUTH,
    "json": (400, UNKNOWN, INVALID + "."),
    "rest-json": (403, UNKNOWN, INVALID + "."),
    "s3": NO_TOKEN,
}
for _name in ("changed", "cut short", "that is malformed", "with a user's key"):
    ANSWERS[f"a session token {_name}"] = _BAD_TOKEN
ANSWERS["a session without its token"] = ANSWERS["an unknown key"]


# Without a scope a path alone does not say whose it is: what EKS would be asked is then a request to S3.
CASES = [(fault, protocol) for fault in FAULTS for protocol in SERVICES if protocol in ANSWERS[fault]]


@pytest.mark.parametrize(("fault", "protocol"), CASES)
def test_a_request_is_refused_with(aws: LocalAWS, fault: str, protocol: str) -> None:
    status, code, message = error_of(FAULTS[fault](aws, protocol).send(aws), protocol)
    expected = ANSWERS[fault][protocol]
    assert (status, code) == expected[:2]
    assert message.startswith(expected[2])
    if protocol == "query" and fault.startswith("a session token"):
        assert not message.endswith("."), "the text for a token has no full stop, the one for a key has"
    assert aws.last_event().outcome == "refused"


@pytest.mark.services
@pytest.mark.parametrize("protocol", SERVICES)
def test_a_correctly_signed_request_passes(aws: LocalAWS, protocol: str) -> None:
    assert plain(aws, protocol).send(aws).status_code == 200
    assert plain(aws, protocol, credentials=session(aws)).send(aws).status_code == 200
    for offset in (-890, 890):
        assert plain(aws, protocol, offset=offset).send(aws).status_code == 200


SPOILT: dict[str, Callable[[LocalAWS], Signed]] = {
    "another method": lambda aws: _asked_for_by_post(aws).changed(method="GET"),
    "another body": lambda aws: caller_identity(aws).changed(body=b"Action=GetSessionToken&Version=2011-06-15"),
    "a parameter more in the body": lambda aws: caller_identity(aws).changed(
        body=b"Action=GetCallerIdentity&Version=2011-06-15&X=1"
    ),
    "another content type": lambda aws: caller_identity(aws).with_header(
        "content-type", "application/x-www-form-urlencoded"
    ),
    "another date": lambda aws: _later(caller_identity(aws)),
    "another host": lambda aws: caller_identity(aws).with_header("Host", "sts.amazonaws.com"),
    "another operation of the same service": lambda aws: list_tables(aws).with_header(
        "x-amz-target", "DynamoDB_20120810.DescribeLimits"
    ),
    "a query that was not signed": lambda aws: (one := SERVICES["rest-json"](aws)).changed(
        url=one.url + "?maxResults=1"
    ),
    "a signed header left out": lambda aws: sign(
        aws, "eks", method="GET", path="/clusters", headers={"x-amz-custom": "1"}
    ).with_header("x-amz-custom", None),
    "a signed header twice": lambda aws: sign(
        aws, "eks", method="GET", path="/clusters", headers={"x-amz-custom": "1"}
    ).with_header("x-amz-custom", "1,1"),
    "a signature of letters": lambda aws: _signed_by(caller_identity(aws), "x" * 64),
    "a signature in capitals": lambda aws: _signed_by(
        (one := caller_identity(aws)), one.headers["Authorization"][-64:].upper().replace("0", "O") + "A"
    ),
    "an empty list of headers but host": lambda aws: caller_identity(aws).replaced("content-type;host", "host"),
    "the host not signed": lambda aws: caller_identity(aws).replaced(";host;", ";"),
}


def _asked_for_by_post(aws: LocalAWS) -> Signed:
    return sign(aws, "eks", path="/clusters")


def _later(request: Signed) -> Signed:
    date = request.headers["X-Amz-Date"]
    return request.with_header("X-Amz-Date", date[:-2] + ("1Z" if date[-2] != "1" else "2Z"))


def _signed_by(request: Signed, signature: str) -> Signed:
    return request.replaced(request.headers["Authorization"][-64:], signature)


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_a_change_of_the_request_is_refused(aws: LocalAWS, spoilt: Callable[[LocalAWS], Signed]) -> None:
    request = spoilt(aws)
    answer = request.send(aws)
    assert answer.status_code in (400, 403)
    assert "Signature" in answer.text + answer.headers.get("x-amzn-errortype", "")


def test_an_operation_named_in_a_header_that_is_not_signed_is_refused(aws: LocalAWS) -> None:
    request = sign(aws, "dynamodb", body=b"{}", headers={"content-type": "application/x-amz-json-1.0"})
    answer = request.with_header("x-amz-target", "DynamoDB_20120810.ListTables").send(aws)
    assert error_of(answer, "json") == (400, BAD, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        (("/sts/", "/iam/"), 400, "InvalidAction", "Could not find operation GetCallerIdentity for version 2011-06-15"),
        (
            ("/us-east-1/", "/mars/"),
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region, not 'mars'. ",
        ),
        (
            ("aws4_request", "aws5_request"),
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
        ),
    ],
    ids=["another service", "no region", "another terminator"],
)
def test_an_invalid_scope_is_named(
    aws: LocalAWS, change: tuple[str, str], status: int, code: str, message: str
) -> None:
    answer = caller_identity(aws).replaced(*change).send(aws)
    assert error_of(answer, "query") == (status, code, message)


def test_a_key_of_one_partition_is_unknown_in_another(aws: LocalAWS) -> None:
    for region in ("cn-north-1", "us-gov-west-1"):
        answer = caller_identity(aws, region=region).send(aws)
        assert error_of(answer, "query") == (403, "InvalidClientTokenId", INVALID + ".")
    assert caller_identity(aws, region="eu-central-1").send(aws).status_code == 200


def presigned(aws: LocalAWS, **options: Any) -> Signed:
    """A presigned GetCallerIdentity."""
    path = "/?Action=GetCallerIdentity&Version=2011-06-15"
    return sign(aws, "sts", method="GET", path=path, signer="SigV4QueryAuth", **options)


PRESIGNED: dict[str, tuple[Callable[[LocalAWS], Signed], tuple[int, str, str]]] = {
    "another parameter": (
        lambda aws: (one := presigned(aws)).changed(url=one.url + "&X=1"),
        (403, "SignatureDoesNotMatch", NO_MATCH),
    ),
    "another operation": (
        lambda aws: presigned(aws).replaced("GetCallerIdentity", "GetSessionToken"),
        (403, "SignatureDoesNotMatch", NO_MATCH),
    ),
    "a body": (lambda aws: presigned(aws).changed(body=b"x"), (403, "SignatureDoesNotMatch", NO_MATCH)),
    "an Authorization header beside it": (
        lambda aws: presigned(aws).with_header("Authorization", "AWS4-HMAC-SHA256 x=y"),
        (403, "SignatureDoesNotMatch", ""),
    ),
    "sixteen minutes of age": (
        lambda aws: presigned(aws, expires=86_400, offset=-960),
        (403, "SignatureDoesNotMatch", "Signature expired: "),
    ),
    "sixteen minutes to wait": (
        lambda aws: presigned(aws, offset=960),
        (403, "SignatureDoesNotMatch", "Signature not yet current: "),
    ),
    "no credential": (
        lambda aws: _without(presigned(aws), "X-Amz-Credential"),
        (400, "IncompleteSignature", "AWS query-string parameters must include 'X-Amz-Credential'. Re-examine"),
    ),
    "no signature": (
        lambda aws: _without(presigned(aws), "X-Amz-Signature"),
        (400, "IncompleteSignature", "AWS query-string parameters must include 'X-Amz-Signature'. Re-examine"),
    ),
    "no date and no headers": (
        lambda aws: _without(_without(presigned(aws), "X-Amz-Date"), "X-Amz-SignedHeaders"),
        (
            400,
            "IncompleteSignature",
            "AWS query-string parameters must include 'X-Amz-Date'. AWS query-string parameters must include "
            + "'X-Amz-SignedHeaders'. Re-examine",
        ),
    ),
    "another algorithm": (
        lambda aws: presigned(aws).replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        (403, "MissingAuthenticationToken", "Missing Authentication Token"),
    ),
    "a second signature behind the first": (
        lambda aws: (one := presigned(aws)).changed(
            url=one.url.replace("X-Amz-Signature=", "X-Amz-Signature=0&X-Amz-Signature=")
        ),
        (400, "MalformedQueryString", "The parameter 'X-Amz-Signature' is given twice."),
    ),
    "the token of another session": (
        lambda aws: _other_token(aws),
        (403, "InvalidClientTokenId", INVALID),
    ),
}


def _without(request: Signed, name: str) -> Signed:
    return request.changed(url=re.sub(rf"([?&]){name}=[^&]*&?", r"\1", request.url).rstrip("&"))


def _other_token(aws: LocalAWS) -> Signed:
    first = session(aws)
    role = "arn:aws:iam::111122223333:role/powerful"
    second = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="other")["Credentials"]
    return presigned(aws, credentials={**first, "SessionToken": second["SessionToken"]})


@pytest.mark.parametrize(("request_", "expected"), PRESIGNED.values(), ids=PRESIGNED.keys())
def test_a_presigned_url_is_refused_with(
    aws: LocalAWS, request_: Callable[[LocalAWS], Signed], expected: tuple[int, str, str]
) -> None:
    status, code, message = error_of(request_(aws).send(aws), "query")
    assert (status, code) == expected[:2]
    assert message.startswith(expected[2])


def test_a_presigned_url_passes_with_a_users_key_and_with_a_session(aws: LocalAWS) -> None:
    assert presigned(aws).send(aws).status_code == 200
    assert presigned(aws, credentials=session(aws)).send(aws).status_code == 200
    assert presigned(aws, expires=1, offset=-600).send(aws).status_code == 200, "sts overlooks X-Amz-Expires"


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS AKIAIOSFODNN7EXAMPLE:c2lnbmF0dXJl",
        "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        "Basic dXNlcjpwYXNz",
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA512 Credential=x",
        "aws4-hmac-sha256 Credential=x/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
@pytest.mark.parametrize("protocol", ["query", "s3"])
def test_a_signature_of_another_form_is_refused(aws: LocalAWS, authorization: str, protocol: str) -> None:
    answer = plain(aws, protocol).with_header("Authorization", authorization).send(aws)
    assert answer.status_code in (400, 403)
    assert authorization.strip() == "" or authorization not in json.dumps(aws.last_event().explanation or {})
    told = repr(aws.last_event())
    assert "c2lnbmF0dXJl" not in told
    assert "e30.c2ln" not in told
    assert "dXNlcjpwYXNz" not in told


def test_a_query_signed_with_version_two_is_not_anonymous(aws: LocalAWS) -> None:
    url = f"{aws.url}/bucket/key?AWSAccessKeyId={ADMIN_KEY}&Expires=4000000000&Signature=abc"
    answer = aws.http.get(url)
    assert error_of(answer, "s3")[:2] == (400, "InvalidRequest")


def test_s3_shows_what_it_signed_and_no_key(aws: LocalAWS) -> None:
    bad = {"AccessKeyId": ADMIN_KEY, "SecretAccessKey": "wrong"}
    text = list_buckets(aws, credentials=bad).send(aws).text
    for name in ("AWSAccessKeyId", "StringToSign", "StringToSignBytes", "CanonicalRequest", "CanonicalRequestBytes"):
        assert f"<{name}>" in text
    assert ADMIN_SECRET not in text
