"""The HTTP binding of a REST operation: method, path, query parameters and headers."""

from __future__ import annotations

import pytest

from podrole.aws.errors import AWSError
from podrole.aws.protocol.routes import routes_of
from podrole.aws.protocol.wire import HTTPRequest


def matching(service: str, method: str, path: str, query: str = "", *headers: str) -> list[str]:
    """Return the operations of a service whose binding a request fits, the most special last."""
    http = HTTPRequest(method, path, query, [(name, "x") for name in headers], b"", "")
    pairs = dict(http.query_pairs)
    fitting = [route for route in routes_of(service) if route.matches(http, path, pairs) is not None]
    return [route.operation for route in sorted(fitting, key=lambda route: route.rank)]


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "headers", "operation"),
    [
        ("lambda", "GET", "/2015-03-31/functions/f", "", (), "GetFunction"),
        ("lambda", "GET", "/2015-03-31/functions/f/", "", (), "GetFunction"),
        ("lambda", "DELETE", "/2015-03-31/functions/f", "", (), "DeleteFunction"),
        ("lambda", "GET", "/2015-03-31/functions/f/g", "", (), ""),
        ("backup", "GET", "/supported-resource-types", "", (), "GetSupportedResourceTypes"),
        ("s3", "GET", "/b/a/b/c", "", (), "GetObject"),
        ("s3", "GET", "/b", "", (), "ListObjects"),
        ("s3", "GET", "/b", "list-type=2", (), "ListObjectsV2"),
        ("s3", "GET", "/b", "list-type=1", (), "ListObjects"),
        ("s3", "GET", "/b", "acl", (), "GetBucketAcl"),
        ("s3", "GET", "/b", "acl=", (), "GetBucketAcl"),
        ("s3", "GET", "/b", "acl=x", (), "GetBucketAcl"),
        # a member that is required is a part of the binding
        ("s3", "PUT", "/b/k", "partNumber=1&uploadId=u", (), "UploadPart"),
        ("s3", "PUT", "/b/k", "partNumber=1", (), "PutObject"),
        ("s3", "PUT", "/b/k", "", ("x-amz-copy-source",), "CopyObject"),
        ("s3", "PUT", "/b/k", "", ("x-amz-acl",), "PutObject"),
    ],
)
def test_request_fits_the_binding_of_an_operation(
    service: str, method: str, path: str, query: str, headers: tuple[str, ...], operation: str
) -> None:
    assert matching(service, method, path, query, *headers)[-1:] == ([operation] if operation else [])


def test_operation_that_is_not_deprecated_takes_precedence() -> None:
    ranks = {route.operation: route.rank for route in routes_of("s3")}
    assert ranks["PutBucketLifecycleConfiguration"] > ranks["PutBucketLifecycle"]


def test_labels_of_a_path_are_decoded() -> None:
    (route,) = (one for one in routes_of("s3") if one.operation == "GetObject")
    match = route.pattern.fullmatch("/b%2Fc/k%C3%A9/%20")
    assert match is not None
    assert route.labels(match) == {"Bucket": "b/c", "Key": "ké/ "}


def test_label_that_is_not_utf_8_is_refused() -> None:
    (route,) = (one for one in routes_of("s3") if one.operation == "GetObject")
    match = route.pattern.fullmatch("/b/%FF")
    assert match is not None
    with pytest.raises(AWSError) as raised:
        route.labels(match)
    assert (raised.value.error_code, raised.value.status) == ("InvalidURI", 400)
