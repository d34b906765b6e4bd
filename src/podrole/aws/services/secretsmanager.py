"""What is special about Secrets Manager: a secret's resource policy, and reading several secrets at once."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.errors import AWSError
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.encryption import key_uses
from podrole.aws.services.rules import Authorizing, Resolving, ServiceRules, parameter
from podrole.base.partitions import partition_of
from podrole.iam.actions.call import Call, Permission


def _resolve(resolving: Resolving) -> None:
    """Refuse secrets of several accounts: moto would look names up in the account of the first one."""
    names = resolving.given.get("SecretIdList") or ()
    own = resolving.asked.account
    accounts = {str(name).split(":")[4] if str(name).count(":") >= 6 else own for name in names}
    if len(accounts) > 1:
        raise AWSError(
            "NotImplemented", 501, "podrole's local AWS does not simulate BatchGetSecretValue across accounts."
        )


_READS = frozenset({"BatchGetSecretValue", "GetSecretValue"})
_WRITES = frozenset({"CreateSecret", "PutSecretValue", "UpdateSecret"})


def _encryption(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what Secrets Manager needs of KMS for secrets under a key of the customer's."""
    call, account, facts, _ = authorizing
    if call.operation not in _READS | _WRITES:
        return
    call_input = parameters(call)
    asked = Call("secretsmanager", "secretsmanager", "", {}, account, call.region, partition_of(call.region))
    for name in call_input.get("SecretIdList") or [call_input.get("SecretId", "")]:
        arn = facts.arn_of(asked, "secretsmanager:secret", str(name)) or ""
        key = str(call_input.get("KmsKeyId") or "") or facts.encryption(arn).key
        context = {"SecretARN": arn, "SecretVersionId": ""}
        actions = ("kms:Decrypt",) if call.operation in _READS else ("kms:GenerateDataKey", "kms:Decrypt")
        yield from key_uses(authorizing, key, context, *actions)


RULES = ServiceRules(
    "secretsmanager",
    documents={"PutResourcePolicy": parameter("ResourcePolicy")},
    resolve=_resolve,
    also_needs=_encryption,
)
