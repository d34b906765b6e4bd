"""Role ARNs as people write them into annotations: completing a role's name, and finding ARNs that cannot be right.

Whether the role exists and trusts the pod is not checked: IAM decides that.
Format: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
"""

from __future__ import annotations

import re

from podrole.base.partitions import PARTITIONS

MAX_LENGTH = 2_048
"""Characters. STS refuses a longer ARN. https://docs.aws.amazon.com/STS/latest/APIReference/"""

_RESOURCE = re.compile(r"role/(?:[!-.0-~]+/|/)*[\w+=,.@-]{1,64}", re.ASCII)
_RELAXED_RESOURCE = re.compile(r"role/[!-~]+", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_RELAXED_ACCOUNT = re.compile(r"[A-Za-z0-9-]*", re.ASCII)


def compose(value: str, *, account_id: str, partition: str) -> str:
    """Return the ARN of a role that is named with or without its path. A value that contains ``arn:`` is returned as it
    is."""
    return value if "arn:" in value else f"arn:{partition}:iam::{account_id}:role/{value}"


def problem_with(arn: str, *, relaxed: bool = False, partition: str | None = None) -> str | None:
    """Return why ``arn`` cannot be the ARN of an IAM role, as the predicate of a sentence; None if it can.

    ``relaxed`` is for other clouds with AWS's API: any partition, and an account id that is empty or has another format
    (Ceph, MinIO). ``partition`` is the partition of the pods: they cannot assume a role of another one.
    """
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return "is not an ARN (expected arn:aws:iam::<account>:role/<name>)"
    _, of_partition, service, region, account, resource = parts
    if service != "iam" or not resource.startswith("role/"):
        return "is not the ARN of an IAM role (expected arn:aws:iam::<account>:role/<name>)"
    if region:
        return f"names a region ({region}), but the ARN of a role has none"
    if relaxed:
        if _RELAXED_ACCOUNT.fullmatch(account) and _RELAXED_RESOURCE.fullmatch(resource):
            return None
        return "has characters that the ARN of a role cannot have"
    if of_partition not in PARTITIONS:
        return f"is of partition {of_partition!r}, which does not exist"
    if _ACCOUNT.fullmatch(account) is None:
        return "has no account id of twelve digits"
    if _RESOURCE.fullmatch(resource) is None:
        return "has a role name that IAM does not allow"
    if partition is not None and of_partition != partition:
        return f"is of partition {of_partition}, but pods here run in partition {partition}"
    return None
