"""S3: operations are checked under other names, and headers ask for more than the operation.

Source: AWS, "Required permissions for Amazon S3 API operations", and the API reference of GetObjectAttributes. A copy
of an object with tags reads them with s3:GetObjectTagging and sets them with s3:PutObjectTagging.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from msgspec.structs import replace

from podrole.iam.actions.call import Call, Permission, Resolver
from podrole.iam.actions.tables import actions_of

# With a version id another action is asked for.
_VERSIONED = {
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}
_RENAMED = {
    "CopyObject": "s3:PutObject",
    "GetObjectAttributes": "s3:GetObject",  # and its own action: see _of_object
    "GetObjectTorrent": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "SelectObjectContent": "s3:GetObject",
    "UploadPartCopy": "s3:PutObject",
}
# Nothing says whether tags that a copy takes over from its source count as tags of the request.
_TAGS_OF_REQUEST = ("aws:RequestTag/*", "aws:TagKeys", "s3:RequestObjectTag/*", "s3:RequestObjectTagKeys")
_GRANTS = ("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
_WRITING = frozenset({"CopyObject", "CreateMultipartUpload", "PutObject"})


class Source(NamedTuple):
    """What a copy is made of."""

    bucket: str
    key: str
    version: str


def copy_source(text: str) -> Source | None:
    """Read ``x-amz-copy-source``: ``[/]bucket/key[?versionId=…]``, or an access point's ARN with ``/object/`` in it.
    None where it is neither."""
    path, _, query = text.partition("?")
    path = unquote(path).removeprefix("/")
    if path.startswith("arn:"):
        bucket, _, key = path.partition("/object/")
    else:
        bucket, _, key = path.partition("/")
    if not (bucket and key) or "/" in bucket.removeprefix("arn:").partition(":accesspoint/")[0]:
        return None
    version = parse_qs(query).get("versionId", [""])
    return Source(bucket, key, version[0])


def object_arn(call: Call, bucket: str, key: str) -> str:
    """Write an object's ARN; ``bucket`` may be an access point's."""
    if bucket.startswith("arn:"):
        return f"{bucket}/object/{key}"
    return f"arn:{call.partition}:s3:::{bucket}/{key}"


def permissions(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what an S3 call needs."""
    parameters, operation = call.parameters, call.operation
    if operation == "DeleteObjects":
        return _delete_each(call)
    named = _RENAMED.get(operation) or next(iter(actions_of("s3", operation) or ()), f"s3:{operation}")
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not isinstance(bucket, str):
        return [Permission(named)]
    if not isinstance(key, str):
        on_bucket = bucket if bucket.startswith("arn:") else f"arn:{call.partition}:s3:::{bucket}"
        return [Permission(name, on_bucket, exists=operation != "CreateBucket") for name in (named, *_of_bucket(call))]
    resource = object_arn(call, bucket, key)
    if parameters.get("VersionId"):
        named = _VERSIONED.get(named, named)
    return [*(Permission(name, resource) for name in (named, *_of_object(call))), *_source(call, resolver, resource)]


def _of_bucket(call: Call) -> list[str]:
    parameters = call.parameters
    if call.operation != "CreateBucket":
        return []
    actions = ["s3:PutBucketAcl"] if any(parameters.get(name) for name in _GRANTS) else []
    if parameters.get("ObjectLockEnabledForBucket"):
        actions += ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]
    if parameters.get("ObjectOwnership"):
        actions.append("s3:PutBucketOwnershipControls")
    if (parameters.get("CreateBucketConfiguration") or {}).get("Tags"):
        actions.append("s3:TagResource")
    return actions


def _of_object(call: Call) -> list[str]:
    parameters = call.parameters
    actions = []
    if call.operation == "GetObjectAttributes":
        actions.append("s3:GetObjectVersionAttributes" if parameters.get("VersionId") else "s3:GetObjectAttributes")
    if call.operation in _WRITING:
        if any(parameters.get(name) for name in _GRANTS):
            actions.append("s3:PutObjectAcl")
        if parameters.get("Tagging") and not _copies_tags(call):
            actions.append("s3:PutObjectTagging")
        if parameters.get("ObjectLockMode") or parameters.get("ObjectLockRetainUntilDate"):
            actions.append("s3:PutObjectRetention")
        if parameters.get("ObjectLockLegalHoldStatus"):
            actions.append("s3:PutObjectLegalHold")
    if parameters.get("BypassGovernanceRetention"):
        actions.append("s3:BypassGovernanceRetention")
    return actions


def _copies_tags(call: Call) -> bool:
    return call.operation == "CopyObject" and call.parameters.get("TaggingDirective", "COPY") != "REPLACE"


def _source(call: Call, resolver: Resolver, copy: str) -> list[Permission]:
    """Return what a copy needs on its source, and on the copy if the source's tags go along."""
    text = call.parameters.get("CopySource")
    if call.operation not in ("CopyObject", "UploadPartCopy") or not isinstance(text, str):
        return []
    source = copy_source(text)
    if source is None:
        return [Permission("s3:GetObject", f"arn:{call.partition}:s3:::*", partial=True)]
    arn, version = object_arn(call, source.bucket, source.key), "Version" if source.version else ""
    needed = [Permission(f"s3:GetObject{version}", arn, version=source.version)]
    asked = replace(call, parameters={**call.parameters, "VersionId": source.version})
    facts = resolver.facts_of(asked, "s3:object", arn)
    if _copies_tags(call) and any(name.startswith("s3:ExistingObjectTag/") for name in facts):
        needed.append(Permission(f"s3:GetObject{version}Tagging", arn, version=source.version))
        needed.append(Permission("s3:PutObjectTagging", copy, unknown=_TAGS_OF_REQUEST))
    return needed


def _delete_each(call: Call) -> list[Permission]:
    """Return one permission for each key, in the order of the keys: S3 refuses them one by one."""
    bucket = str(call.parameters.get("Bucket", ""))
    deleted = call.parameters.get("Delete") or {}
    needed = []
    for entry in deleted.get("Objects") or ():
        action = "s3:DeleteObjectVersion" if entry.get("VersionId") else "s3:DeleteObject"
        version = str(entry.get("VersionId") or "")
        needed.append(Permission(action, object_arn(call, bucket, str(entry.get("Key", ""))), version=version))
        if call.parameters.get("BypassGovernanceRetention"):
            needed.append(needed[-1]._replace(action="s3:BypassGovernanceRetention"))
    return needed
