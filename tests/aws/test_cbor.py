"""Clients that speak CBOR (Smithy's RPC v2) are understood, answered and refused in CBOR."""

from __future__ import annotations

import datetime
import io
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import create_serializer

from podrole.aws.protocol.catalogue import model
from podrole.aws.protocol.cbor import cbor_answer, cbor_error
from podrole.aws.protocol.wire import HTTPResponse
from support.authorization import allow, grant
from support.aws import ACCOUNT, REGION, LocalAWS

ALARM: dict[str, Any] = {
    "AlarmName": "shop-1",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "m",
    "Namespace": "n",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1.5,
}


def call(aws: LocalAWS, credentials: dict[str, str], operation: str, given: dict[str, Any]) -> tuple[int, Any]:
    """Call CloudWatch as an SDK with CBOR does; return status and parsed answer."""
    described = model("cloudwatch").operation_model(operation)
    wire = create_serializer("smithy-rpc-v2-cbor").serialize_to_request(given, described)
    url = f"{aws.url}{wire['url_path']}"
    request = AWSRequest("POST", url, headers=dict(wire["headers"]), data=bytes(wire["body"]))
    request.context["timestamp"] = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    keys = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    SigV4Auth(keys, "monitoring", REGION).add_auth(request)
    answer = aws.http.post(url, content=bytes(wire["body"]), headers=dict(request.headers))
    assert answer.headers["content-type"] == "application/cbor"
    told = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}
    return answer.status_code, RpcV2CBORParser().parse(told, described.output_shape)


METRICS = model("cloudwatch").operation_model("ListMetrics")
KEPT = (b"x-amzn-requestid", b"r")


def parsed(answer: HTTPResponse) -> tuple[int, Any]:
    """Return the status and the CBOR of an answer, after a look at its headers."""
    assert sorted(answer.headers) == [
        (b"content-type", b"application/cbor"),
        (b"smithy-protocol", b"rpc-v2-cbor"),
        KEPT,
    ]
    return answer.status, RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(answer.body)))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"Metrics": [{"MetricName": "m"}]}', {"Metrics": [{"MetricName": "m"}]}),
        (200, b"", {}),
        (200, b" ", {}),
        (399, b"{}", {}),
        (400, b'{"__type": "Bad", "message": "no"}', {"__type": "Bad", "message": "no"}),
        (400, b'{"__type": "Bad", "Message": "no"}', {"__type": "Bad", "message": "no"}),
        (500, b"{}", {"__type": "InternalFailure", "message": ""}),
        (500, b"[]", {"__type": "InternalFailure", "message": ""}),
        (500, b"<html>", {"__type": "InternalFailure", "message": ""}),
    ],
)
def test_answer_in_json_is_written_as_cbor(status: int, body: bytes, expected: dict[str, Any]) -> None:
    answer = HTTPResponse(status, [(b"content-type", b"application/json"), KEPT], body)
    assert parsed(cbor_answer(METRICS, answer)) == (status, expected)


def test_answer_of_an_operation_without_an_output_is_an_empty_map() -> None:
    answer = HTTPResponse(200, [KEPT], b'{"a": 1}')
    assert parsed(cbor_answer(model("cloudwatch").operation_model("PutMetricData"), answer)) == (200, {})


def test_refusal_in_cbor_has_the_id_of_the_request() -> None:
    assert parsed(cbor_error(400, "Bad", "no", "r")) == (400, {"__type": "Bad", "message": "no"})


@pytest.mark.services
def test_a_client_with_cbor_is_answered_and_refused_in_cbor(aws: LocalAWS) -> None:
    resource = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:shop-*"
    credentials = grant(aws, allow(["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"], [resource, "*"]))
    assert call(aws, credentials, "PutMetricAlarm", ALARM)[0] == 200
    status, told = call(aws, credentials, "DescribeAlarms", {"AlarmNames": ["shop-1"]})
    assert status == 200
    alarm = told["MetricAlarms"][0]
    assert (alarm["AlarmName"], alarm["Threshold"]) == ("shop-1", 1.5)
    assert isinstance(alarm["StateUpdatedTimestamp"], datetime.datetime)
    status, told = call(aws, credentials, "DeleteAlarms", {"AlarmNames": ["shop-1"]})
    assert told["Error"]["Code"] == "AccessDenied"
    assert "is not authorized to perform: cloudwatch:DeleteAlarms" in told["Error"]["Message"]


@pytest.mark.parametrize("length", [0, 23, 24, 253, 254, 65_533, 65_534, 70_000])
def test_texts_of_every_length_are_written(length: int) -> None:
    body = cbor_error(400, "C", "é" + "x" * length, "id").body
    read = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))  # type: ignore[arg-type]
    assert read == {"__type": "C", "message": "é" + "x" * length}
