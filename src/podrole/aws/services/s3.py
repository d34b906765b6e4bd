"""What is special about S3: the region of a bucket, public policies, and DeleteObjects.

DeleteObjects refuses key by key, inside an answer that is a success
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
"""

from __future__ import annotations

from typing import Any

from podrole.aws.interfaces import Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.render import text
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.signature.s3_refusals import wrong_region
from podrole.aws.signature.sigv4 import is_signed
from podrole.iam.policy import Effect, Policy

RefusedKeys = list[tuple[dict[str, Any], str]]
"""Objects that DeleteObjects must not delete, each with the reason."""

_ANYWHERE = frozenset({"CreateBucket"})
_EVERY_BUCKET = "us-east-1"
_END = b"</DeleteResult>"
_EMPTY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' + _END
)


def require_region(call: IdentifiedCall, facts: Facts) -> None:
    """Raise AWSError for an authenticated request that is signed for another region than the region of its bucket. SDKs
    read the right region from the answer and ask again.

    Anonymous requests name no region. A bucket that does not exist is refused later, by the service.
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (AuthorizationHeaderMalformed).
    """
    name = call.path_parameters.get("Bucket")
    if call.service.signing != "s3" or name is None or call.operation in _ANYWHERE or not is_signed(call.http):
        return
    if call.operation == "GetBucketLocation" and call.region == _EVERY_BUCKET:
        return  # it is how clients find out
    bucket = facts.bucket(name)
    if bucket is not None and bucket.region != call.region:
        presigned = "authorization" not in call.http.header
        raise wrong_region(call.region, bucket.region, presigned=presigned)


def is_public(policy: Policy) -> bool:
    """Return whether a bucket policy is public as S3's Block Public Access means it: it allows everyone, without a
    condition on who that is
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html)."""
    return any(
        statement.effect is Effect.ALLOW
        and statement.principal is not None
        and (statement.principal.everyone or statement.principal.every_aws)
        and not any(one.key.lower() in _NARROWING and not one.negated for one in statement.conditions)
        for statement in policy.statements
    )


_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)


def nothing_deleted(call: IdentifiedCall, refused: RefusedKeys) -> HTTPResponse:
    """Return the answer to a DeleteObjects that may delete none of its keys."""
    headers = [(b"content-type", b"application/xml"), (b"x-amz-request-id", call.id.encode())]
    return with_refused_keys(refused, HTTPResponse(200, headers, _EMPTY))


def with_refused_keys(refused: RefusedKeys, answer: HTTPResponse) -> HTTPResponse:
    """Return S3's answer with an error for each key that was taken out of the call."""
    errors = "".join(
        f"<Error><Key>{text(one.get('Key', ''))}</Key>"
        + (f"<VersionId>{text(one['VersionId'])}</VersionId>" if one.get("VersionId") else "")
        + f"<Code>AccessDenied</Code><Message>{text(why)}</Message></Error>"
        for one, why in refused
    )
    if answer.status >= 400 or _END not in answer.body:
        return answer
    return HTTPResponse(answer.status, answer.headers, answer.body.replace(_END, errors.encode() + _END))
