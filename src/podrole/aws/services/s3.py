"""What is special about S3: the region of a bucket, public policies, and DeleteObjects.

DeleteObjects refuses key by key, inside an answer that is a success
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Encryption, Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import text
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.service_requests import Sender, is_allowed
from podrole.aws.services.encryption import key_uses
from podrole.aws.services.rules import (
    Authorizing,
    Delivering,
    NoSuchPrincipal,
    Resolving,
    ServiceRules,
    Storing,
    error,
    parameter,
)
from podrole.aws.signature.parsing import is_signed
from podrole.aws.signature.s3_refusals import wrong_region
from podrole.base.partitions import partition_of
from podrole.iam.actions.call import Permission
from podrole.iam.actions.s3 import object_arn
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.limits import size
from podrole.iam.policy import Effect, Policy
from podrole.iam.principal import PrincipalType

MOST_CHARACTERS = 20_480
"""Characters of a bucket policy. Source: AWS, "Bucket policies for Amazon S3"."""

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


def _resolve(resolving: Resolving) -> None:
    """Refuse an upload of another key: moto completes the upload that the id names, whatever key it is for."""
    upload, call_input = resolving.given.get("UploadId"), resolving.given
    if not isinstance(upload, str) or "Key" not in call_input:
        return
    bucket = str(call_input.get("Bucket", ""))
    if resolving.facts.arn_of(resolving.asked, "s3:upload", f"{bucket}/{upload}") != object_arn(
        resolving.asked, bucket, str(call_input["Key"])
    ):
        raise AWSError(
            "NoSuchUpload",
            404,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed.",
        )


def _before(call: IdentifiedCall, facts: Facts) -> None:
    require_region(call, facts)
    _require_distinct_tags(call)


def _require_distinct_tags(call: IdentifiedCall) -> None:
    """Refuse tags with the same key twice: which of the values would be kept is not for a policy to guess.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html: "Tags that are associated with an object
    must have unique tag keys."
    """
    tagging = parameters(call).get("Tagging")
    if isinstance(tagging, str):
        keys = [key for key, _ in parse_qsl(tagging, keep_blank_values=True)]
        if len(set(keys)) < len(keys):
            raise AWSError(
                "InvalidArgument",
                400,
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
                "name duplicates.",
            )
    elif isinstance(tagging, dict):
        keys = [str(tag.get("Key")) for tag in tagging.get("TagSet") or ()]
        if len(set(keys)) < len(keys):
            raise AWSError("InvalidTag", 400, "Cannot provide multiple Tags with the same key")


def _check(storing: Storing, policy: Policy) -> None:
    """Check a bucket policy: it is about this bucket and S3 alone, not too large, and not public where that is blocked
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html)."""
    name = str(storing.given.get("Bucket"))
    for statement in policy.statements:
        resources = statement.resources.resources if statement.resources is not None else ()
        for resource in resources:
            inside = resource.split(":", 5)[-1]
            if inside.partition("/")[0] != name:
                raise AWSError(
                    "MalformedPolicy", 400, "Policy has invalid resource", why=f"{resource} is not in {name}."
                )
        if any(not action.lower().startswith("s3:") and action != "*" for action in statement.actions.actions):
            raise AWSError("MalformedPolicy", 400, "Policy has invalid action")
    if size(policy.text) > MOST_CHARACTERS:
        raise AWSError("PolicyTooLarge", 400, "Policy exceeds the maximum allowed document size.")
    bucket = storing.facts.bucket(name)
    if bucket is not None and bucket.blocks_public_policy and is_public(policy):
        raise AWSError("AccessDenied", 403, "Access Denied", why="Block Public Access keeps public policies out.")


def is_public(policy: Policy) -> bool:
    """Return whether a bucket policy is public as S3's Block Public Access means it: it allows everyone, without a
    condition on who that is
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html)."""
    return any(
        statement.effect is Effect.ALLOW
        and statement.principal is not None
        and (statement.principal.everyone or statement.principal.every_aws)
        and not any(condition.key.lower() in _NARROWING and not condition.negated for condition in statement.conditions)
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
        f"<Error><Key>{text(identifier.get('Key', ''))}</Key>"
        + (f"<VersionId>{text(identifier['VersionId'])}</VersionId>" if identifier.get("VersionId") else "")
        + f"<Code>AccessDenied</Code><Message>{text(why)}</Message></Error>"
        for identifier, why in refused
    )
    if answer.status >= 400 or _END not in answer.body:
        return answer
    return HTTPResponse(answer.status, answer.headers, answer.body.replace(_END, errors.encode() + _END))


def _fault(fault: PolicyError) -> AWSError:
    if isinstance(fault, NoSuchPrincipal):
        return error("MalformedPolicy", "Invalid principal in policy", fault)
    rule = fault.faults[0].rule if isinstance(fault, MalformedPolicyDocument) else ""
    return error("MalformedPolicy", _TEXTS.get(rule, fault.message), fault)


_TEXTS = {
    "json": "Policies must be valid JSON and the first byte must be '{'",
    "principal": "Invalid principal in policy",
    "principal-empty": "Invalid principal in policy",
}


def _spell(sentence: str, request: Request) -> str:
    """Tell callers of other accounts, and anonymous ones, nothing."""
    is_elsewhere = bool(request.resource_account) and request.resource_account != request.principal.account
    if request.principal.type is PrincipalType.ANONYMOUS or is_elsewhere:
        return "Access Denied"
    if request.action == "s3:ListAllMyBuckets":
        return sentence.replace(f" on resource: {request.resource}", "", 1)
    return sentence.replace(f"on resource: {request.resource}", f'on resource: "{request.resource}"', 1)


_DESTINATIONS = {
    "CloudFunctionConfiguration": ("CloudFunction", "lambda:InvokeFunction"),
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda:InvokeFunction"),
    "QueueConfiguration": ("Queue", "sqs:SendMessage"),
    "QueueConfigurations": ("QueueArn", "sqs:SendMessage"),
    "TopicConfiguration": ("Topic", "sns:Publish"),
    "TopicConfigurations": ("TopicArn", "sns:Publish"),
}
"""The members of both forms of a notification configuration that name a destination, and what S3 does there."""


def _require_destinations(delivering: Delivering) -> None:
    """Refuse notifications to a destination that does not exist, or whose policy does not allow S3 for the bucket
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html)."""
    call, account, facts, _ = delivering
    if call.operation not in ("PutBucketNotification", "PutBucketNotificationConfiguration"):
        return
    call_input = parameters(call)
    bucket = facts.bucket(str(call_input.get("Bucket", "")))
    if bucket is None or call_input.get("SkipDestinationValidation") is True:
        return
    sender = Sender("s3.amazonaws.com", bucket.arn, bucket.account or account)
    for member, (name, action) in _DESTINATIONS.items():
        listed: Any = (call_input.get("NotificationConfiguration") or {}).get(member) or []
        for configuration in listed if isinstance(listed, list) else [listed]:
            arn = str(configuration.get(name, ""))
            if not is_allowed(facts, sender, action, arn):
                raise AWSError(
                    "InvalidArgument",
                    400,
                    "Unable to validate the following destination configurations",
                    why=f"{arn} does not exist, or does not allow s3.amazonaws.com {action} for {bucket.arn}.",
                )


_WRITES = {
    "CopyObject": ("kms:GenerateDataKey",),
    "CreateMultipartUpload": ("kms:GenerateDataKey", "kms:Decrypt"),  # the parts are read when they are put together
    "PutObject": ("kms:GenerateDataKey",),
}
_READS = frozenset({"GetObject", "SelectObjectContent"})
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})


def _encryption(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what S3 needs of KMS for objects under a key of the customer's."""
    call, _, facts, _ = authorizing
    call_input = parameters(call)
    partition = partition_of(call.region)
    bucket = f"arn:{partition}:s3:::{call_input.get('Bucket', '')}"
    if call.operation in _WRITES:
        wanted = _wanted_encryption(call_input, facts.encryption(bucket))
        context = {"aws:s3:arn": bucket if wanted.by_bucket else f"{bucket}/{call_input.get('Key', '')}"}
        yield from key_uses(authorizing, wanted.key, context, *_WRITES[call.operation])
    source = f"{bucket}/{call_input.get('Key', '')}" if call.operation in _READS else ""
    version = str(call_input.get("VersionId") or "")
    if call.operation in _COPIES:
        name, _, query = str(call_input.get("CopySource", "")).partition("?versionId=")
        source, version = f"arn:{partition}:s3:::{unquote(name).lstrip('/')}", query
    stored = facts.encryption(source, version)
    context = {"aws:s3:arn": source.partition("/")[0] if stored.by_bucket else source}
    yield from key_uses(authorizing, stored.key, context, "kms:Decrypt")


def _wanted_encryption(call_input: Mapping[str, Any], of_bucket: Encryption) -> Encryption:
    """Return how a request wants its object encrypted, by itself or as the bucket does by default."""
    by_bucket = call_input.get("BucketKeyEnabled")
    by_bucket = of_bucket.by_bucket if by_bucket is None else str(by_bucket).lower() == "true"
    algorithm, key = str(call_input.get("ServerSideEncryption") or ""), str(call_input.get("SSEKMSKeyId") or "")
    if algorithm and not algorithm.startswith("aws:kms"):
        return Encryption()
    return Encryption(key if algorithm else key or of_bucket.key, by_bucket)


RULES = ServiceRules(
    "s3",
    also_needs=_encryption,
    require_destinations=_require_destinations,
    documents={"PutBucketPolicy": parameter("Policy")},
    check=_check,
    fault=_fault,
    before=_before,
    resolve=_resolve,
    spell=_spell,
)
