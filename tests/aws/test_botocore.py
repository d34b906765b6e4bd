"""What podrole relies on in botocore below its documented interface, in one place.

A test that fails here with a new botocore names the part that changed; podrole.aws.protocol uses it.
"""

from __future__ import annotations

import io
from importlib import resources
from typing import Any

import botocore
import pytest
from botocore.model import OperationModel, ServiceModel, Shape

from podrole.aws.protocol.catalogue import model, services


@pytest.mark.parametrize("name", sorted(services()))
def test_the_model_file_of_each_service_exists(name: str) -> None:
    """botocore.loaders finds the newest version by listing folders; podrole reads the one in its own table."""
    path = resources.files(botocore).joinpath("data", name, services()[name].version, "service-2.json.gz")
    assert path.is_file()


def test_the_attributes_of_a_service_model() -> None:
    service = model("s3")
    assert isinstance(service, ServiceModel)
    assert "GetObject" in service.operation_names
    assert service.api_version == "2006-03-01"
    assert service.metadata["protocol"] == "rest-xml"


OPERATION: dict[tuple[str, str], dict[str, Any]] = {
    ("s3", "GetObject"): {
        "name": "GetObject",
        "http": {"method": "GET", "requestUri": "/{Bucket}/{Key+}"},
        "auth_type": None,
        "unsigned_payload": None,
        "deprecated": False,
        "has_event_stream_input": False,
    },
    ("ebs", "PutSnapshotBlock"): {"auth_type": "v4-unsigned-body", "unsigned_payload": True},
    ("cognito-idp", "InitiateAuth"): {"auth_type": "none", "auth": ["smithy.api#noAuth"]},
}


@pytest.mark.parametrize(("service", "operation"), OPERATION)
def test_the_attributes_of_an_operation_model(service: str, operation: str) -> None:
    described = model(service).operation_model(operation)
    assert isinstance(described, OperationModel)
    for name, value in OPERATION[service, operation].items():
        assert getattr(described, name) == value, name
    assert described.input_shape is described.input_shape, "caches are keyed by the shape's identity"


def test_the_attributes_of_a_shape() -> None:
    operation = model("iam").operation_model("CreateRole")
    shape = operation.input_shape
    assert isinstance(shape, Shape)
    assert shape.required_members == ["RoleName", "AssumeRolePolicyDocument"]
    assert shape.members is shape.members
    name = shape.members["RoleName"]
    assert (name.type_name, name.metadata["min"], name.metadata["max"]) == ("string", 1, 64)
    assert "pattern" in name.metadata
    assert shape.members["Tags"].member.type_name == "structure"
    bucket = model("s3").operation_model("GetObject").input_shape.members["Bucket"]
    assert bucket.serialization == {"location": "uri", "name": "Bucket"}
    assert model("ec2").operation_model("RunInstances").input_shape.members["InstanceType"].enum
    variables = (
        model("lambda").operation_model("CreateFunction").input_shape.members["Environment"].members["Variables"]
    )
    assert (variables.key.type_name, variables.value.type_name) == ("string", "string")


def test_cbor_is_written_and_read_by_private_methods() -> None:
    """A private method: botocore writes requests only, and podrole has an answer to write."""
    from botocore.parsers import BaseCBORParser
    from botocore.serialize import RpcV2CBORSerializer

    shape = model("cloudwatch").operation_model("ListMetrics").output_shape
    value = {"Metrics": [{"Namespace": "podrole", "MetricName": "é"}], "NextToken": "next"}
    written = bytearray()
    RpcV2CBORSerializer()._serialize_data_item(written, value, shape)
    assert BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(bytes(written)))) == value  # type: ignore[arg-type]


def test_an_answer_in_json_is_parsed() -> None:
    from botocore.parsers import JSONParser

    shape = model("cloudwatch").operation_model("ListMetrics").output_shape
    parsed = JSONParser().parse({"status_code": 200, "headers": {}, "body": b'{"NextToken": "next"}'}, shape)
    assert parsed == {"NextToken": "next", "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}


def test_a_body_in_xml_is_written() -> None:
    from botocore.serialize import create_serializer

    operation = model("s3").operation_model("DeleteObjects")
    given = {"Bucket": "-", "Delete": {"Objects": [{"Key": "a<b"}]}}
    body = create_serializer("rest-xml", include_validation=False).serialize_to_request(given, operation)["body"]
    assert body == (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&lt;b</Key></Object></Delete>'
    )
