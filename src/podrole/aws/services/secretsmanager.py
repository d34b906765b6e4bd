"""What is special about Secrets Manager: a secret's resource policy, and reading several secrets at once."""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Resolving, ServiceRules, parameter


def _resolve(resolving: Resolving) -> None:
    """Refuse secrets of several accounts: moto would look names up in the account of the first one."""
    names = resolving.given.get("SecretIdList") or ()
    own = resolving.asked.account
    accounts = {str(name).split(":")[4] if str(name).count(":") >= 6 else own for name in names}
    if len(accounts) > 1:
        raise AWSError(
            "NotImplemented", 501, "podrole's local AWS does not simulate BatchGetSecretValue across accounts."
        )


RULES = ServiceRules("secretsmanager", documents={"PutResourcePolicy": parameter("ResourcePolicy")}, resolve=_resolve)
