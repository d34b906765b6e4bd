"""Errors and answers in the form of each protocol.

Query and EC2 bodies follow captured answers of AWS; JSON follows the protocols' definitions
(https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html and its siblings).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

import msgspec

from podrole.aws.errors import AWSError
from podrole.aws.protocol import cbor
from podrole.aws.protocol.catalogue import Service
from podrole.aws.protocol.wire import HTTPResponse

_XML = (b"content-type", b"text/xml")
_REQUEST_ID = b"x-amzn-requestid"
# Characters that XML 1.0 does not allow, not even escaped (https://www.w3.org/TR/xml/#charsets).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FAULT_NAMESPACE = "http://webservices.amazon.com/AWSFault/2005-15-09"


def error_response(error: AWSError, service: Service | None, protocol: str, request_id: str) -> HTTPResponse:
    """Return ``error`` in the form of ``protocol``; ``service`` is None for a request that does not name one."""
    if service is not None and service.name == "s3":
        return _s3_error(error, request_id)
    if protocol == "ec2":
        return _ec2_error(error, request_id)
    if protocol == "rest-json":
        return _rest_json_error(error, request_id)
    if protocol == cbor.PROTOCOL:
        return cbor.cbor_error(error.status, f"com.amazonaws#{error.error_code}", error.message, request_id)
    if protocol == "json":
        return _json_error(error, request_id)
    return _query_error(error, service, request_id)


def xml_response(body: str, request_id: str, status: int = 200) -> HTTPResponse:
    """Return an XML answer of a query service."""
    return HTTPResponse(status, [_XML, (_REQUEST_ID, request_id.encode())], body.encode())


def json_response(value: object, request_id: str, *, content_type: str = "application/json") -> HTTPResponse:
    """Return a JSON answer."""
    headers = [(b"content-type", content_type.encode()), (_REQUEST_ID, request_id.encode())]
    return HTTPResponse(200, headers, msgspec.json.encode(value))


def text(value: object) -> str:
    """Escape a value for XML text; a character that XML cannot hold becomes U+FFFD."""
    written = str(value)
    if not written.isprintable():  # XML holds every printable character, and this is the quicker question
        written = _NO_XML.sub("\ufffd", written)
    return escape(written)


def _query_error(error: AWSError, service: Service | None, request_id: str) -> HTTPResponse:
    namespace = (service.namespace if service else None) or FAULT_NAMESPACE
    if error.error_code == "InvalidAction":
        namespace = FAULT_NAMESPACE
    kind = "Sender" if error.status < 500 else "Receiver"
    message = f"    <Message>{text(error.message)}</Message>\n" if error.message else ""
    body = (
        f'<ErrorResponse xmlns="{namespace}">\n'
        "  <Error>\n"
        f"    <Type>{kind}</Type>\n"
        f"    <Code>{text(_QUERY_CODES.get(error.error_code, error.error_code))}</Code>\n"
        f"{message}"
        "  </Error>\n"
        f"  <RequestId>{request_id}</RequestId>\n"
        "</ErrorResponse>\n"
    )
    return xml_response(body, request_id, error.status)


def _ec2_error(error: AWSError, request_id: str) -> HTTPResponse:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{text(error.error_code)}</Code><Message>{text(error.message)}</Message></Error>"
        f"</Errors><RequestID>{request_id}</RequestID></Response>"
    )
    return xml_response(body, request_id, error.status)


def _json_error(error: AWSError, request_id: str) -> HTTPResponse:
    # Authorization failures spell the member with a capital; SDKs read both.
    member = "Message" if error.error_code == "AccessDeniedException" else "message"
    body = msgspec.json.encode({"__type": f"com.amazon.coral.service#{error.error_code}", member: error.message})
    headers = [(b"content-type", b"application/x-amz-json-1.1"), (_REQUEST_ID, request_id.encode())]
    if error.error_code in _QUERY_CODES:
        headers.append((b"x-amzn-query-error", f"{_QUERY_CODES[error.error_code]};Sender".encode()))
    return HTTPResponse(error.status, headers, body)


_QUERY_CODES = {"KmsAccessDenied": "KMS.AccessDeniedException"}
"""The codes of SQS that are others in the query protocol, which SDKs show for the JSON protocol too.
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait"""


def _rest_json_error(error: AWSError, request_id: str) -> HTTPResponse:
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", error.error_code.encode()),
        (_REQUEST_ID, request_id.encode()),
    ]
    return HTTPResponse(error.status, headers, msgspec.json.encode({"message": error.message}))


def _s3_error(error: AWSError, request_id: str) -> HTTPResponse:
    members: Mapping[str, str] = error.members
    further = "".join(f"<{name}>{text(value)}</{name}>" for name, value in members.items())
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{text(error.error_code)}</Code><Message>{text(error.message)}</Message>{further}"
        f"<RequestId>{request_id}</RequestId><HostId>podrole</HostId></Error>"
    )
    headers = [(b"content-type", b"application/xml"), (b"x-amz-request-id", request_id.encode())]
    if "Region" in members:  # SDKs read the region here; the answer to a HEAD has no body
        headers.append((b"x-amz-bucket-region", members["Region"].encode()))
    return HTTPResponse(error.status, headers, body.encode())
