"""moto, which gives the AWS services their behaviour: entered in-process with a prepared request.

moto is not thread-safe and imports for a second, so everything that touches it runs in one worker thread, one call
after the other, and nothing is imported before the first call. By the time a request comes here it has been
authenticated and authorized; what moto could read differently from the stations before (headers of its own, an
action in a query string) is taken away.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from podrole.aws.errors import AWSError
from podrole.aws.managed import ensure_managed_policy
from podrole.aws.receive import ServiceRequest, body_of
from podrole.aws.wire import HTTPResponse

T = TypeVar("T")
_log = logging.getLogger(__name__)

# What clients may not decide about: moto's own switches, and headers that moto's dispatcher takes for parameters.
_WITHHELD_HEADERS = frozenset({"action", "content-encoding", "content-length", "host", "transfer-encoding", "version"})
_WITHHELD_PREFIXES = ("x-moto-", "x-podrole-")
# The server sets these itself.
_NOT_RETURNED = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Moto:
    """One moto, and the thread it lives in. Its state is the process's: moto keeps it in modules."""

    def __init__(self) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")

    async def run(self, function: Callable[[], T]) -> T:
        """Call ``function`` in moto's thread, after whatever runs there now."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def serve(self, call: ServiceRequest, account: str) -> HTTPResponse:
        """Answer an authorized call on behalf of ``account``."""
        return await self.run(lambda: _serve(call, account))

    def close(self, last: Callable[[], None] | None = None) -> None:
        """End the thread after the call that runs in it and, if given, one ``last``."""
        if last is not None:
            self._thread.submit(last)
        self._thread.shutdown(wait=True)


def _serve(call: ServiceRequest, account: str) -> HTTPResponse:
    from botocore.awsrequest import AWSPreparedRequest, HeadersDict
    from moto.core.botocore_stubber import BotocoreStubber

    service = call.service
    if service is None or service.moto is None:
        raise AWSError(
            "NotImplemented",
            501,
            f"podrole's local AWS does not simulate {service.name if service else 'this service'}.",
        )
    if service.name == "iam":
        for value in call.parameters.values():
            ensure_managed_policy(account, value)
    host = service.moto.format(region=call.region, account=account)
    headers = HeadersDict(_forwarded(call.http.headers))
    headers["host"] = host
    headers["x-moto-account-id"] = account
    query, body = _unambiguous(call)
    url = f"https://{host}{call.http.path}" + (f"?{query}" if query else "")
    prepared = AWSPreparedRequest(call.http.method, url, headers, body, False)
    try:
        answer = BotocoreStubber().process_request(prepared)
    except NotImplementedError as missing:
        raise AWSError(
            "NotImplemented", 501, f"podrole's local AWS does not simulate {call.action} ({missing})."
        ) from missing
    if answer is None:
        raise AWSError("NotImplemented", 501, f"podrole's local AWS does not simulate {call.action}.")
    status, response_headers, response_body = answer
    return HTTPResponse(int(status), list(_returned(response_headers)), _bytes(response_body))


def _forwarded(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        if name not in _WITHHELD_HEADERS and not name.startswith(_WITHHELD_PREFIXES):
            yield name, value


def _unambiguous(call: ServiceRequest) -> tuple[str, bytes]:
    """Return query string and body such that moto reads the operation and parameters that were authorized."""
    if call.protocol in ("query", "ec2"):
        form = urlencode(call.parameters)
        return (form, b"") if call.http.method == "GET" else ("", form.encode())
    pairs = [(name, value) for name, value in call.http.query_pairs if name != "Action"]
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    return query, body_of(call.http)


def _returned(headers: Any) -> Iterable[tuple[bytes, bytes]]:
    for name, value in dict(headers).items():
        if name.lower() not in _NOT_RETURNED:
            yield name.lower().encode("latin-1"), str(value).encode("latin-1", "replace")


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return str(body).encode() if body is not None else b""
