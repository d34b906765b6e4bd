"""Policies that a caller passes to limit the session it asks for.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session: one inline document and up
to ten managed policies, together no more than 2,048 characters of plain text.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from podrole.iam.directory import Directory
from podrole.iam.errors import PolicyError
from podrole.iam.storing import StoredAs, check_storable
from podrole.sts.denial import Step, denied
from podrole.sts.tags import SessionTags

MAX_PLAINTEXT = 2_048

# How AWS packs is not published. This model is derived from what people measured: nine tags T1 to T9 with 250
# characters each are 498 % (aws-actions/configure-aws-credentials#1898); the six tags of EKS Pod Identity 74 %, other
# tags 37 %, both together 112 % (aws/containers-roadmap#2413); session policies with 31 actions 118 %, with 42 actions
# in 1,690 characters 157 %. So tags are not compressed, and what is packed adds up.
PACKED_BUDGET = 484
"""100 percent, in bytes."""
_BYTES_OF_A_TAG = 16
"""What a tag takes beside its key and value."""
_BYTES_OF_AN_ARN = 21
"""What the ARN of a managed policy takes: the length of the policy's unique id. Nobody measured it."""
_COMPRESSED = 1.1
"""How much larger an inline policy is than zlib makes it."""


@dataclass(frozen=True, slots=True)
class SessionPolicies:
    """The policies of one session: the inline document's text and the managed ones' ARNs."""

    inline: str | None
    arns: tuple[str, ...]
    documents: tuple[str, ...]


def session_policies(inline: str | None, arns: Sequence[str], owner: str, directory: Directory) -> SessionPolicies:
    """Return the policies if they are well-formed and exist. ``owner`` is the ARN of the session's role or user. Raises
    Denied."""
    _, partition, _, _, account, _ = owner.split(":", 5)
    if len(inline or "") + sum(map(len, arns)) > MAX_PLAINTEXT:
        raise denied(
            Step.SESSION_POLICY,
            "PackedPolicyTooLarge",
            "Serialized token too large for session",
            "The session policies are too long.",
            expected=f"at most {MAX_PLAINTEXT} characters of policy and ARNs together",
        )
    if inline is not None:
        try:
            check_storable(inline, StoredAs.SESSION, partition)
        except PolicyError as fault:
            raise denied(
                Step.SESSION_POLICY,
                fault.aws_code,
                fault.message,
                "AWS does not accept the session policy.",
                status=fault.status,
                got=fault.got,
                expected=fault.expected,
            ) from fault
    documents: list[str] = []
    for arn in arns:
        policy = directory.managed_policy(arn)
        if policy is None or arn.split(":")[4] not in ("aws", account):
            raise denied(
                Step.SESSION_POLICY,
                "ValidationError",
                f"Policy {arn} does not exist or is not attachable.",
                "A session policy's ARN is not the ARN of a managed policy of the role's account or of AWS.",
                got=repr(arn),
            )
        documents.append(policy.document)
    return SessionPolicies(inline, tuple(arns), tuple(documents))


def packed_policy_size(policies: SessionPolicies, tags: SessionTags) -> int | None:
    """Return the packed size of policies and tags in percent of what is allowed; None where none was passed.

    Raises Denied (PackedPolicyTooLarge) over 100.
    """
    if policies.inline is None and not policies.arns and not tags.tags:
        return None
    of_tags = sum(len(key.encode()) + len(value.encode()) + _BYTES_OF_A_TAG for key, value in tags.tags.items())
    of_policies = len(policies.arns) * _BYTES_OF_AN_ARN
    if policies.inline is not None:
        of_policies += math.ceil(len(zlib.compress(policies.inline.encode(), 9)) * _COMPRESSED)
    size = math.ceil((of_tags + of_policies) * 100 / PACKED_BUDGET)
    if size > 100:
        what = "Packed size of session tags consumes" if tags.tags else "Packed policy consumes"
        raise denied(
            Step.SESSION_POLICY,
            "PackedPolicyTooLarge",
            f"{what} {size}% of allotted space.",
            "The session policies and tags are too large together.",
            got=f"{size} %",
            expected="at most 100 %, by podrole's estimate of AWS's packing",
        )
    return max(1, size)
