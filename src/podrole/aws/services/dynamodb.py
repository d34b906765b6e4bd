"""What is special about DynamoDB: a table's resource policy, which also covers its indexes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html
"""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.encryption import key_uses, table_context, uses_of_resources
from podrole.aws.services.rules import Authorizing, Document, ServiceRules, Storing, error, parameter, unjudged
from podrole.iam.actions.call import Permission
from podrole.iam.errors import PolicyError


def _table_policy(storing: Storing) -> Document | None:
    arn = str(storing.given.get("ResourceArn"))
    if "/stream/" in arn:
        raise unjudged(storing.call, "the policy of a stream")
    document = parameter("Policy")(storing)
    return None if document is None else document._replace(resource=arn)


def _fault(fault: PolicyError) -> AWSError:
    return error("ValidationException", f"Invalid policy document: {fault.message}", fault)


def _before(call: IdentifiedCall, _: Facts) -> None:
    """Give an update that changes nothing an empty list of changes: it makes the item, and moto alone fails without."""
    call_input = parameters(call)
    if call.operation == "UpdateItem" and "UpdateExpression" not in call_input:
        call_input.setdefault("AttributeUpdates", {})


_SELECTING = frozenset({"CreateTable", "UpdateTable"})
_MINIMUM = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
    "kms:CreateGrant",
)
"""The permissions that the principal who selects a key for a table must have "at a minimum".
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-customer-cmk-policy"""


def _encryption(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what DynamoDB needs of KMS for a table under a key of the customer's, or to put it under one."""
    yield from uses_of_resources(authorizing)
    if authorizing.call.operation in _SELECTING:
        call_input = parameters(authorizing.call)
        wanted = call_input.get("SSESpecification") or {}
        key = str(wanted.get("KMSMasterKeyId") or "") if wanted.get("Enabled") else ""
        table = str(call_input.get("TableName", "")).rpartition("/")[2]
        yield from key_uses(authorizing, key, table_context(table, authorizing.account), *_MINIMUM)


RULES = ServiceRules(
    "dynamodb",
    documents={"PutResourcePolicy": _table_policy},
    fault=_fault,
    before=_before,
    also_needs=_encryption,
    not_judged={"CreateTable": ("ResourcePolicy",)},
)
