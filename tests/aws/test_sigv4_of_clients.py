"""What botocore's clients sign, for every protocol that a service speaks, is verified here as they signed it."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
import msgspec
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import chunked, parsing, signed_text, sigv4
from podrole.aws.signature.faults import Fault, SignatureRefused
from support.examples import examples

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = re.compile(r"[a-z]{2}-[a-z]+-\d")

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
words = st.text("abcXYZ019-_", min_size=1, max_size=20)
ascii_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
ascii_words = ascii_texts.map(lambda text: text.strip() or "x")


class Wire:
    """A client whose requests are kept instead of sent."""

    def __init__(self, service: str, token: str | None = None) -> None:
        self.sent: list[AWSPreparedRequest] = []
        self.service = service
        config = Config(signature_version="s3v4" if service == "s3" else None, parameter_validation=False)
        self.client = boto3.client(
            service,
            endpoint_url="http://127.0.0.1:4566",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            aws_session_token=token,
            config=config,
        )
        self.client.meta.events.register("before-send", self._keep)

    def _keep(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.sent.append(request)
        raise _Sent

    def request(self, operation: str, **parameters: Any) -> HTTPRequest:
        """Return what the client would send."""
        with pytest.raises(_Sent):
            getattr(self.client, operation)(**parameters)
        prepared = self.sent.pop()
        parts = urlsplit(prepared.url)
        headers = [("host", parts.netloc)]
        for name, value in prepared.headers.items():
            headers.append((name.lower(), value.decode("latin-1") if isinstance(value, bytes) else value))
        body = prepared.body
        if hasattr(body, "read"):
            body = body.read()
        data = body.encode() if isinstance(body, str) else bytes(body or b"")
        return HTTPRequest(prepared.method, parts.path or "/", parts.query, headers, data, "127.0.0.1")


class _Sent(Exception):
    """Ends a call where it would go onto the wire."""


def verify(request: HTTPRequest, service: str) -> bytes:
    """Verify as the endpoint does, and return the body that the service would see."""
    s3 = service == "s3"
    signature = parsing.parse_signature(request)
    sigv4.check_time(signature, time.time(), s3=s3)
    sigv4.check_scope(signature, service=service, region_pattern=REGION)
    sigv4.check_signed_headers(request, signature, s3=s3)
    stated = request.header.get("x-amz-content-sha256")
    payload = chunked.s3_payload_hash(request, signature, stated) if s3 else signed_text.body_hash(request.body)
    sigv4.check_signature(request, signature, SECRET, payload, s3=s3)
    return (chunked.decode(request, signature, SECRET) if s3 else request).body


@pytest.fixture(scope="module")
def wires() -> dict[str, Wire]:
    services = ("sts", "ec2", "dynamodb", "lambda", "s3", "cloudwatch", "sqs", "route53", "eks")
    return {service: Wire(service, token="a/session+token==") for service in services}


thorough = settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@thorough
@given(names, names, st.lists(st.tuples(names, names), max_size=3))
def test_query(wires: dict[str, Wire], role: str, session: str, tags: list[tuple[str, str]]) -> None:
    given_tags = [{"Key": key, "Value": value} for key, value in tags]
    verify(wires["sts"].request("assume_role", RoleArn=role, RoleSessionName=session, Tags=given_tags), "sts")


@thorough
@given(st.lists(st.tuples(names, st.lists(names, max_size=3)), max_size=3))
def test_query_of_ec2(wires: dict[str, Wire], filters: list[tuple[str, list[str]]]) -> None:
    listed = [{"Name": name, "Values": values} for name, values in filters]
    verify(wires["ec2"].request("describe_instances", Filters=listed), "ec2")


@thorough
@given(names, st.dictionaries(names, names, max_size=3), st.binary(max_size=50))
def test_json(wires: dict[str, Wire], table: str, item: dict[str, str], blob: bytes) -> None:
    attributes: dict[str, Any] = {name: {"S": value} for name, value in item.items()}
    request = wires["dynamodb"].request("put_item", TableName=table, Item={**attributes, "blob": {"B": blob}})
    verify(request, "dynamodb")


@thorough
@given(names, names, st.binary(max_size=200))
def test_json_of_sqs(wires: dict[str, Wire], body: str, queue: str, blob: bytes) -> None:
    attributes = {"a": {"DataType": "Binary", "BinaryValue": blob}}
    url = "http://127.0.0.1:4566/111122223333/" + queue
    verify(wires["sqs"].request("send_message", QueueUrl=url, MessageBody=body, MessageAttributes=attributes), "sqs")


@thorough
@given(names, names, st.binary(max_size=200), ascii_words)
def test_rest_json(wires: dict[str, Wire], function: str, qualifier: str, payload: bytes, client: str) -> None:
    arguments = {"FunctionName": function, "Qualifier": qualifier, "Payload": payload, "ClientContext": client}
    verify(wires["lambda"].request("invoke", **arguments), "lambda")


@thorough
@given(names, names, names)
def test_rest_json_with_a_query(wires: dict[str, Wire], cluster: str, namespace: str, token: str) -> None:
    arguments = {"clusterName": cluster, "namespace": namespace, "nextToken": token}
    verify(wires["eks"].request("list_pod_identity_associations", **arguments), "eks")


@thorough
@given(names, names)
def test_rest_xml(wires: dict[str, Wire], zone: str, name: str) -> None:
    verify(wires["route53"].request("list_resource_record_sets", HostedZoneId=zone, StartRecordName=name), "route53")


@thorough
@given(names, st.binary(max_size=200), st.dictionaries(words, ascii_words, max_size=3))
def test_s3_with_a_payload(wires: dict[str, Wire], key: str, body: bytes, metadata: dict[str, str]) -> None:
    request = wires["s3"].request("put_object", Bucket="bucket", Key=key, Body=body, Metadata=metadata)
    assert verify(request, "s3") == body


@thorough
@given(names, names, names)
def test_s3_with_a_query(wires: dict[str, Wire], prefix: str, delimiter: str, start: str) -> None:
    arguments = {"Prefix": prefix, "Delimiter": delimiter, "StartAfter": start}
    verify(wires["s3"].request("list_objects_v2", Bucket="bucket", **arguments), "s3")


@thorough
@given(names, names)
def test_cbor(wires: dict[str, Wire], namespace: str, metric: str) -> None:
    verify(wires["cloudwatch"].request("list_metrics", Namespace=namespace, MetricName=metric), "monitoring")


@thorough
@given(names, ascii_words, st.integers(1, 604_800))
def test_s3_presigned(wires: dict[str, Wire], key: str, kind: str, seconds: int) -> None:
    parameters = {"Bucket": "bucket", "Key": key, "ResponseContentType": kind}
    url = wires["s3"].client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)
    parts = urlsplit(url)
    verify(HTTPRequest("GET", parts.path, parts.query, [("host", parts.netloc)], b"", ""), "s3")


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names, st.integers(0, 10_000), st.integers(1, 255))
def test_one_byte_changed_anywhere_in_a_body_is_found_out(
    wires: dict[str, Wire], role: str, place: int, change: int
) -> None:
    request = wires["sts"].request("assume_role", RoleArn=role, RoleSessionName="session")
    body = bytearray(request.body)
    body[place % len(body)] ^= change
    with pytest.raises(SignatureRefused) as raised:
        verify(msgspec.structs.replace(request, body=bytes(body)), "sts")
    assert raised.value.fault is Fault.MISMATCH
