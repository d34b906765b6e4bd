"""A request that costs much to read is refused in its protocol's own words, and keeps no other waiting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import httpx2
import pytest

from podrole.aws.protocol import bodies, parameters, xml_input
from support.aws import ADMIN_KEY, LocalAWS
from support.heartbeat import GENEROUS_SECONDS, heartbeat_of
from support.signing import FORM, Signed, sign

DIGITS = b"9" * 2_000_000
Prepare = Callable[[LocalAWS], Signed]


def json_call(body: bytes, operation: str = "ListTables") -> Prepare:
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    return lambda aws: sign(aws, "dynamodb", headers=headers, body=body)


def rest_json_call(body: bytes) -> Prepare:
    return lambda aws: sign(aws, "eks", path="/clusters", body=body)


def cbor_call(body: bytes) -> Prepare:
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    return lambda aws: sign(aws, "monitoring", path=path, headers=headers, body=body)


def xml_call(query: str, body: bytes, method: str = "PUT") -> Prepare:
    return lambda aws: sign(aws, "s3", method=method, path=f"/bucket?{query}", body=body, signer="S3SigV4Auth")


def ec2_call(body: bytes) -> Prepare:
    whole = b"Action=DescribeInstances&Version=2016-11-15&" + body
    return lambda aws: sign(aws, "ec2", headers=FORM, body=whole)


def iam_call(body: bytes, operation: str = "ListUsers") -> Prepare:
    whole = f"Action={operation}&Version=2010-05-08&".encode() + body
    return lambda aws: sign(aws, "iam", headers=FORM, body=whole)


def simulation(policies: list[object], actions: int, resources: int) -> Prepare:
    """Return a call of IAM's policy simulator."""
    names = {"PolicyInputList": [json.dumps(one) for one in policies]}
    names["ActionNames"] = [f"s3:Get{number}" for number in range(actions)]
    names["ResourceArns"] = [f"arn:aws:s3:::bucket/{number}" for number in range(resources)]
    members = {f"{name}.member.{n}": text for name, texts in names.items() for n, text in enumerate(texts, 1)}
    body = urlencode({"Action": "SimulateCustomPolicy", "Version": "2010-05-08", **members}).encode()
    return lambda aws: sign(aws, "iam", headers=FORM, body=body)


def iam_policy(operation: str, member: str, document: str, **more: str) -> Prepare:
    return iam_call(urlencode({member: document, **more}).encode(), operation)


def allowing(*resources: str) -> object:
    return {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": resources}}


def signed_by_nobody(text: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={text}, SignedHeaders=host, Signature=0"


def unsigned(body: bytes = b"", query: str = "", **headers: str) -> Prepare:
    """Return a request of nobody in particular, to STS."""
    nobody = signed_by_nobody("AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/sts/aws4_request")
    sent = {**FORM, "authorization": nobody, **headers}
    return lambda aws: Signed("POST" if body else "GET", f"{aws.url}/{query}", sent, body)


def sts_exchange(name: bytes, value: bytes) -> Prepare:
    form = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=web&"
    return unsigned(form + name + b"=" + value)


def sts_form(parameters_of_form: bytes) -> Prepare:
    return unsigned(b"Action=GetCallerIdentity&Version=2011-06-15&" + parameters_of_form)


def many_signed_headers(aws: LocalAWS) -> Signed:
    day = time.strftime("%Y%m%d", time.gmtime(aws.now()))
    text = f"AWS4-HMAC-SHA256 Credential={ADMIN_KEY}/{day}/us-east-1/sts/aws4_request, SignedHeaders=host"
    headers = {
        **FORM,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(aws.now())),
        "authorization": text + ";a" * 14_000 + ", Signature=0",
    }
    return Signed("POST", aws.url, headers, b"Action=GetCallerIdentity&Version=2011-06-15")


def numbered(count: int, text: str) -> bytes:
    return "&".join(text.format(number) for number in range(1, count + 1)).encode()


DEEP = 500_000
NAMES = [f"arn:aws:s3:::b/{number}" for number in range(5_500)]
FAULTY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "x"}] * 6_000})
SERIALIZATION, MALFORMED, LARGE = "SerializationException", "MalformedXML", "RequestEntityTooLarge"
TOO_LARGE = "body is too large"

REQUESTS: dict[str, tuple[Callable[[], Prepare], int, str]] = {
    "json: a number of two million digits": (lambda: json_call(b'{"Limit": ' + DIGITS + b"}"), 400, SERIALIZATION),
    "json: a number of 4000 digits": (lambda: json_call(b'{"Limit": ' + DIGITS[:4000] + b"}"), 400, SERIALIZATION),
    "json: a number over 64 bits": (lambda: json_call(b'{"Limit": ' + DIGITS[:20] + b"}"), 400, SERIALIZATION),
    "json: a number that is infinite": (lambda: json_call(b'{"Limit": 1e999}'), 400, SERIALIZATION),
    "json: a list instead of a number": (lambda: json_call(b'{"Limit": [5]}'), 400, SERIALIZATION),
    "json: a boolean instead of a number": (lambda: json_call(b'{"Limit": true}'), 400, SERIALIZATION),
    "json: deep in what is not read": (
        lambda: json_call(b'{"X": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
        400,
        SERIALIZATION,
    ),
    "json: deeper than is counted": (lambda: json_call(b'{"X": ' + b"[" * DEEP + b"]" * DEEP + b"}"), 413, LARGE),
    "json: deep in what is read": (
        lambda: json_call(b'{"TableName": "t", "Item": {"a": ' + b'{"L": [' * 400 + b"]}" * 400 + b"}}", "PutItem"),
        400,
        SERIALIZATION,
    ),
    "json: a million keys": (
        lambda: json_call(("{" + ",".join(f'"k{number}":1' for number in range(1_000_000)) + "}").encode()),
        413,
        LARGE,
    ),
    "json: millions of lists": (lambda: json_call(b'{"X": [' + b"[]," * 4_000_000 + b"[]]}"), 413, LARGE),
    "json: millions of values": (lambda: json_call(b'{"X": [' + b"0," * 4_000_000 + b"0]}"), 413, LARGE),
    "json: millions of escapes": (lambda: json_call(b'{"X": "' + b"\\n" * 30_000_000 + b'"}'), 413, LARGE),
    "rest json: a number of 200,000 digits": (lambda: rest_json_call(b'{"name": ' + DIGITS[:200_000] + b"}"), 400, ""),
    "rest json: many tags": (
        lambda: rest_json_call(json.dumps({"tags": {f"k{n}": "v" for n in range(200_000)}}).encode()),
        413,
        TOO_LARGE,
    ),
    "rest json: many subnets": (
        lambda: rest_json_call(
            json.dumps({"name": "c", "resourcesVpcConfig": {"subnetIds": ["s"] * 200_000}}).encode()
        ),
        413,
        TOO_LARGE,
    ),
    "cbor: a large number": (
        lambda: cbor_call(b"\xa1\x69NextToken\xc2\x5a" + (1_000_000).to_bytes(4, "big") + b"\xff" * 1_000_000),
        400,
        SERIALIZATION,
    ),
    "cbor: deep": (lambda: cbor_call(b"\x81" * 1_000_000), 400, SERIALIZATION),
    "cbor: a length that is not there": (
        lambda: cbor_call(b"\xa1\x5b" + (2**33).to_bytes(8, "big") + b"x"),
        400,
        SERIALIZATION,
    ),
    "cbor: a million numbers": (lambda: cbor_call(b"\x9f" + b"\x00" * 1_000_000 + b"\xff"), 400, SERIALIZATION),
    "cbor: over the limit": (lambda: cbor_call(b"\x9f" + b"\x00" * bodies.MAX_CBOR_BYTES + b"\xff"), 413, LARGE),
    "xml: deep": (lambda: xml_call("tagging", b"<a>" * DEEP + b"</a>" * DEEP), 400, MALFORMED),
    "xml: a number of two million digits": (
        lambda: xml_call(
            "lifecycle",
            b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>"
            + DIGITS
            + b"</Days></Expiration></Rule></LifecycleConfiguration>",
        ),
        400,
        MALFORMED,
    ),
    "xml: many elements": (
        lambda: xml_call("delete", b"<Delete>" + b"<Object><Key>k</Key></Object>" * DEEP + b"</Delete>", "POST"),
        400,
        MALFORMED,
    ),
    "xml: many attributes": (
        lambda: xml_call("tagging", b"<a " + b" ".join(b'a%d="1"' % number for number in range(DEEP)) + b"/>"),
        400,
        MALFORMED,
    ),
    "query: a number of two million digits": (lambda: ec2_call(b"MaxResults=" + DIGITS), 400, "InvalidParameterValue"),
    "query: a number over 64 bits": (lambda: ec2_call(b"MaxResults=" + DIGITS[:20]), 400, "InvalidParameterValue"),
    "query: a number of iam": (lambda: iam_call(b"MaxItems=" + DIGITS[:5000]), 400, "MalformedInput"),
    "query: many parameters": (lambda: ec2_call(numbered(100_000, "InstanceId.{}=i-1")), 413, LARGE),
    "query: many tags of iam": (
        lambda: iam_call(numbered(20_000, "Tags.member.{0}.Key=k{0}&Tags.member.{0}.Value=v"), "CreatePolicy"),
        400,
        "length less than or equal to 50",
    ),
    "query: a policy of many resources": (
        lambda: iam_policy("CreatePolicy", "PolicyDocument", json.dumps(allowing(*NAMES)), PolicyName="p"),
        409,
        "PolicySize",
    ),
    "query: a policy of many faults": (
        lambda: iam_policy("CreatePolicy", "PolicyDocument", FAULTY, PolicyName="p"),
        409,
        "PolicySize",
    ),
    "query: a trust policy of many faults": (
        lambda: iam_policy("CreateRole", "AssumeRolePolicyDocument", FAULTY, RoleName="r"),
        409,
        "ACLSizePerRole",
    ),
    "query: deep names": (
        lambda: ec2_call(numbered(10_000, "Filter.1.{}." + "a." * 50 + "b=1")),
        400,
        "InvalidParameterValue",
    ),
    "simulation: four million results": (lambda: simulation([allowing("*")], 2_000, 2_000), 200, "<IsTruncated>true<"),
    "simulation: many policies": (
        lambda: simulation([allowing(*(f"arn:aws:s3:::b/{n}-{m}" for m in range(100))) for n in range(150)], 1, 1),
        200,
        "implicitDeny",
    ),
    "unsigned: millions of parameters": (lambda: sts_form(b"a&" * 4_000_000), 413, LARGE),
    "unsigned: a long token": (lambda: sts_exchange(b"WebIdentityToken", b"a." * 4_000_000), 413, LARGE),
    "unsigned: a long role": (
        lambda: sts_exchange(b"RoleArn", b"arn:aws:iam::1:role/" + b"a/" * 4_000_000),
        413,
        LARGE,
    ),
    "unsigned: a long policy": (lambda: sts_exchange(b"Policy", b"{" * 8_000_000), 413, LARGE),
    "unsigned: a policy below the limit": (lambda: sts_exchange(b"Policy", b"{" * 500_000), 400, "ValidationError"),
    "unsigned: a role below the limit": (lambda: sts_exchange(b"RoleArn", b"a/" * 250_000), 400, "ValidationError"),
    "unsigned: credentials that never end": (
        lambda: unsigned(b"Action=x", authorization="Credential=" * 2_700),
        400,
        "",
    ),
    "unsigned: many parts of a signature": (
        lambda: unsigned(
            b"Action=x", authorization=signed_by_nobody("A/2/us-east-1/sts/aws4_request") + ",a=b" * 7_000
        ),
        400,
        "InvalidAction",
    ),
    "many signed headers": (lambda: many_signed_headers, 403, ""),
    "many parameters in the address": (lambda: unsigned(query="?" + "a&" * 15_000), 413, LARGE),
    "a long path": (lambda: unsigned(query="a/" * 15_000), 404, ""),
    "a long host": (lambda: unsigned(query="key", host="a." * 15_000), 404, ""),
}
"""By what is wrong with the request: what writes it (only in its test: together they are large), status and code."""

SERVICES = ("json", "cbor", "xml", "query")


SAMPLE = {
    "json: a number of two million digits",
    "json: a million keys",
    "json: millions of escapes",
    "cbor: a million numbers",
    "xml: many elements",
    "query: many tags of iam",
    "query: a policy of many faults",
    "simulation: many policies",
    "unsigned: a long token",
    "unsigned: many parts of a signature",
}
"""What ``make test`` sends; ``make soak`` sends all."""


@pytest.mark.parametrize(
    "name", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.soak) for name in REQUESTS]
)
def test_costly_request_is_refused_and_keeps_no_other_waiting(aws: LocalAWS, name: str) -> None:
    write, status, code = REQUESTS[name]
    if name.startswith(SERVICES) and "iam" not in name:
        aws.client("s3").create_bucket(Bucket="bucket")  # the services are there, and their models
    request = write()(aws)
    with heartbeat_of(aws.loop) as beat:
        answer = request.send(aws)
    assert (answer.status_code, code in answer.text) == (status, True), answer.text[:500]
    assert beat.longest < GENEROUS_SECONDS


@pytest.mark.parametrize(
    ("count", "status"), [(900, 403), (1100, 431)], ids=["as many as are read", "more than are read"]
)
def test_headers_are_counted(aws: LocalAWS, count: int, status: int) -> None:
    with httpx2.Client() as client:
        answer = client.get(f"{aws.url}/bucket", headers=[(f"x-{number}", "") for number in range(count)])
    assert answer.status_code == status


@pytest.mark.parametrize("kind", ["integer", "long"])
@pytest.mark.parametrize(
    ("number", "fits"), [(2**63 - 1, True), (-(2**63), True), (2**63, False), (-(2**63) - 1, False)]
)
def test_whole_numbers_have_64_bits(kind: str, number: int, fits: bool) -> None:
    from botocore.model import Shape

    shape = Shape("Number", {"type": kind})
    for read in (lambda: parameters.from_text(str(number), shape), lambda: parameters._json_value(number, shape)):
        if fits:
            assert read() == number
        else:
            with pytest.raises(ValueError, match="does not fit 64 bits"):
                read()


def test_limits_leave_room_for_the_largest_requests_of_aws() -> None:
    parts = 10_000
    upload = b"<Part><PartNumber>1</PartNumber><ETag>e</ETag><ChecksumSHA256>c</ChecksumSHA256></Part>" * parts
    assert upload.count(b"<") < xml_input.MAX_TAGS
    assert bodies.MAX_JSON_BYTES > 25 * 400 * 1024  # a batch of DynamoDB
    assert bodies.MAX_JSON_BYTES > 50 * 1024 * 1024 * 4 / 3  # the code of a function
    assert bodies.MAX_CBOR_BYTES > 1024 * 1024
