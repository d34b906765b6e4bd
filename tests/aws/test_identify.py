"""Every request of botocore is understood as the operation that it is."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.serialize import create_serializer

from podrole.aws.protocol.call import IdentifiedCall, ReceivedRequest, UnidentifiedRequest
from podrole.aws.protocol.catalogue import Service, model, services
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest

# Operations that share their whole HTTP form with one of another service under the same signing name. On AWS the host
# name tells them apart; at one address nothing does. In each case the IAM action is the same.
TWINS = {
    "docdb": "RDS's own, by another name",
    "neptune": "RDS's own, by another name",
    "greengrassv2": "some paths are those of greengrass",
    "lambda-microvms": "its tags are those of lambda",
    "timestream-write": "tags and endpoints are those of timestream-query",
}
SHADOWED = {("s3", "ListDirectoryBuckets"): "ListBuckets of another host"}


def dummy(shape: Any, depth: int = 0) -> Any:
    """Make the least value that a shape takes."""
    kind = shape.type_name
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if kind == "structure":
        members = shape.members.items() if depth < 6 else ()
        return {name: dummy(member, depth + 1) for name, member in members if name in shape.required_members}
    if kind == "list":
        return [dummy(shape.member, depth + 1)] if depth < 6 else []
    values = {"map": {}, "boolean": True, "timestamp": 1_700_000_000, "blob": b"x", "float": 1.0, "double": 1.0}
    if kind in values:
        return values[kind]
    least = shape.metadata.get("min", 1)
    return max(1, least) if kind in ("integer", "long") else "abcdefghij" * max(1, (int(least) + 9) // 10)


def request_of(service: Service, operation: str) -> HTTPRequest:
    """Serialize a minimal call as botocore would send it."""
    operation_model = model(service.name).operation_model(operation)
    parameters = dummy(operation_model.input_shape) if operation_model.input_shape else {}
    made = create_serializer(service.protocol, include_validation=False).serialize_to_request(
        parameters, operation_model
    )
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    path, _, query = made["url_path"].partition("?")
    pairs = made.get("query_string") or {}
    more = "&".join(f"{quote(str(name), safe='')}={quote(str(value), safe='')}" for name, value in pairs.items())
    headers = [("host", "127.0.0.1:4566"), ("authorization", authorization(service.signing))]
    headers += [
        (name.lower(), value.decode() if isinstance(value, bytes) else str(value))
        for name, value in made["headers"].items()
    ]
    data = body.encode() if isinstance(body, str) else bytes(body) if isinstance(body, (bytes, bytearray)) else b""
    return HTTPRequest(made["method"], path, "&".join(filter(None, (query, more))), headers, data, "127.0.0.1")


def authorization(signing_name: str) -> str:
    scope = f"20260131/eu-west-1/{signing_name}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{scope}, SignedHeaders=host, Signature=0"


def understood(request: HTTPRequest) -> IdentifiedCall:
    return identify(ReceivedRequest("id", request, 0))


@pytest.mark.parametrize("name", sorted(name for name, service in services().items() if service.moto))
def test_every_operation_of_a_service_that_moto_simulates_is_recognized(name: str) -> None:
    service = services()[name]
    for operation in model(name).operation_names:
        if (name, operation) in SHADOWED or model(name).operation_model(operation).deprecated:
            continue  # what is deprecated gives way to the operation that took over its address
        call = understood(request_of(service, operation))
        assert call.operation == operation
        assert call.region == "eu-west-1"
        if name not in TWINS:
            assert call.service.name == name


def form(
    body: str, *, query: str = "", method: str = "POST", signing: str | None = "iam", **headers: str
) -> HTTPRequest:
    given = [("host", "127.0.0.1:4566"), ("content-type", "application/x-www-form-urlencoded")]
    given += [("authorization", authorization(signing))] if signing else []
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return HTTPRequest(method, "/", query, given, body.encode("latin-1"), "127.0.0.1")


LIST_ROLES = "Action=ListRoles&Version=2010-05-08"


def test_the_parameters_of_a_form_are_decoded() -> None:
    call = understood(form(LIST_ROLES + "&PathPrefix=%2Fa+b%C3%A9%2F"))
    assert call.parameters["PathPrefix"] == "/a bé/"


def test_a_compressed_form_is_read() -> None:
    request = form("", content_encoding="gzip")
    request = HTTPRequest("POST", "/", "", request.headers, gzip.compress(LIST_ROLES.encode()), "127.0.0.1")
    assert understood(request).operation == "ListRoles"


def test_an_unsigned_exchange_is_recognized_by_its_action() -> None:
    call = understood(form("Action=AssumeRoleWithWebIdentity&Version=2011-06-15", signing=None))
    assert (call.service.name, call.operation) == ("sts", "AssumeRoleWithWebIdentity")


def test_a_get_with_a_query_string_is_a_query_too() -> None:
    call = understood(form("", method="GET", query="Action=GetCallerIdentity&Version=2011-06-15", signing="sts"))
    assert call.operation == "GetCallerIdentity"


def test_an_anonymous_request_is_for_s3() -> None:
    call = understood(HTTPRequest("GET", "/bucket/key", "", [("host", "x")], b"", "127.0.0.1"))
    assert (call.service.name, call.operation) == ("s3", "GetObject")
    assert call.path_parameters == {"Bucket": "bucket", "Key": "key"}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (form("Action=Nonsense&Version=2010-05-08"), "InvalidAction"),
        (form("Action=ListRoles&Version=1999-01-01"), "InvalidAction"),
        (form("Action=ListRoles"), "InvalidAction"),
        (form(""), "InvalidAction"),
        (form("Action=AssumeRoleWithWebIdentity&Version=2011-06-15", signing="iam"), "InvalidAction"),
        (form(LIST_ROLES + "&Action=DeleteRole"), "MalformedQueryString"),
        (form(LIST_ROLES, query="Action=DeleteRole"), "MalformedQueryString"),
        (form(LIST_ROLES + "&PathPrefix=%FF"), "MalformedQueryString"),
        (form(LIST_ROLES + "&PathPrefix=\xff"), "MalformedQueryString"),
        (form(LIST_ROLES, content_encoding="gzip"), "MalformedInput"),
        (form(LIST_ROLES, method="DELETE"), "InvalidAction"),
        (form("{}", signing="dynamodb", x_amz_target="DynamoDB_20120810.Nonsense"), "UnknownOperationException"),
        (form("{}", signing="dynamodb", x_amz_target="AmazonSQS.ListQueues"), "UnknownOperationException"),
        (form("{}", signing="nonsense", x_amz_target="Nonsense.Nonsense"), "UnknownOperationException"),
        (HTTPRequest("PATCH", "/", "", [("authorization", authorization("s3"))], b"", ""), "UnknownOperationException"),
    ],
)
def test_a_request_without_exactly_one_operation_is_refused(request_: HTTPRequest, code: str) -> None:
    with pytest.raises(UnidentifiedRequest) as raised:
        understood(request_)
    assert raised.value.error_code == code
