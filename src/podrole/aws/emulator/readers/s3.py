"""S3's buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podrole.aws.emulator.backends import backend, backends
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text
from podrole.aws.interfaces import Encryption
from podrole.iam.actions.call import Call, Keys, Values
from podrole.iam.actions.s3 import object_arn
from podrole.iam.unknown import UnknownKeys


def bucket_of(name: str) -> Any | None:
    """Return moto's bucket with that name, whichever account owns it: the names of buckets are unique in the world."""
    every = backends("s3")
    owner = every.bucket_accounts.get(name) if every is not None else None
    if owner is None:
        return None
    stored = backend("s3", owner[1], owner[0])
    return stored.buckets.get(name) if stored is not None else None


def blocks(bucket: Any, setting: str) -> bool:
    """Say whether a setting of Block Public Access is on for a bucket: its own, or that of its account.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    stored = backend("s3control", bucket.account_id, bucket.partition)
    of_account = stored.public_access_block if stored is not None else None
    return any(bool(getattr(access_block, setting, False)) for access_block in (bucket.public_access_block, of_account))


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    name = arn.resource.partition("/")[0]
    bucket = bucket_of(name)
    if bucket is None:
        return None
    closed = blocks(bucket, "restrict_public_buckets")
    return PolicyHolder(str(bucket.account_id), f"bucket {name}", document_text(bucket.policy), bucket, closed)


def _upload(call: Call, name: str) -> str | None:
    """Return the ARN of the object that an upload is for; ``name`` is ``BUCKET/UPLOAD``."""
    bucket_name, _, upload_id = name.partition("/")
    bucket = bucket_of(bucket_name)
    upload = bucket.multiparts.get(upload_id) if bucket is not None else None
    return object_arn(call, bucket_name, str(upload.key_name)) if upload is not None else None


def _tags(arn: ARNParts, _: Call) -> Mapping[str, str] | None:
    """Return no tags for a bucket and its objects: S3 evaluates aws:ResourceTag only after PutBucketAbac, which is not
    served, has enabled attribute-based access control for the bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging.html
    """
    return None if arn.account else {}  # with an account, an access point, a job …: not a bucket


def _facts(arn: ARNParts, call: Call) -> Keys:
    """Return the tags of the object's version that the call names, of the newest one if it names none."""
    name, _slash, key = arn.resource.partition("/")
    bucket = bucket_of(name)
    if bucket is None:
        return {}
    facts: dict[str, Values] = {"s3:ResourceAccount": str(bucket.account_id)}
    stored = _version(bucket, key, str(call.parameters.get("VersionId") or "")) if key else None
    if stored is not None:
        tags = _tagger(bucket).get_tag_dict_for_resource(stored.arn)
        facts.update({f"s3:ExistingObjectTag/{tag}": str(value) for tag, value in tags.items()})
    return facts


def _version(bucket: Any, key: str, version: str) -> Any | None:
    if not version:
        return bucket.keys.get(key)
    return next(
        (
            stored_version
            for stored_version in bucket.keys.getlist(key, [])
            if str(stored_version.version_id) == version
        ),
        None,
    )


def _tagger(bucket: Any) -> Any:
    stored = backend("s3", bucket.account_id, bucket.partition)
    if stored is None:
        raise LookupError("a bucket's account has no S3")
    return stored.tagger


def _holders(*_: str) -> Iterator[str]:
    """Yield all buckets: an ARN of S3 names neither account nor region."""
    every = backends("s3")
    for name in every.bucket_accounts if every is not None else ():
        bucket = bucket_of(name)
        if bucket is not None:
            yield str(bucket.arn)


def _encryption(arn: ARNParts, version: str) -> Encryption:
    name, _slash, key = arn.resource.partition("/")
    bucket = bucket_of(name)
    if bucket is None:
        return Encryption()
    if not key:
        rule = (bucket.encryption or {}).get("Rule", {})
        wanted = rule.get("ApplyServerSideEncryptionByDefault", {})
        return Encryption(str(wanted.get("KMSMasterKeyID") or ""), str(rule.get("BucketKeyEnabled")).lower() == "true")
    stored = _version(bucket, key, version)
    if stored is None or not str(stored.encryption or "").startswith("aws:kms"):
        return Encryption()
    return Encryption(str(stored.kms_key_id or ""), str(stored.bucket_key_enabled).lower() == "true")


READER = Reader(
    encryption=_encryption,
    policy_holder=_policy_holder,
    holders=_holders,
    arns={"s3:upload": _upload},
    tags=_tags,
    facts=_facts,
    described={"*": UnknownKeys(("s3:ExistingObjectTag/*", "s3:ResourceAccount"))},
)
