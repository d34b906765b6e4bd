"""S3's DeleteObjects refuses key by key, inside an answer that is a success.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.render import text
from podrole.aws.protocol.wire import HTTPResponse

_END = b"</DeleteResult>"
_EMPTY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' + _END
)


def nothing_deleted(call: IdentifiedCall) -> HTTPResponse:
    """Return the answer to a call of whose keys none may be deleted."""
    headers = [(b"content-type", b"application/xml"), (b"x-amz-request-id", call.id.encode())]
    return with_refused_keys(call, HTTPResponse(200, headers, _EMPTY))


def with_refused_keys(call: IdentifiedCall, answer: HTTPResponse) -> HTTPResponse:
    """Return S3's answer with an error for each key that was taken out of the call."""
    errors = "".join(
        f"<Error><Key>{text(one.get('Key', ''))}</Key>"
        + (f"<VersionId>{text(one['VersionId'])}</VersionId>" if one.get("VersionId") else "")
        + f"<Code>AccessDenied</Code><Message>{text(why)}</Message></Error>"
        for one, why in call.refused_keys
    )
    if answer.status >= 400 or _END not in answer.body:
        return answer
    return HTTPResponse(answer.status, answer.headers, answer.body.replace(_END, errors.encode() + _END))
