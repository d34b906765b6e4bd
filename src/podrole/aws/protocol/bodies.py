"""What a request's body holds, without its compression; and large bodies kept off the event loop.

Bodies are read before anyone has proved who sent them: the operation of a query service is named in its form. So there
is a limit on what is expanded and on what is taken for a form, for every client.

A document is limited by its size and by the number of its parts: each part costs a Python object, and the collection of
millions of objects keeps the event loop from running, whichever thread made them.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import TypeVar

from podrole.aws.errors import AWSError
from podrole.aws.protocol.wire import HTTPRequest
from podrole.base import large_work
from podrole.base.large_work import INLINE_BYTES

T = TypeVar("T")

MAX_EXPANDED_BYTES = 16 * 1024 * 1024
"""What a compressed body may expand to. The only operation that AWS describes with request compression is CloudWatch's
PutMetricData, which takes 1 MB (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html).
"""

MAX_FORM_BYTES = 16 * 1024 * 1024
"""The largest form of a query service. AWS's largest is a raw email for SES: 10 MB, in base64
(https://docs.aws.amazon.com/ses/latest/dg/quotas.html)."""

MAX_STS_FORM_BYTES = 512 * 1024
"""The largest form for STS, which works on the event loop. Its largest parameter is a SAML assertion of 100,000
characters (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html)."""

MAX_FORM_PARAMETERS = 50_000
"""PutMetricData takes the most parameters: 1 MB of some 40 bytes each."""

MAX_URL_PARAMETERS = 2_000

MAX_JSON_BYTES = 70 * 1024 * 1024
"""The largest JSON document. AWS's largest is a function's code for Lambda: 50 MB, in base64."""

MAX_JSON_CONTAINERS = 300_000
MAX_JSON_COMMAS = 500_000
"""How many objects and arrays, and how many values, a JSON document may have. Text in it counts too, which makes no
difference: AWS's largest requests have a tenth of that."""

MAX_JSON_ESCAPES = 2_000_000
"""Backslashes of a JSON document: a text with them is read ten times as slowly, in one piece. AWS's largest text, which
is base64, has a million if a client escapes its slashes."""

MAX_OWN_JSON_BYTES = 256 * 1024
"""The largest JSON document for EKS and Organizations, which work on the event loop. The largest parameter that AWS
takes there is a policy of 10,240 characters."""

MAX_CBOR_BYTES = 5 * 256 * 1024
"""The largest CBOR document. AWS's largest is PutMetricData: 1 MB."""


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
    """Return the body of a query service's request. Raises AWSError for one over the limits."""
    if len(http.body) > MAX_FORM_BYTES:
        raise too_large()
    form = content_of(http)
    if form.count(b"&") >= MAX_FORM_PARAMETERS:
        raise too_large()
    return form


def json_of(http: HTTPRequest, most: int = MAX_JSON_BYTES) -> bytes:
    """Return the body of a JSON request of at most ``most`` bytes. Raises AWSError for one over the limits."""
    body = content_of(http)
    if len(body) > most:
        raise too_large()
    if (
        body.count(b"[") + body.count(b"{") > MAX_JSON_CONTAINERS
        or body.count(b",") > MAX_JSON_COMMAS
        or body.count(b"\\") > MAX_JSON_ESCAPES
    ):
        raise too_large()
    return body


def cbor_of(http: HTTPRequest) -> bytes:
    """Return the body of a CBOR request. Raises AWSError for one over MAX_CBOR_BYTES."""
    body = content_of(http)
    if len(body) > MAX_CBOR_BYTES:
        raise too_large()
    return body


def too_large() -> AWSError:
    """Return the answer to a body over a limit."""
    return AWSError("RequestEntityTooLarge", 413, "The request's body is too large for podrole's local AWS.")


async def off_loop(http: HTTPRequest, work: Callable[[], T]) -> T:
    """Return what ``work`` returns. It reads the body of ``http``: in a worker thread, unless the body is small.

    ``work`` must not touch anything that only the event loop's thread may touch.
    """
    return work() if is_small(http) else await large_work.off_loop(large_work.LARGE, work)


def is_small(http: HTTPRequest) -> bool:
    """Return whether the body can be hashed and parsed on the event loop."""
    return len(http.body) <= INLINE_BYTES and not _is_compressed(http)


def _is_compressed(http: HTTPRequest) -> bool:
    encoding = http.header.get("content-encoding")
    return encoding is not None and bool(http.body) and encoding.lower() == "gzip"
