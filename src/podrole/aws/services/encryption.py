"""What a service needs of KMS to read or write something under a key of the customer's, with the caller's permissions.

AWS's own keys (``aws/s3``) need nothing: their key policies let the account use them through the service. AWS keeps a
data key for some minutes for each caller and asks KMS only then (SQS, SNS, DynamoDB); here every call is asked.

https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.services.rules import Authorizing
from podrole.base.partitions import domain_of, partition_of
from podrole.iam.actions.call import Call, Permission, Values

_OWN_KEYS = "alias/aws/"
_READ = ("kms:Decrypt",)
_SEND = ("kms:GenerateDataKey", "kms:Decrypt")  # Decrypt verifies the new data key

USES: Mapping[str, tuple[str, ...]] = {
    # "When you access an encrypted DynamoDB table, DynamoDB needs to decrypt the table key": as the caller, for reads
    # and writes. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    **{
        f"dynamodb:{name}": _READ
        for name in (
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PartiQLDelete",
            "PartiQLInsert",
            "PartiQLSelect",
            "PartiQLUpdate",
            "PutItem",
            "Query",
            "Scan",
            "UpdateItem",
        )
    },
    # https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
    "kinesis:GetRecords": _READ,
    "kinesis:PutRecord": ("kms:GenerateDataKey",),
    "kinesis:PutRecords": ("kms:GenerateDataKey",),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    "sns:Publish": _SEND,
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    "sqs:ReceiveMessage": _READ,
    "sqs:SendMessage": _SEND,
}
"""What a service does with the key of a resource for the caller, by the action on the resource."""

_CONTEXTS: Mapping[str, Callable[[str], Mapping[str, str]]] = {
    "dynamodb": lambda arn: table_context(arn.split(":", 5)[5].split("/")[1], arn.split(":")[4]),
    "kinesis": lambda arn: {"aws:kinesis:arn": arn},
    # The contexts of SNS and SQS are not in AWS's guides. They are in published policies.
    "sns": lambda arn: {"aws:sns:topicArn": arn},
    "sqs": lambda arn: {"aws:sqs:arn": arn},
}
"""The encryption context of a resource, by service."""


def table_context(table: str, account: str) -> Mapping[str, str]:
    """Return DynamoDB's encryption context."""
    return {"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": account}


def uses_of_resources(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what the service needs of KMS for the resources that the call's permissions are on."""
    for needed in authorizing.needed:
        actions = USES.get(needed.action)
        key = authorizing.facts.encryption(needed.resource).key if actions else ""
        if actions and key:
            context = _CONTEXTS[needed.action.partition(":")[0]](needed.resource)
            yield from key_uses(authorizing, key, context, *actions)


def key_uses(authorizing: Authorizing, key: str, context: Mapping[str, str], *actions: str) -> Iterator[Permission]:
    """Yield the KMS actions on a key, as its id, alias or ARN, that the service uses for the caller.

    ``context`` is the encryption context; a value that is empty is not known yet.
    """
    if not key or key.rpartition(":")[2].startswith(_OWN_KEYS):
        return
    call, account, facts, _ = authorizing
    asked = acting(call, account)
    arn = facts.arn_of(asked, "kms:key", key)
    aliases = facts.facts_of(asked, "kms:key", arn).get("kms:ResourceAliases", ()) if arn is not None else ()
    if any(alias.startswith(_OWN_KEYS) for alias in aliases):
        return
    caller = (call.principal or "").split(":")
    keys: dict[str, Values] = {
        "kms:ViaService": f"{call.service.signing}.{call.region}.{domain_of(call.region)}",
        "kms:EncryptionContextKeys": list(context),
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        **({"kms:CallerAccount": caller[4]} if len(caller) > 4 else {}),
        **{f"kms:EncryptionContext:{name}": value for name, value in context.items() if value},
    }
    unknown = tuple(f"kms:EncryptionContext:{name}" for name, value in context.items() if not value)
    for action in actions:
        of_action = {**keys, **(_OF_GRANTS if action == "kms:CreateGrant" else {})}
        yield Permission(action, arn or asked.arn("kms", "key/*"), partial=arn is None, keys=of_action, unknown=unknown)


# https://docs.aws.amazon.com/kms/latest/developerguide/ct-ec2two.html has the constraint of a service's grant.
_OF_GRANTS: Mapping[str, Values] = {
    "kms:GrantConstraintType": "EncryptionContextSubset",
    "kms:GrantIsForAWSResource": "true",
}


def acting(call: IdentifiedCall, account: str) -> Call:
    """Return a call of KMS in the place in which a service acts, to ask for what is there."""
    return Call("kms", "kms", "", {}, account, call.region, partition_of(call.region))
