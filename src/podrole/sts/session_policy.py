"""Policies that a caller passes to limit the session it asks for.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session: one inline document and up
to ten managed policies, together no more than 2,048 characters of plain text.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from podrole.iam.directory import Directory
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError
from podrole.iam.policy import PolicyKind
from podrole.sts.denial import Step, denied
from podrole.sts.tags import SessionTags

MAX_PLAINTEXT = 2_048
PACKED_BUDGET = 2_048
"""100 percent, in bytes. AWS publishes neither its packing nor its budget; see docs/fidelity.md."""


@dataclass(frozen=True, slots=True)
class SessionPolicies:
    """The policies of one session: the inline document's text and the managed ones' ARNs."""

    inline: str | None
    arns: tuple[str, ...]
    documents: tuple[str, ...]


def session_policies(inline: str | None, arns: Sequence[str], account: str, directory: Directory) -> SessionPolicies:
    """Return the policies if they are well-formed and exist. Raises Denied."""
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
            compile_policy(inline, PolicyKind.SESSION)
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
        found = directory.managed_policy(arn)
        if found is None or arn.split(":")[4] not in ("aws", account):
            raise denied(
                Step.SESSION_POLICY,
                "ValidationError",
                f"Policy {arn} does not exist or is not attachable.",
                "A session policy's ARN is not the ARN of a managed policy of the role's account or of AWS.",
                got=repr(arn),
            )
        documents.append(found.document)
    return SessionPolicies(inline, tuple(arns), tuple(documents))


def packed_policy_size(policies: SessionPolicies, tags: SessionTags) -> int | None:
    """Return the packed size of policies and tags in percent of what is allowed; None where none was passed.

    Raises Denied (PackedPolicyTooLarge) over 100.
    """
    if policies.inline is None and not policies.arns and not tags.tags:
        return None
    text = "\0".join([policies.inline or "", *policies.arns, *(f"{key}={value}" for key, value in tags.tags.items())])
    size = -(-len(zlib.compress(text.encode(), 9)) * 100 // PACKED_BUDGET)
    if size > 100:
        raise denied(
            Step.SESSION_POLICY,
            "PackedPolicyTooLarge",
            f"Packed size of session tags consumes {size}% of allotted space.",
            "The session policies and tags are too large together.",
            got=f"{size} %",
            expected="at most 100 %",
        )
    return max(1, size)
