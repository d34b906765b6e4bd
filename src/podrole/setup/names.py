"""The names that podrole gives: of the roles that it makes, and of their inline policies."""

from __future__ import annotations

import hashlib
import re

from podrole.setup.wanted import MAX_ROLE_NAME, ServiceAccountName

OWN_POLICIES = "podrole-"
"""How the names of the inline policies begin that podrole replaces and deletes."""
ATTACHED_POLICY = OWN_POLICIES + "attached"
"""The inline policy with the document of ``attachPolicy`` and ``permissionPolicy``."""
TARGET_POLICY = OWN_POLICIES + "target-role"
"""The inline policy with which a role goes on to the target roles of its associations."""

_NOT_IN_ROLE_NAMES = re.compile(r"[^A-Za-z0-9_+=,.@-]")
_HASH = re.compile(r"-[0-9a-f]{8}")


def role_name(cluster: str, account: ServiceAccountName) -> str:
    """Return the name of a service account's role: ``CLUSTER-NAMESPACE-NAME``.

    The name ends with eight hexadecimal digits of a hash where it would otherwise be too long, hold a character that
    IAM refuses, or be the name of another service account's role too: ``a-b``, ``c`` and ``a``, ``b-c`` both give
    ``a-b-c``. Upper and lower case count as equal, as IAM counts them.
    """
    plain = f"{cluster}-{account.namespace}-{account.name}"
    name = _NOT_IN_ROLE_NAMES.sub("-", plain)
    ambiguous = "-" in cluster or "-" in account.namespace or _HASH.fullmatch(name[-9:]) is not None
    if name == plain and len(name) <= MAX_ROLE_NAME and name == name.lower() and not ambiguous:
        return name
    digest = hashlib.sha256(f"{cluster}\0{account}".encode()).hexdigest()[:8]
    return f"{name[: MAX_ROLE_NAME - 9]}-{digest}"
