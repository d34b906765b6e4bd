"""What a request's body holds, without its compression; and large bodies kept off the event loop.

Bodies are read before anyone has proved who sent them: the operation of a query service is named in its form. So there
is a limit on what is expanded and on what is taken for a form, for every client.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections.abc import Callable
from typing import TypeVar

from podrole.aws.errors import AWSError
from podrole.aws.protocol.wire import HTTPRequest

T = TypeVar("T")

MAX_EXPANDED_BYTES = 16 * 1024 * 1024
"""What a compressed body may expand to. The only operation that AWS describes with request compression is CloudWatch's
PutMetricData, which takes 1 MB (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html).
"""

MAX_FORM_BYTES = 16 * 1024 * 1024
"""The largest form of a query service. AWS's largest is a raw email for SES: 10 MB, in base64
(https://docs.aws.amazon.com/ses/latest/dg/quotas.html)."""

INLINE_BYTES = 64 * 1024
"""The largest body that is hashed and parsed on the event loop; that takes less than a millisecond."""


def content_of(http: HTTPRequest) -> bytes:
    """Return the body without the compression that SDKs may put on it. Raises AWSError.

    Never expands more than MAX_EXPANDED_BYTES, however small the body is.
    """
    if not _is_compressed(http):
        return http.body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(http.body)) as compressed:
            content = compressed.read(MAX_EXPANDED_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise AWSError("MalformedInput", 400, "The request's body is not the gzip that it says it is.") from None
    if len(content) > MAX_EXPANDED_BYTES:
        raise too_large()
    return content


def form_of(http: HTTPRequest) -> bytes:
    """Return the body of a query service's request. Raises AWSError for one over MAX_FORM_BYTES."""
    if len(http.body) > MAX_FORM_BYTES:
        raise too_large()
    return content_of(http)


def too_large() -> AWSError:
    """Return the answer to a body over a limit."""
    return AWSError("RequestEntityTooLarge", 413, "The request's body is too large for podrole's local AWS.")


async def off_loop(http: HTTPRequest, work: Callable[[], T]) -> T:
    """Return what ``work`` returns. It reads the body of ``http``: in a worker thread, unless the body is small.

    ``work`` must not touch anything that only the event loop's thread may touch.
    """
    if is_small(http):
        return work()
    return await asyncio.to_thread(work)


def is_small(http: HTTPRequest) -> bool:
    """Return whether the body can be hashed and parsed on the event loop."""
    return len(http.body) <= INLINE_BYTES and not _is_compressed(http)


def _is_compressed(http: HTTPRequest) -> bool:
    return bool(http.body) and http.header.get("content-encoding", "").lower() == "gzip"
