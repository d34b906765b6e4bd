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
from podrole.aws.protocol.cbor import cbor_error
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


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 70_000])
def test_texts_of_every_length_are_written(length: int) -> None:
    body = cbor_error(400, "C", "é" + "x" * length, "id").body
    read = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))  # type: ignore[arg-type]
    assert read == {"__type": "C", "message": "é" + "x" * length}
