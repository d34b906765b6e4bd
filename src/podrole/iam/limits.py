"""How large a policy may be. White space does not count in IAM.

Source: AWS, "IAM and AWS STS quotas" and "Quotas and service limits for AWS Organizations". An account can have some of
them raised; these are the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from podrole.iam.errors import Fault, MalformedPolicyDocument, PolicyNotPrintable, PolicyTooLarge
from podrole.iam.jsontext import line_and_column, locate
from podrole.iam.policy import CURRENT_VERSION, Policy, PolicyKind

API_MAXIMUM = 131_072
"""What the API model lets a document parameter hold."""

MAXIMUM = 262_144
"""What is read at all: policies of AWS itself are larger than the API's maximum, up to 152,297 characters so far."""

UNREAD = 16_384
"""A document with a quota that has more characters than this without white space is refused unread: it is over each of
the quotas below, and reading it would take long."""

_MANAGED = 6_144
_TRUST = 2_048
_SESSION = 2_048
_CONTROL = {PolicyKind.SCP: 10_240, PolicyKind.RCP: 5_120}

_BLANK = re.compile(r"[ \t\r\n]+")
_UNPRINTABLE = re.compile(r"[^\t\n\r\u0020-\u00ff]")
_OF_IAM = frozenset({PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION, PolicyKind.TRUST})


class Owner(StrEnum):
    """Whom inline policies belong to."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"


_INLINE = {Owner.USER: 2_048, Owner.GROUP: 5_120, Owner.ROLE: 10_240}


def size(text: str) -> int:
    """Return the characters of a document that count against a quota."""
    return len(_BLANK.sub("", text))


def check_text(text: str, kind: PolicyKind) -> None:
    """Refuse what the API refuses before it reads the document: its length and its characters."""
    parameter = "policy" if kind is PolicyKind.SESSION else "policyDocument"
    most = _SESSION if kind is PolicyKind.SESSION else MAXIMUM
    if not text or len(text) > most:
        bound = "greater than or equal to 1" if not text else f"less than or equal to {min(most, API_MAXIMUM)}"
        raise PolicyTooLarge(
            f"1 validation error detected: Value at '{parameter}' failed to satisfy constraint: "
            f"Member must have length {bound}",
            aws_code="ValidationError",
            got=f"{len(text)} characters",
        )
    strange = _UNPRINTABLE.search(text) if kind in _OF_IAM else None
    if strange is not None:
        raise PolicyNotPrintable(
            f"The specified value for {parameter} is invalid. It must contain only printable ASCII characters.",
            aws_code="ValidationError",
            got=f"U+{ord(strange.group()):04X} at character {strange.start() + 1}",
            expected="tab, line feed, carriage return and U+0020 to U+00FF",
        )


def check_trust(text: str) -> None:
    """Refuse a trust policy that is too large."""
    if size(text) > _TRUST:
        raise _over("ACLSizePerRole", _TRUST, size(text))


def check_control(text: str, kind: PolicyKind) -> None:
    """Refuse an SCP or RCP that is too large. White space counts: Organizations keeps a document as it was sent."""
    most = _CONTROL[kind]
    if len(text) > most:
        raise PolicyTooLarge(
            "You have exceeded the maximum policy size.",
            aws_code="ConstraintViolationException",
            got=f"{len(text)} characters",
            expected=f"at most {most}",
        )


def check_version(policy: Policy) -> None:
    """Refuse an old version, as CreatePolicy and CreatePolicyVersion do."""
    if policy.version != CURRENT_VERSION:
        message = "Policy document must be version 2012-10-17 or greater."
        line, column = line_and_column(policy.text, locate(policy.text, ("Version",)))
        got, expected = f"version {policy.version}", f'"Version": "{CURRENT_VERSION}"'
        raise MalformedPolicyDocument([Fault("version-old", message, "$.Version", line, column, got, expected)])


def check_managed_size(text: str) -> None:
    """Refuse a managed policy that is too large."""
    if size(text) > _MANAGED:
        raise _over("PolicySize", _MANAGED, size(text))


def check_inline(texts: Iterable[str], owner: Owner, name: str) -> None:
    """Refuse inline policies that together are too large for their owner, as Put…Policy does."""
    total = sum(map(size, texts))
    most = _INLINE[owner]
    if total > most:
        raise PolicyTooLarge(
            f"Maximum policy size of {most} bytes exceeded for {owner} {name}",
            aws_code="LimitExceeded",
            status=409,
            got=f"{total} characters without white space",
            next_step="Move statements into a managed policy.",
        )


def _over(quota: str, most: int, length: int) -> PolicyTooLarge:
    return PolicyTooLarge(
        f"Cannot exceed quota for {quota}: {most}",
        aws_code="LimitExceeded",
        status=409,
        got=f"{length} characters without white space",
        expected=f"at most {most}",
    )
