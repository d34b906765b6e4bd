"""The way into moto: one authorized call becomes one prepared request, and moto's answer the service's.

moto runs in-process, without its server. What it sees is written from the input that was authorized
(podrole.aws.protocol.canonical), not from what the client sent. All of this runs in moto's thread.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from podrole.aws.emulator.readers.s3 import bucket_of
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.canonical import canonical
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.wire import HTTPResponse

# The server sets these itself.
_NOT_RETURNED = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


def execute(call: IdentifiedCall, account: str) -> HTTPResponse:
    """Execute an authorized call on behalf of ``account``. Raises AWSError for what moto does not simulate."""
    from botocore.awsrequest import AWSPreparedRequest, HeadersDict
    from moto.core.botocore_stubber import BotocoreStubber

    service = call.service
    if service.moto is None:
        raise AWSError(
            "NotImplemented",
            501,
            f"podrole's local AWS does not simulate {service.name}.",
        )
    if service.name == "s3":
        _leave_decisions_to_podrole()
    request = canonical(call)
    host = service.moto.format(region=call.region, account=account)
    headers = HeadersDict(request.headers)
    headers["host"] = host
    headers["x-moto-account-id"] = account
    # moto takes region and, where all else fails, the way to a service from here. It verifies nothing.
    scope = f"19700101/{call.region}/{service.signing}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{scope}, SignedHeaders=, Signature="
    url = f"https://{host}{request.path}" + (f"?{request.query}" if request.query else "")
    prepared = AWSPreparedRequest(request.method, url, headers, request.body, False)
    _agree(call, prepared)
    try:
        answer = BotocoreStubber().process_request(prepared)
    except (NotImplementedError, ModuleNotFoundError) as missing:  # some services need packages of their own
        raise AWSError(
            "NotImplemented", 501, f"podrole's local AWS does not simulate {call.action} ({missing})."
        ) from missing
    if answer is None:
        raise AWSError("NotImplemented", 501, f"podrole's local AWS does not simulate {call.action}.")
    status, response_headers, response_body = answer
    if (service.name, call.operation) == ("s3", "CreateBucket") and int(status) < 300:
        _block_public_access(str(parameters(call).get("Bucket")))
    return HTTPResponse(int(status), list(_returned(response_headers)), _bytes(response_body))


@functools.cache
def _leave_decisions_to_podrole() -> None:
    """Take out moto's own reading of bucket policies: it has already been decided, by all of the policy language."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    # Assigned, since moto has no switch for it.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL  # type: ignore[method-assign]  # see above


def _block_public_access(name: str) -> None:
    """Block public access to a new bucket, as S3 does since April 2023."""
    from moto.s3.models import PublicAccessBlock

    bucket = bucket_of(name)
    if bucket is not None and bucket.public_access_block is None:
        bucket.public_access_block = PublicAccessBlock(True, True, True, True)


def _agree(call: IdentifiedCall, prepared: Any) -> None:
    """Refuse a path that moto's router takes for another operation than the one that was authorized."""
    if call.protocol != "rest-json":
        return
    from moto.core.request import normalize_request
    from moto.core.routing import get_service_router
    from werkzeug.exceptions import HTTPException

    try:
        operation, _ = get_service_router(call.service.name).match(normalize_request(prepared))
    except (HTTPException, NotImplementedError):
        return
    if operation.name != call.operation:
        raise AWSError("InvalidURI", 400, "Couldn't parse the specified URI.", why=f"Also read as {operation.name}.")


def _returned(headers: Any) -> Iterable[tuple[bytes, bytes]]:
    for name, value in dict(headers).items():
        if name.lower() not in _NOT_RETURNED:
            yield name.lower().encode("latin-1"), str(value).encode("latin-1", "replace")


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return str(body).encode() if body is not None else b""
