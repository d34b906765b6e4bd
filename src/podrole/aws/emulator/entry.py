"""The way into moto: one authorized call becomes one prepared request, and moto's answer the service's.

moto runs in-process, without its server. What it sees is written from the input that was authorized
(podrole.aws.protocol.canonical), not from what the client sent. All of this runs in moto's thread.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from types import MappingProxyType
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
    elif service.name == "cloudfront":
        _keep_origin_access_control()
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
        raise _not_simulated(call)
    status, response_headers, response_body = answer
    if int(status) == 404 and service.name != "s3":
        _require_an_error(call, _bytes(response_body))
    if (service.name, call.operation) == ("s3", "CreateBucket") and int(status) < 300:
        call_input = parameters(call)
        tags = (call_input.get("CreateBucketConfiguration") or {}).get("Tags") or ()
        complete_bucket(str(call_input.get("Bucket")), account, {tag["Key"]: tag["Value"] for tag in tags})
    returned = _returned(response_headers, is_head=request.method == "HEAD" and int(status) < 300)
    return HTTPResponse(int(status), list(returned), _bytes(response_body))


@functools.cache
def _leave_decisions_to_podrole() -> None:
    """Take out moto's own reading of bucket policies: it has already been decided, by all of the policy language."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    # Assigned, since moto has no switch for it.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL  # type: ignore[method-assign]  # see above


@functools.cache
def _keep_origin_access_control() -> None:
    """Have moto keep the origin access control of a distribution's origin, which it forgets."""
    from moto.cloudfront.models import Origin

    original = Origin.__init__

    def make(self: Any, origin: dict[str, Any]) -> None:
        original(self, origin)
        self.origin_access_control_id = origin.get("OriginAccessControlId") or ""

    Origin.__init__ = make  # type: ignore[method-assign]  # moto has no switch for it


def complete_bucket(name: str, account: str = "", tags: Mapping[str, str] = MappingProxyType({})) -> None:
    """Block public access to a new bucket, as S3 does since April 2023, and give it the tags of the account's call."""
    from moto.s3.models import PublicAccessBlock, s3_backends

    bucket = bucket_of(name)
    if bucket is None:
        return
    if bucket.public_access_block is None:
        bucket.public_access_block = PublicAccessBlock(True, True, True, True)
    if tags and bucket.account_id == account:
        s3_backends[account][bucket.partition].put_bucket_tagging(bucket.name, dict(tags))


def _require_an_error(call: IdentifiedCall, body: bytes) -> None:
    """Raise AWSError for a 404 without an error of the service: moto has no code for the operation, or no error for
    what does not exist."""
    text = body.strip().lower()
    if text in (b"", b"not yet implemented") or text.startswith(b"<!doctype html"):
        raise _not_simulated(call)
    if text in (b"{}", b"404 not found"):
        raise AWSError("ResourceNotFoundException", 404, "The resource you requested does not exist.")


def _not_simulated(call: IdentifiedCall) -> AWSError:
    return AWSError("NotImplemented", 501, f"podrole's local AWS does not simulate {call.action}.")


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


def _returned(headers: Any, *, is_head: bool) -> Iterable[tuple[bytes, bytes]]:
    for name, value in dict(headers).items():
        if name.lower() not in _NOT_RETURNED or (is_head and name.lower() == "content-length"):
            yield name.lower().encode("latin-1"), str(value).encode("latin-1", "replace")


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return str(body).encode() if body is not None else b""
