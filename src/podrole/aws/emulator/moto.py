"""moto, which gives the AWS services their behaviour: entered in-process with a prepared request.

moto is not thread-safe and imports for a second, so everything that touches it runs in one worker thread, one call
after the other, and nothing is imported before the first call. By the time a request comes here it has been
authenticated and authorized; what moto sees is written anew from that (podrole.aws.protocol.canonical).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from podrole.aws.emulator.managed import ensure_managed_policy, whole_catalogue
from podrole.aws.emulator.resolver import bucket_of
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.canonical import canonical
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.partitions import partition_of

T = TypeVar("T")
_log = logging.getLogger(__name__)

# The server sets these itself.
_NOT_RETURNED = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Moto:
    """One moto, and the thread it lives in. Its state is the process's: moto keeps it in modules."""

    def __init__(self) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")

    async def run(self, function: Callable[[], T]) -> T:
        """Call ``function`` in moto's thread, after whatever runs there now."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def serve(self, call: IdentifiedCall, account: str) -> HTTPResponse:
        """Answer an authorized call on behalf of ``account``."""
        return await self.run(lambda: _serve(call, account))

    def close(self, last: Callable[[], None] | None = None) -> None:
        """End the thread after the call that runs in it and, if given, one ``last``."""
        if last is not None:
            self._thread.submit(last)
        self._thread.shutdown(wait=True)


def _serve(call: IdentifiedCall, account: str) -> HTTPResponse:
    from botocore.awsrequest import AWSPreparedRequest, HeadersDict
    from moto.core.botocore_stubber import BotocoreStubber

    service = call.service
    if service.moto is None:
        raise AWSError(
            "NotImplemented",
            501,
            f"podrole's local AWS does not simulate {service.name}.",
        )
    if service.name == "iam":
        for value in call.parameters.values():
            ensure_managed_policy(account, value)
    elif service.name == "s3":
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
    lists_policies = (service.name, call.operation) == ("iam", "ListPolicies")
    more = whole_catalogue(account, partition_of(call.region)) if lists_policies else contextlib.nullcontext()
    try:
        with more:
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
