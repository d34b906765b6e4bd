"""What is special about CloudWatch Logs: the resource policies of an account and region hold for all its log groups.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.service_requests import Sender, assumed_role, is_allowed, is_allowed_to_role
from podrole.aws.services.encryption import key_uses
from podrole.aws.services.rules import (
    Authorizing,
    Delivering,
    Document,
    ServiceRules,
    Storing,
    error,
    parameter,
    unjudged,
)
from podrole.base.partitions import partition_of
from podrole.iam.actions.call import Permission
from podrole.iam.errors import PolicyError
from podrole.iam.policy import CURRENT_VERSION, Policy


def _account_policy(storing: Storing) -> Document | None:
    if storing.given.get("resourceArn"):
        raise unjudged(storing.call, "the policy of a single resource")
    document = parameter("policyDocument")(storing)
    region = storing.call.region
    every_group = f"arn:{partition_of(region)}:logs:{region}:{storing.account}:log-group:*"
    return None if document is None else document._replace(resource=every_group)


def _check(storing: Storing, policy: Policy) -> None:
    """Refuse an old version: all resource policies are read as one, and one document has one version."""
    if policy.version != CURRENT_VERSION:
        raise unjudged(storing.call, f"a policy of version {policy.version}; write {CURRENT_VERSION}")


def _fault(fault: PolicyError) -> AWSError:
    return error("InvalidParameterException", f"Invalid policy document: {fault.message}", fault)


def _require_destinations(delivering: Delivering) -> None:
    """Refuse a subscription of a function, or an export to a bucket, that does not allow CloudWatch Logs, and a role
    that may not deliver to its stream.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasks.html
    """
    call, account, facts, _ = delivering
    call_input, partition = parameters(call), partition_of(call.region)
    logs = f"arn:{partition}:logs:{call.region}:{account}"
    group = f"{logs}:log-group:{call_input.get('logGroupName')}:*"
    senders = _senders(call, group, account)

    def may(action: str, arn: str, more: Mapping[str, str] = MappingProxyType({})) -> bool:
        return any(is_allowed(facts, sender, action, arn, more) for sender in senders)

    destination = str(call_input.get("destinationArn", ""))
    if call.operation == "PutSubscriptionFilter" and ":lambda:" in destination:
        if call_input.get("roleArn"):
            raise _invalid("destinationArn for vendor lambda cannot be used with roleArn")
        if facts.resource(destination).exists and not may("lambda:InvokeFunction", destination):
            raise _invalid(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
                "your function."
            )
    elif call.operation == "PutSubscriptionFilter":
        _require_role(delivering, senders, destination)
    elif call.operation == "PutDestination":
        source = f"{logs}:destination:{call_input.get('destinationName')}"
        _require_role(delivering, _senders(call, source, account), str(call_input.get("targetArn", "")))
    elif call.operation == "CreateExportTask":
        bucket = facts.bucket(str(call_input.get("destination", "")))
        key = f"{call_input.get('destinationPrefix') or 'exportedlogs'}/aws-logs-write-test"
        for action, arn in (("GetBucketAcl", bucket.arn), ("PutObject", f"{bucket.arn}/{key}")) if bucket else ():
            if not may(f"s3:{action}", arn, _FULL_CONTROL):
                raise AWSError(
                    "AccessDeniedException",
                    400,
                    f"{action} call on the given bucket failed. Please check if CloudWatch Logs has been granted "
                    "permission to perform this operation.",
                )


def _senders(call: IdentifiedCall, source: str, account: str) -> tuple[Sender, Sender]:
    """Return CloudWatch Logs as both principals that policies name."""
    names = ("logs.amazonaws.com", f"logs.{call.region}.amazonaws.com")
    first, second = (Sender(name, source, account) for name in names)
    return first, second


_STREAMS = {"firehose": "Firehose", "kinesis": "Kinesis"}
"""The services whose streams CloudWatch Logs writes to with a role, by PutRecord; what its errors call them."""


def _require_role(delivering: Delivering, senders: tuple[Sender, ...], stream: str) -> None:
    """Refuse a role that CloudWatch Logs may not assume, or that may not write to the stream: it sends a test message.
    The test of a stream with a KMS key does not ask for the key."""
    call, _, facts, directory = delivering
    service = stream.removeprefix("arn:").partition(":")[2].partition(":")[0]
    if service not in _STREAMS:
        return
    arn = str(parameters(call).get("roleArn") or "")
    if not arn:
        raise _invalid(f"destinationArn for vendor {service} cannot be used without roleArn")
    role = next((role for sender in senders if (role := assumed_role(facts, directory, sender, arn))), None)
    if role is None:
        raise AWSError(
            "ValidationException",
            400,
            "Make sure you have given CloudWatch Logs permission to assume the provided role",
            why=f"{arn} does not exist, or its trust policy does not let {senders[0].principal} assume it.",
        )
    if not is_allowed_to_role(facts, directory, role, f"{service}:PutRecord", stream):
        name = _STREAMS[service]
        raise _invalid(
            f"Could not deliver test message to specified {name} stream. Check if the given {name} stream is in ACTIVE "
            "state.",
            f"{arn} is not allowed {service}:PutRecord on {stream}.",
        )


def _invalid(message: str, why: str | None = None) -> AWSError:
    return AWSError("InvalidParameterException", 400, message, why=why)


def _encryption(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what CloudWatch Logs needs of KMS to associate a key with a log group. What it needs to read and write the
    group's events is not documented call by call.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html#cmk-permissions-association
    """
    if authorizing.call.operation in ("AssociateKmsKey", "CreateLogGroup"):
        key = str(parameters(authorizing.call).get("kmsKeyId") or "")
        yield from key_uses(authorizing, key, {}, "kms:DescribeKey")


_FULL_CONTROL = {"s3:x-amz-acl": "bucket-owner-full-control"}

RULES = ServiceRules(
    "logs",
    also_needs=_encryption,
    require_destinations=_require_destinations,
    documents={"PutResourcePolicy": _account_policy},
    check=_check,
    fault=_fault,
    not_judged={"PutDeliveryDestinationPolicy": (), "PutDestinationPolicy": ()},
)
