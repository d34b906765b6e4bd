"""Answers in CBOR, for clients of Smithy's RPC v2: moto's JSON answers are converted with the model.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from podrole.aws.protocol.wire import HTTPResponse

if TYPE_CHECKING:
    from botocore.model import OperationModel

PROTOCOL = "smithy-rpc-v2-cbor"
_HEADERS = [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor")]
_EMPTY_MAP = b"\xa0"


def cbor_answer(operation: OperationModel, answer: HTTPResponse) -> HTTPResponse:
    """Return a JSON answer as CBOR. An error keeps its type and message."""
    if answer.status >= 400:
        return _error(answer)
    shape = operation.output_shape
    body = _EMPTY_MAP
    if shape is not None:
        from botocore.parsers import JSONParser
        from botocore.serialize import RpcV2CBORSerializer

        parsed = JSONParser().parse({"status_code": HTTPStatus.OK, "headers": {}, "body": answer.body}, shape)
        parsed.pop("ResponseMetadata", None)
        written = bytearray()
        RpcV2CBORSerializer()._serialize_data_item(
            written, parsed, shape
        )  # botocore has a public method for requests only
        body = bytes(written)
    return HTTPResponse(answer.status, [*_kept(answer), *_HEADERS], body)


def cbor_error(status: int, code: str, message: str, request_id: str) -> HTTPResponse:
    """Return an error as CBOR."""
    body = bytes([0xA2]) + b"".join(map(_text, ("__type", code, "message", message)))
    return HTTPResponse(status, [*_HEADERS, (b"x-amzn-requestid", request_id.encode())], body)


def _error(answer: HTTPResponse) -> HTTPResponse:
    try:
        decoded: Any = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        decoded = None
    body = decoded if isinstance(decoded, dict) else {}
    code = str(body.get("__type") or "InternalFailure")
    message = str(body.get("message") or body.get("Message") or "")
    error = cbor_error(answer.status, code, message, "")
    return HTTPResponse(error.status, [*_kept(answer), *_HEADERS], error.body)


def _kept(answer: HTTPResponse) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in answer.headers if name not in (b"content-type", b"smithy-protocol")]


def _text(text: str) -> bytes:
    """Write a text string (RFC 8949 3.1, major type 3)."""
    data = text.encode()
    length = len(data)
    size, code = next((size, code) for size, code in ((1, 0x78), (2, 0x79), (4, 0x7A)) if length < 1 << 8 * size)
    return bytes([code]) + length.to_bytes(size, "big") + data
