"""The role that a request names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from podrole.sts.denial import Step, denied

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROLE = re.compile(r"role/(.+/)?[^/]+")


@dataclass(frozen=True, slots=True)
class RoleName:
    """A well-formed role ARN, taken apart. Whether the role exists is another question."""

    arn: str
    partition: str
    account: str


def parse_role_arn(text: str) -> RoleName:
    """Return the role's ARN. Raises Denied (ValidationError), as STS words it for AssumeRole."""
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[1] or not parts[2] or not parts[5]:
        raise denied(
            Step.PARAMETERS,
            "ValidationError",
            f"{text} is invalid",
            "The role's ARN is not an ARN.",
            expected="arn:aws:iam::…",
        )
    _, partition, service, region, account, resource = parts
    if service != "iam" or region or not _ACCOUNT.fullmatch(account) or not _ROLE.fullmatch(resource):
        raise denied(
            Step.PARAMETERS,
            "ValidationError",
            "Request ARN is invalid",
            "The ARN is not the ARN of a role.",
            got=repr(text),
            expected="arn:<partition>:iam::<account>:role/<path and name>",
        )
    return RoleName(text, partition, account)
