"""Every request of botocore is understood as the operation that it is."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.serialize import create_serializer

from podrole.aws.protocol.bodies import MAX_STS_FORM_BYTES, MAX_URL_PARAMETERS
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


@pytest.mark.parametrize(("sent_", "expected"), [("%2Fa+b%C3%A9%2F", "/a bé/"), ("a+b", "a b"), ("a%2Bb", "a+b")])
def test_the_parameters_of_a_form_are_decoded(sent_: str, expected: str) -> None:
    assert understood(form(f"{LIST_ROLES}&PathPrefix={sent_}")).parameters["PathPrefix"] == expected


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


def sent(
    signing: str | None, *, method: str = "POST", path: str = "/", query: str = "", body: bytes = b"", **headers: str
) -> HTTPRequest:
    """Return a request that claims a signature for a service; header names have underscores."""
    given = [("authorization", authorization(signing))] if signing else []
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return HTTPRequest(method, path, query, given, body, "127.0.0.1")


LISTED = b"Action=ListTopics&Version=2010-03-31"
FORM = "application/x-www-form-urlencoded"
DB = "Version=2014-10-31&Action="
TIMESTREAM = "Timestream_20181101."
RPC = {"smithy_protocol": "rpc-v2-cbor"}


@pytest.mark.parametrize(
    ("request_", "service", "operation", "region", "protocol"),
    [
        # the claimed scope, of a header or of a URL, says which service is meant
        (sent("sns", body=LISTED, content_type=FORM), "sns", "ListTopics", "eu-west-1", "query"),
        (sent(None, body=LISTED, content_type=f"{FORM}; charset=utf-8"), "sns", "ListTopics", "us-east-1", "query"),
        (
            sent(
                None,
                method="GET",
                query="A=AKIA/2/eu-west-3/s3/aws4_request&X-Amz-Credential=AKIA/2/eu-west-2/lambda/aws4_request",
                path="/2015-03-31/functions",
            ),
            "lambda",
            "ListFunctions",
            "eu-west-2",
            "rest-json",
        ),
        (
            sent(None, method="GET", path="/b", query="A=AKIA/2/eu-west-3/sqs/aws4_request"),
            "s3",
            "ListObjects",
            "us-east-1",
            "rest-xml",
        ),
        # so does a host name of AWS, which also says the region
        (
            sent(None, body=LISTED, content_type=FORM, host="sns.eu-west-3.amazonaws.com"),
            "sns",
            "ListTopics",
            "eu-west-3",
            "query",
        ),
        (
            sent("sns", body=LISTED, content_type=FORM, host="sns.eu-west-3.amazonaws.com"),
            "sns",
            "ListTopics",
            "eu-west-1",
            "query",
        ),
        (
            sent("s3", body=LISTED, content_type=FORM, host="sns.eu-west-3.amazonaws.com"),
            "sns",
            "ListTopics",
            "eu-west-1",
            "query",
        ),
        (sent("iam", method="GET", path="/b", host="s3.amazonaws.com"), "s3", "ListObjects", "eu-west-1", "rest-xml"),
        (sent("s3", method="GET", path="/k", host="b.s3.amazonaws.com"), "s3", "GetObject", "eu-west-1", "rest-xml"),
        (sent("s3", method="GET", path="/k", host="b.localhost:4566"), "s3", "GetObject", "eu-west-1", "rest-xml"),
        (
            sent("rds", body=f"{DB}DescribeDBClusters".encode(), content_type=FORM, host="rds.eu-west-3.amazonaws.com"),
            "rds",
            "DescribeDBClusters",
            "eu-west-1",
            "query",
        ),
        (
            sent(None, body=f"{DB}DescribeDBClusters".encode(), content_type=FORM, host="rds.eu-west-3.amazonaws.com"),
            "rds",
            "DescribeDBClusters",
            "eu-west-3",
            "query",
        ),
        (
            sent("s3", method="GET", path="/2015-03-31/functions", host="lambda.eu-west-3.amazonaws.com"),
            "lambda",
            "ListFunctions",
            "eu-west-1",
            "rest-json",
        ),
        (
            sent("lambda", method="GET", path="/2015-03-31/functions", host="b.localhost:4566"),
            "lambda",
            "ListFunctions",
            "eu-west-1",
            "rest-json",
        ),
        # of the operations whose address fits, the most special one
        (sent("s3", method="GET", path="/b", query="acl"), "s3", "GetBucketAcl", "eu-west-1", "rest-xml"),
        (
            sent("s3", method="PUT", path="/b/k", query="partNumber=1&uploadId=u"),
            "s3",
            "UploadPart",
            "eu-west-1",
            "rest-xml",
        ),
        (sent("wisdom", path="/assistants"), "wisdom", "CreateAssistant", "eu-west-1", "rest-json"),
        # a form at "/" is a query if the service speaks one, or nothing says which service is meant
        (sent("s3", method="GET", content_type=FORM), "s3", "ListBuckets", "eu-west-1", "rest-xml"),
        (sent(None, method="GET", query="prefix=a"), "s3", "ListBuckets", "us-east-1", "rest-xml"),
        (
            sent(None, body=b"Action=ListIdentities&Version=2010-12-01", content_type=FORM),
            "ses",
            "ListIdentities",
            "us-east-1",
            "query",
        ),
        # services share a version, a signing name or a target
        (sent("rds", body=f"{DB}DescribeDBClusters".encode()), "rds", "DescribeDBClusters", "eu-west-1", "query"),
        (
            sent(None, body=f"{DB}DescribeDBClusters".encode(), content_type=FORM),
            "rds",
            "DescribeDBClusters",
            "us-east-1",
            "query",
        ),
        (
            sent("ses", body=b"Action=ListIdentities&Version=2010-12-01", content_type=FORM),
            "ses",
            "ListIdentities",
            "eu-west-1",
            "query",
        ),
        (
            sent("ses", method="GET", query="Action=ListIdentities&Version=2010-12-01"),
            "ses",
            "ListIdentities",
            "eu-west-1",
            "query",
        ),
        (
            sent("ses", path="/v2/email/list-identities"),
            "sesv2",
            "ListEmailIdentities",
            "eu-west-1",
            "rest-json",
        ),
        (
            sent(None, body=b"Action=DescribeApplications&Version=2010-12-01", content_type=FORM),
            "elasticbeanstalk",
            "DescribeApplications",
            "us-east-1",
            "query",
        ),
        (sent("ec2", body=b"Action=DescribeVpcs&Version=2016-11-15"), "ec2", "DescribeVpcs", "eu-west-1", "ec2"),
        (sent("timestream", x_amz_target=f"{TIMESTREAM}Query"), "timestream-query", "Query", "eu-west-1", "json"),
        (
            sent("timestream", x_amz_target=f"{TIMESTREAM}WriteRecords"),
            "timestream-write",
            "WriteRecords",
            "eu-west-1",
            "json",
        ),
        (sent(None, x_amz_target=f"{TIMESTREAM}WriteRecords"), "timestream-write", "WriteRecords", "us-east-1", "json"),
        # Smithy's RPC
        (
            sent("monitoring", path="/service/GraniteServiceVersion20100801/operation/ListMetrics", **RPC),
            "cloudwatch",
            "ListMetrics",
            "eu-west-1",
            "smithy-rpc-v2-cbor",
        ),
        (
            sent("ses", path="/service/MailManagerSvc/operation/ListRelays", **RPC),
            "mailmanager",
            "ListRelays",
            "eu-west-1",
            "smithy-rpc-v2-cbor",
        ),
        (
            sent("aws-marketplace", path="/service/AWSMPEntitlementService/operation/GetEntitlements", **RPC),
            "marketplace-entitlement",
            "GetEntitlements",
            "eu-west-1",
            "smithy-rpc-v2-cbor",
        ),
        (sent("s3", method="GET", path="/service/b/operation/c"), "s3", "GetObject", "eu-west-1", "rest-xml"),
        (sent("s3", method="GET", path="/b", query="X-Amz-Acl=1"), "s3", "ListObjects", "eu-west-1", "rest-xml"),
    ],
)
def test_request_is_for_one_operation_of_one_service(
    request_: HTTPRequest, service: str, operation: str, region: str, protocol: str
) -> None:
    call = understood(request_)
    assert (call.service.name, call.operation, call.region, call.protocol) == (service, operation, region, protocol)


@pytest.mark.parametrize(
    ("host", "path", "labels"),
    [
        ("b.s3.amazonaws.com", "/k", {"Bucket": "b", "Key": "k"}),
        ("a.s3.b.s3.eu-west-1.amazonaws.com", "/k", {"Bucket": "a.s3.b", "Key": "k"}),
        ("s3.amazonaws.com", "/b/k", {"Bucket": "b", "Key": "k"}),
        ("b.localhost:4566", "/k", {"Bucket": "b", "Key": "k"}),
        ("s3.localhost:4566", "/b/k", {"Bucket": "b", "Key": "k"}),
        ("localhost:4566", "/b/k", {"Bucket": "b", "Key": "k"}),
    ],
)
def test_virtual_host_names_the_bucket(host: str, path: str, labels: dict[str, str]) -> None:
    assert understood(sent("s3", method="GET", path=path, host=host)).path_parameters == labels


def padded(values: int) -> bytes:
    """Return a form for STS whose values have this many characters together."""
    form = b"Action=GetCallerIdentity&Version=2011-06-15&Padding="
    return form + b"x" * (values - len("GetCallerIdentity2011-06-15"))


@pytest.mark.parametrize(
    ("request_", "code", "status", "of", "protocol"),
    [
        (sent("sns", query="&" * MAX_URL_PARAMETERS, body=LISTED), "RequestEntityTooLarge", 413, None, "query"),
        (sent("sts", body=padded(MAX_STS_FORM_BYTES + 1)), "RequestEntityTooLarge", 413, "sts", "query"),
        (sent(None, host="s3-object-lambda.us-east-1.amazonaws.com"), "NotImplemented", 501, "s3", "rest-xml"),
        (sent("dynamodb", x_amz_target="DynamoDB_20120810.No"), "UnknownOperationException", 400, "dynamodb", "json"),
        (sent("dynamodb", x_amz_target="No.No"), "UnknownOperationException", 400, "dynamodb", "json"),
        (sent(None, x_amz_target="No.No"), "UnknownOperationException", 400, None, "json"),
        (sent("sqs", x_amz_target="DynamoDB_20120810.ListTables"), "UnknownOperationException", 400, "sqs", "json"),
        (
            sent("timestream", x_amz_target=f"{TIMESTREAM}No"),
            "UnknownOperationException",
            400,
            "timestream-query",
            "json",
        ),
        (
            sent("s3", path="/service/S3/operation/ListBuckets", **RPC),
            "UnknownOperationException",
            400,
            None,
            "smithy-rpc-v2-cbor",
        ),
        (
            sent("monitoring", path="/service/Other/operation/No", **RPC),
            "UnknownOperationException",
            400,
            "cloudwatch",
            "smithy-rpc-v2-cbor",
        ),
        (
            sent("aws-marketplace", path="/service/Other/operation/GetEntitlements", **RPC),
            "UnknownOperationException",
            400,
            None,
            "smithy-rpc-v2-cbor",
        ),
        (sent(None, x_amz_target=f"{TIMESTREAM}No"), "UnknownOperationException", 400, "timestream-query", "json"),
        (sent("ses", method="GET"), "UnknownOperationException", 404, "mailmanager", "smithy-rpc-v2-cbor"),
        (sent("ses"), "UnknownOperationException", 404, "mailmanager", "smithy-rpc-v2-cbor"),
        (
            sent("geo", path="/no", host="maps.geo.eu-west-3.amazonaws.com"),
            "UnknownOperationException",
            404,
            "location",
            "rest-json",
        ),
        (
            sent(None, path="/no", host="maps.geo.eu-west-3.amazonaws.com"),
            "UnknownOperationException",
            404,
            "geo-maps",
            "rest-json",
        ),
        (sent(None, body=LISTED), "UnknownOperationException", 404, "s3", "rest-xml"),
        (sent("sns", body=b"Action=No&Version=2010-03-31"), "InvalidAction", 400, "sns", "query"),
        (sent(None, body=b"Action=No&Version=2010-03-31", content_type=FORM), "InvalidAction", 400, "sns", "query"),
        (
            sent(None, body=b"Action=No&Version=1", content_type=FORM, host="rds.eu-west-3.amazonaws.com"),
            "InvalidAction",
            400,
            "rds",
            "query",
        ),
        (sent("sns", method="PUT", query=LISTED.decode()), "InvalidAction", 400, "sns", "query"),
        (sent("ec2", body=b"Action=No&Version=1"), "InvalidAction", 400, "ec2", "ec2"),
        (sent(None, body=b"Action=No&Version=1", content_type=FORM), "InvalidAction", 400, None, "query"),
        (sent("sns", method="PUT", body=LISTED), "InvalidAction", 400, "sns", "query"),
        (sent("sns", query="a=b", body=LISTED), "MalformedQueryString", 400, "sns", "query"),
        (sent("sns", body=LISTED + b"&a=\xff"), "MalformedQueryString", 400, "sns", "query"),
        (sent("sns", body=b"%ff=1&" + LISTED), "MalformedQueryString", 400, "sns", "query"),
        (sent("sns", body=LISTED + b"&a=%ff"), "MalformedQueryString", 400, "sns", "query"),
        (sent("sns", body=LISTED + b"&a=1&a=1"), "MalformedQueryString", 400, "sns", "query"),
        (sent("lambda", method="GET", path="/no"), "UnknownOperationException", 404, "lambda", "rest-json"),
        (sent("dynamodb", method="GET", path="/no"), "UnknownOperationException", 404, "dynamodb", "json"),
        (sent("s3", method="GET", path="/b/%FF"), "InvalidURI", 400, "s3", "rest-xml"),
        (sent("sns", path="/no", body=LISTED, content_type=FORM), "UnknownOperationException", 404, "sns", "query"),
        (sent(None, body=b"Acting=x", content_type=FORM), "UnknownOperationException", 404, "s3", "rest-xml"),
    ],
)
def test_refusal_has_the_form_that_the_client_expects(
    request_: HTTPRequest, code: str, status: int, of: str | None, protocol: str
) -> None:
    with pytest.raises(UnidentifiedRequest) as raised:
        understood(request_)
    refusal = raised.value
    assert (refusal.error_code, refusal.status, refusal.service and refusal.service.name) == (code, status, of)
    assert refusal.protocol == protocol


@pytest.mark.parametrize(
    "request_",
    [
        sent("sns", query="&".join(["X-Amz-A=b"] * MAX_URL_PARAMETERS), body=LISTED),
        sent("sts", body=padded(MAX_STS_FORM_BYTES)),
        sent("sns", body=b"&&" + LISTED + b"&&"),
        sent("sns", method="GET", query="&&" + LISTED.decode() + "&&"),
        sent("sns", body=LISTED + b"&Padding=" + b"x" * MAX_STS_FORM_BYTES),
    ],
    ids=["URL", "form of STS", "empty parts", "empty parts of a URL", "other form"],
)
def test_request_up_to_the_limits_is_read(request_: HTTPRequest) -> None:
    assert understood(request_).operation in ("ListTopics", "GetCallerIdentity")


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
