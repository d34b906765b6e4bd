"""What serves an issuer's documents on AWS: a bucket, and in front of it CloudFront or nothing.

The bucket's owner enforces ownership (no ACL is ever used). With CloudFront, Block Public Access stays on, and the
bucket's policy lets one distribution read the two documents. Without it, the policy lets everybody read them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.base.partitions import domain_of
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.publishing import DISCOVERY, KEYS
from podrole.setup.ownership import PREFIX

ISSUER_NAME = PREFIX + "issuer-name"
"""The tag of a bucket and a distribution whose value is the issuer's ``--name``: podrole's inventory."""

CACHE_POLICY = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""AWS's managed cache policy CachingOptimized: CloudFront keeps an object for the ``max-age`` of its ``Cache-Control``,
at least one second
(https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html)."""

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
"""The settings of Block Public Access."""
POLICY_BLOCKS = frozenset({"BlockPublicPolicy", "RestrictPublicBuckets"})
"""Those that forbid a bucket that everybody may read by its policy."""

ORIGIN = "documents"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_PREFIX = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, slots=True)
class HostedIssuer:
    """What is wanted. ``name`` is the issuer's in tags; ``public`` is a bucket that everybody may read."""

    name: str
    bucket: str
    prefix: str
    account: str
    partition: str
    region: str
    public: bool = False

    def url(self, host: str) -> str:
        """Return the issuer's URL at a host."""
        return "/".join(filter(None, (f"https://{host}", self.prefix)))

    @property
    def place(self) -> str:
        """Where the documents are, as ``--to`` names it."""
        return f"s3://{'/'.join(filter(None, (self.bucket, self.prefix)))}"

    @property
    def bucket_host(self) -> str:
        """The bucket's name in the DNS, which is CloudFront's origin too."""
        return f"{self.bucket}.s3.{self.region}.{domain_of(self.region)}"

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def documents(self) -> list[str]:
        """The ARNs of the two documents that AWS reads; the record is not among them."""
        return [f"{self.bucket_arn}/{'/'.join(filter(None, (self.prefix, path)))}" for path in (DISCOVERY, KEYS)]

    @property
    def tags(self) -> dict[str, str]:
        """The tags of what podrole makes."""
        return {ISSUER_NAME: self.name}

    @property
    def control_name(self) -> str:
        """The name of the origin access control, which takes no tags and is known by its name: one for a bucket."""
        return f"podrole-{self.name[:40]}-{_hash(self.bucket)}"

    @property
    def statement_id(self) -> str:
        """The Sid of podrole's statement in the bucket's policy: one for each prefix."""
        return f"PodroleIssuer{_hash(self.prefix)}"


@dataclass(frozen=True, slots=True)
class FoundBucket:
    """A bucket of the account. ``blocks`` are the settings of Block Public Access that are on, ``ownership`` is the
    rule for its objects, ``policy`` its policy's text."""

    region: str
    tags: Mapping[str, str]
    blocks: frozenset[str]
    ownership: str | None
    policy: str | None


@dataclass(frozen=True, slots=True)
class FoundDistribution:
    """A distribution whose origin is the bucket. ``config`` is what is compared of its configuration."""

    id: str
    arn: str
    host: str
    status: str
    tags: Mapping[str, str]
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HostingFound:
    """What is there. ``account_blocks`` are the settings of Block Public Access that are on for the whole account;
    ``issuer`` is the one that the documents in the bucket name."""

    bucket: FoundBucket | None = None
    name_is_taken: bool = False
    control: str | None = None
    distributions: tuple[FoundDistribution, ...] = ()
    account_blocks: frozenset[str] = frozenset()
    issuer: str | None = None


def check_bucket(bucket: str, prefix: str, *, public: bool) -> None:
    """Raise InvalidIssuer for a bucket or a prefix of which no issuer's URL can be made."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _ADDRESS.fullmatch(bucket):
        raise InvalidIssuer(
            f"{bucket!r} is not the name of a bucket.", expected="3 to 63 of a-z, 0-9, - and ., not an IP address"
        )
    if public and "." in bucket:
        raise InvalidIssuer(
            f"A public bucket with a dot in its name cannot be an issuer: S3's certificate does not cover {bucket}.",
            next_step="choose a name without dots, or leave --public-bucket out",
        )
    if prefix and not _PREFIX.fullmatch(prefix):
        raise InvalidIssuer(
            f"The issuer's URL cannot have the path {prefix!r}.",
            expected="letters, digits, and . _ ~ - between slashes",
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
