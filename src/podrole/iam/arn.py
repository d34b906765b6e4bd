"""Amazon Resource Names: six parts, divided by the first five colons.

Source: AWS, "IAM ARNs" and "Amazon Resource Names (ARNs)". The last part may hold further colons and slashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from podrole.iam.errors import InvalidARN

_ACCOUNT = re.compile(r"[0-9]{12}")


def is_account_id(text: str) -> bool:
    """Say whether ``text`` is twelve ASCII digits."""
    return _ACCOUNT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ARN:
    """An ARN in its parts. ``str`` gives it back unchanged."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def resource_type(self) -> str:
        """What stands before the first slash or colon of the resource; all of it where there is neither."""
        return self.resource.partition("/")[0].partition(":")[0]

    @property
    def name(self) -> str:
        """What stands behind the last slash of the resource: the name without type and path."""
        return self.resource.rpartition("/")[2]

    @property
    def is_account_root(self) -> bool:
        """Whether this names an account as a whole, as ``arn:aws:iam::111122223333:root`` does."""
        return self._is_iam() and self.resource == "root"

    @property
    def is_role(self) -> bool:
        """Whether this is an IAM role's ARN, with or without a path."""
        return self._is_iam() and self.resource.startswith("role/") and bool(self.name)

    @property
    def is_user(self) -> bool:
        """Whether this is an IAM user's ARN, with or without a path."""
        return self._is_iam() and self.resource.startswith("user/") and bool(self.name)

    @property
    def is_oidc_provider(self) -> bool:
        """Whether this is an IAM OIDC provider's ARN."""
        return self._is_iam() and _has_name(self.resource, "oidc-provider/")

    @property
    def is_saml_provider(self) -> bool:
        """Whether this is an IAM SAML provider's ARN."""
        return self._is_iam() and _has_name(self.resource, "saml-provider/")

    @property
    def is_assumed_role(self) -> bool:
        """Whether this is a role session's ARN: ``arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION``."""
        parts = self.resource.split("/")
        return self._is_sts() and len(parts) == 3 and parts[0] == "assumed-role" and all(parts)

    @property
    def is_federated_user(self) -> bool:
        """Whether this is a GetFederationToken session's ARN: ``arn:aws:sts::ACCOUNT:federated-user/NAME``."""
        return self._is_sts() and self.resource.startswith("federated-user/") and bool(self.name)

    @property
    def session(self) -> tuple[str, str]:
        """The role's name and the session's name of an assumed-role ARN."""
        if not self.is_assumed_role:
            raise InvalidARN(
                "This ARN is not the ARN of a role session.",
                got=repr(str(self)),
                expected="arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION",
            )
        _, role, session = self.resource.split("/")
        return role, session

    @property
    def issuer(self) -> str:
        """The issuer without its scheme, of an OIDC provider's ARN: the prefix of its condition keys."""
        if not self.is_oidc_provider:
            raise InvalidARN(
                "This ARN is not the ARN of an OIDC provider.",
                got=repr(str(self)),
                expected="arn:…:iam::ACCOUNT:oidc-provider/HOST[/PATH]",
            )
        return self.resource.removeprefix("oidc-provider/")

    def _is_iam(self) -> bool:
        return self.service == "iam" and not self.region and is_account_id(self.account)

    def _is_sts(self) -> bool:
        return self.service == "sts" and not self.region and is_account_id(self.account)


def _has_name(resource: str, prefix: str) -> bool:
    return resource.startswith(prefix) and resource != prefix


def parse_arn(text: str) -> ARN:
    """Take an ARN apart.

    Guarantees the prefix, six parts, and that partition, service and resource are not empty. Does not check that the
    partition, the service or the resource exists, nor the form of account and region. Raises :class:`InvalidARN`.
    """
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        raise InvalidARN(
            "This is not an ARN.",
            got=repr(text),
            expected="arn:partition:service:region:account:resource, six parts divided by colons",
        )
    return ARN(*parts[1:])


def oidc_provider_arn(account: str, issuer: str, *, partition: str = "aws") -> str:
    """Write the ARN of an account's provider for ``issuer``, which may carry its ``https://``."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}"


def assumed_role_arn(role_arn: str, session_name: str) -> str:
    """Write the ARN of a session of a role. It drops the role's path, as AWS does."""
    role = parse_arn(role_arn)
    if not role.is_role:
        raise InvalidARN(
            "This ARN is not the ARN of an IAM role.",
            got=repr(role_arn),
            expected="arn:…:iam::ACCOUNT:role/[PATH/]NAME",
        )
    return f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/{session_name}"
