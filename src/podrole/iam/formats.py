"""The form of what stands in Action, Resource, condition keys and Date conditions, as IAM checks it.

IAM knows no list of actions here: ``iam:NoSuchThing`` is well-formed. So is a resource of a service that does not
exist.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from podrole.base.partitions import PARTITIONS
from podrole.iam.actions.reference import service, types_of_resources
from podrole.iam.patterns import glob, has_wildcard

_VENDOR = re.compile(r"[a-zA-Z0-9.-]+")

# A service's condition keys with a further part, which may hold colons: aws:ResourceTag/eks:cluster-name,
# kms:EncryptionContext:aws:s3:arn. AWS's own managed policies have such keys. The prefix of an identity provider's keys
# is a host: it holds a dot.
_KEY_OF_A_FAMILY = re.compile(
    r"[a-z0-9-]+:(?:[a-z0-9.]+/|(?:encryptioncontext|recipientattestation|modellifecycle):).*",
    re.IGNORECASE | re.DOTALL,
)
# What AWS's text ("iam-path") lists beyond podrole.iam.actions.reference, which has the types that came later.
_IAM_TYPES = frozenset({"report"})

# What a trust policy can speak of. Source: AWS, "Actions, resources, and condition keys for AWS STS".
_ASSUME_ROLE_ACTIONS = (
    "assumerole",
    "assumerolewithsaml",
    "assumerolewithwebidentity",
    "setcontext",
    "setsourceidentity",
    "tagsession",
)

# Wider than what conditions are evaluated with, as IAM is: "01T" is stored, and then equals no time.
_DATE = re.compile(
    r"-?[0-9]{1,9}(?:-(?P<month>[0-9]{1,2})(?:-(?P<day>[0-9]{1,2}))?)?"
    r"(?:t(?:(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{1,2})"
    r"(?::(?P<second>[0-9]{1,2})(?:\.[0-9]{1,9})?"
    r"(?:z|[+-](?P<zone_hour>[0-9]{2})(?::(?P<zone_minute>[0-9]{2}))?)?)?)?)?z?)?",
    re.IGNORECASE,
)
_RANGES = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}
_ZONE_RANGES = {"zone_hour": (0, 23), "zone_minute": (0, 59)}
_EPOCH = re.compile(r"[0-9]{1,19}")
_EPOCH_MAXIMUM = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ResourceFault:
    """What is wrong with a resource: the name of AWS's text, what should stand there, and what the text quotes."""

    name: str
    expected: str
    details: Mapping[str, str] = field(default_factory=dict)


def action_fault(action: str, *, only_assume_role: bool) -> tuple[str, str] | None:
    """Return the name of AWS's text for what is wrong with an action, and what should stand there."""
    expected = "service:Name, where Name may hold * and ?"
    if only_assume_role:
        service, _, name = action.lower().partition(":")
        pattern = glob(name)
        if service == "sts" and any(pattern.matches(candidate) for candidate in _ASSUME_ROLE_ACTIONS):
            return None
        return "assume-role-only", "sts:AssumeRole or another of its family"
    if action == "*":
        return None
    service, colon, name = action.partition(":")
    if not colon:
        return "vendor-missing", expected
    if ":" in name:
        return "one-colon", expected
    if service != "*" and not _VENDOR.fullmatch(service):
        return "vendor", expected
    return None if name else ("syntax", expected)


def has_one_colon(key: str) -> bool:
    """Say whether IAM stores a policy with this condition key: further colons stand only in a family of keys."""
    return key.count(":") <= 1 or _KEY_OF_A_FAMILY.fullmatch(key) is not None


def resource_fault(resource: str, *, whole: bool, partitions: Collection[str] = PARTITIONS) -> ResourceFault | None:
    """Return what is wrong with a resource. ``whole`` asks for all six parts, as Organizations does; ``partitions`` are
    those that an ARN may be of."""
    expected = '"*" or an ARN'
    if resource == "*":
        return None
    prefix, *parts = resource.split(":", 5)
    if not parts:
        return ResourceFault("resource", expected)
    if parts[0] not in ("*", "aws*") and parts[0] not in partitions:
        quoted = ":".join(["arn", *parts, *["*"] * (5 - len(parts))])
        return ResourceFault("partition", _partition(partitions), {"partition": parts[0], "got": quoted})
    if prefix != "arn":
        return ResourceFault("resource", expected)
    if len(parts) == 1:
        return ResourceFault("resource-vendor", "an ARN with a service")
    if not parts[1] or (len(parts) < 5 and "::" in resource):
        return ResourceFault("legacy", "arn:partition:service:region:account:resource")
    if len(parts) < 5:
        return ResourceFault("resource", "an ARN of six parts") if whole else None
    return _service_fault(parts)


def _service_fault(parts: list[str]) -> ResourceFault | None:
    _, service, region, account, rest = parts
    if service == "iam":
        if region:
            return ResourceFault("iam-region", "no region: IAM is global")
        kind, slash, _ = rest.partition("/")
        known = rest == "root" or (slash and (kind in _IAM_TYPES or kind in types_of_resources("iam")))
        if not known and not has_wildcard(kind):
            return ResourceFault("iam-path", '"*" or a type of IAM resource, as in role/NAME')
    # A bucket's ARN has neither region nor account; the newer types of S3 have both.
    if service == "s3" and region:
        kind = rest.partition("/")[0]
        newer = account and (kind in _regional_s3_types() or has_wildcard(kind))
        if not newer:
            return ResourceFault("s3-region", "no region in a bucket's or an object's ARN")
    return None


def _partition(partitions: Collection[str]) -> str:
    return f"the partition {min(partitions)}" if len(partitions) == 1 else "an AWS partition: aws, aws-cn, …"


@functools.cache
def _regional_s3_types() -> frozenset[str]:
    """Return the words for the types of S3's resources that are of a region, such as ``accesspoint``."""
    s3_service = service("s3")
    templates = [
        resource_type.template.split(":", 5)
        for resource_type in (s3_service.resource_types() if s3_service is not None else ())
    ]
    return frozenset(parts[5].partition("/")[0] for parts in templates if parts[3])


def is_stored_date(text: str) -> bool:
    """Say whether IAM stores a policy with this value under a Date operator."""
    if "t" not in text.lower() and "-" not in text:
        return _EPOCH.fullmatch(text) is not None and int(text) <= _EPOCH_MAXIMUM
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    ranges = _RANGES | _ZONE_RANGES
    return all(match[name] is None or least <= int(match[name]) <= most for name, (least, most) in ranges.items())
