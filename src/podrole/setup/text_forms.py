"""The forms of the texts in a set-up.

Each function returns None for a text that fits, otherwise what was expected, as the end of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from podrole.base.partitions import PARTITIONS, is_region_name
from podrole.iam.arn import ARN, parse_arn
from podrole.iam.errors import InvalidARN
from podrole.kube.names import is_label, is_subdomain, label_value, qualified_name
from podrole.setup.ownership import PREFIX, ROLE_ARN
from podrole.setup.wanted import MAX_ROLE_NAME, ROLE_NAME

Form = Callable[[str], str | None]

RESERVED_TAGS = {
    "aws:": "AWS keeps such tags for itself",
    PREFIX: "podrole writes such tags itself",
    "alpha.eksctl.io/": "such tags say that eksctl made the role",
    "eksctl.cluster.k8s.io/": "such tags say that eksctl made the role",
}
"""How a tag's key may not begin, and why."""

_CLUSTER = re.compile(r"[\w .:/=+@-]{1,100}")
_PATTERN = re.compile(r"[a-z0-9.*?-]{1,253}")
_TAG_TEXT = re.compile(r"[\w .:/=+@-]*")
_ACCOUNT = re.compile(r"[0-9]{12}")
_ACCOUNT_OR_AWS = re.compile(r"[0-9]{12}|aws")


def any_text(_: str) -> str | None:
    """Accept every text."""
    return None


def cluster_name(value: str) -> str | None:
    """Check a cluster's name: off EKS it is only the value of tags."""
    return None if _CLUSTER.fullmatch(value) else "1 to 100 letters, digits, spaces and _.:/=+-@"


def region(value: str) -> str | None:
    """Check the form of a region's name."""
    return None if is_region_name(value) else "the name of a region, as eu-west-1"


def namespace(value: str) -> str | None:
    """Check a namespace's name."""
    return None if is_label(value) else "the name of a namespace: up to 63 of a-z, 0-9 and -, no - at the ends"


def service_account(value: str) -> str | None:
    """Check a service account's name."""
    return None if is_subdomain(value) else "the name of a service account: up to 253 of a-z, 0-9, - and ."


def subject_pattern(value: str) -> str | None:
    """Check a pattern of service accounts' names."""
    return None if _PATTERN.fullmatch(value) else "a service account's name in which * and ? are wildcards"


def label_key(value: str) -> str | None:
    """Check the key of a label or annotation."""
    return "a key as app.kubernetes.io/name" if qualified_name(value) else None


def annotation_key(value: str) -> str | None:
    """Check the key of an annotation. Those that podrole writes are not for others to write."""
    if value == ROLE_ARN or value.startswith(PREFIX):
        return "another annotation: podrole writes this one itself"
    return label_key(value.lower())


def label_text(value: str) -> str | None:
    """Check the value of a label."""
    return "up to 63 letters, digits, -, _ and ." if label_value(value) else None


def tag_key(value: str) -> str | None:
    """Check the key of an AWS tag."""
    for prefix, reason in RESERVED_TAGS.items():
        if value.lower().startswith(prefix):
            return f"a key that does not begin with {prefix} ({reason})"
    fits = 1 <= len(value) <= 128 and _TAG_TEXT.fullmatch(value)
    return None if fits else "1 to 128 letters, digits, spaces and _.:/=+-@"


def tag_value(value: str) -> str | None:
    """Check the value of an AWS tag."""
    fits = len(value) <= 256 and _TAG_TEXT.fullmatch(value)
    return None if fits else "up to 256 letters, digits, spaces and _.:/=+-@"


def role_name(value: str) -> str | None:
    """Check a role's name."""
    return None if ROLE_NAME.fullmatch(value) else f"1 to {MAX_ROLE_NAME} letters, digits and _+=,.@-"


def role_arn(partition: str = "") -> Form:
    """Return the check of a role's ARN, of any partition if ``partition`` is empty."""
    return _iam_arn("role", partition, _ACCOUNT)


def policy_arn(partition: str = "") -> Form:
    """Return the check of a managed policy's ARN, of any partition if ``partition`` is empty."""
    return _iam_arn("policy", partition, _ACCOUNT_OR_AWS)


def _iam_arn(kind: str, partition: str, owners: re.Pattern[str]) -> Form:
    def check(value: str) -> str | None:
        try:
            arn = parse_arn(value)
        except InvalidARN:
            arn = None
        partitions = {partition} if partition else PARTITIONS
        if arn is not None and arn.partition in partitions and _is_of_kind(arn, kind, owners):
            return None
        digits = "" if arn is None or owners.fullmatch(arn.account) else " with an ACCOUNT of 12 digits"
        return f"the ARN of a {kind}{digits}: arn:{partition or 'aws'}:iam::ACCOUNT:{kind}/NAME"

    return check


def _is_of_kind(arn: ARN, kind: str, owners: re.Pattern[str]) -> bool:
    named = arn.resource.startswith(f"{kind}/") and bool(arn.name)
    return arn.service == "iam" and not arn.region and owners.fullmatch(arn.account) is not None and named
