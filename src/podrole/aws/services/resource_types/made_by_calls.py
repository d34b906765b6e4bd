"""The types that moto's stacks do not make, or make without their checks: calls of their services make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.aws.services.resource_types.making import Calls, Making, ServiceCall, listed, present, text_of
from podrole.base.partitions import partition_of


@dataclass(frozen=True, slots=True)
class MadeByCalls:
    """A type that moto's stacks do not make: calls of its service do.

    ``remove`` yields one call for each of ``put``, which takes its effect back. ``holds_policy`` returns the ARN of
    what must not have a policy yet. ``name_property`` names the resource. A change of a ``renamed`` resource makes
    another one, with a new name.
    """

    put: Calls
    remove: Calls
    holds_policy: Callable[[Making], str] | None = None
    name_property: str = ""
    renamed: bool = False


def _put_bucket_policy(making: Making) -> Iterator[ServiceCall]:
    call_input = {"Bucket": making.properties["Bucket"], "Policy": text_of(making.properties["PolicyDocument"])}
    yield ServiceCall("s3", "PutBucketPolicy", call_input)


def _delete_bucket_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("s3", "DeleteBucketPolicy", {"Bucket": making.properties["Bucket"]})


def _topics(making: Making) -> list[str]:
    return [str(arn) for arn in listed(making.properties.get("Topics", making.properties.get("TopicArn")))]


def _set_topic_policy(arn: str, document: Any) -> ServiceCall:
    call_input = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": text_of(document)}
    return ServiceCall("sns", "SetTopicAttributes", call_input)


def _put_topic_policies(making: Making) -> Iterator[ServiceCall]:
    for arn in _topics(making):
        yield _set_topic_policy(arn, making.properties["PolicyDocument"])


def _default_topic_policies(making: Making) -> Iterator[ServiceCall]:
    """Yield what gives each topic the policy that a new topic has."""
    for arn in _topics(making):
        actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic")
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [f"SNS:{name}" for name in (*actions, "Subscribe", "ListSubscriptionsByTopic", "Publish")],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
        }
        document = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
        yield _set_topic_policy(arn, document)


def _queue_policies(making: Making, document: str) -> Iterator[ServiceCall]:
    for url in listed(making.properties.get("Queues")):
        yield ServiceCall("sqs", "SetQueueAttributes", {"QueueUrl": str(url), "Attributes": {"Policy": document}})


def _put_secret_policy(making: Making) -> Iterator[ServiceCall]:
    call_input = {
        "SecretId": making.properties["SecretId"],
        "ResourcePolicy": text_of(making.properties["ResourcePolicy"]),
        "BlockPublicPolicy": str(making.properties.get("BlockPublicPolicy")).lower() == "true",
    }
    yield ServiceCall("secretsmanager", "PutResourcePolicy", call_input)


def _delete_secret_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("secretsmanager", "DeleteResourcePolicy", {"SecretId": making.properties["SecretId"]})


def _put_stream_policy(making: Making) -> Iterator[ServiceCall]:
    call_input = {
        "ResourceARN": making.properties["ResourceArn"],
        "Policy": text_of(making.properties["ResourcePolicy"]),
    }
    yield ServiceCall("kinesis", "PutResourcePolicy", call_input)


def _delete_stream_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("kinesis", "DeleteResourcePolicy", {"ResourceARN": making.properties["ResourceArn"]})


_OF_PERMISSIONS = (
    "Action",
    "EventSourceToken",
    "FunctionName",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "Principal",
    "PrincipalOrgID",
    "SourceAccount",
    "SourceArn",
)


def _add_permission(making: Making) -> Iterator[ServiceCall]:
    call_input = present(**{name: making.properties.get(name) for name in _OF_PERMISSIONS})
    yield ServiceCall("lambda", "AddPermission", {**call_input, "StatementId": making.name})


def _remove_permission(making: Making) -> Iterator[ServiceCall]:
    call_input = {"FunctionName": making.properties["FunctionName"], "StatementId": making.name}
    yield ServiceCall("lambda", "RemovePermission", call_input)


def _put_account_policy(making: Making) -> Iterator[ServiceCall]:
    call_input = {"policyName": making.name, "policyDocument": text_of(making.properties["PolicyDocument"])}
    yield ServiceCall("logs", "PutResourcePolicy", call_input)


def _delete_account_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("logs", "DeleteResourcePolicy", {"policyName": making.name})


def _put_subscription_filter(making: Making) -> Iterator[ServiceCall]:
    wanted = making.properties
    call_input = present(
        logGroupName=wanted["LogGroupName"],
        filterName=making.name,
        filterPattern=wanted.get("FilterPattern", ""),
        destinationArn=wanted["DestinationArn"],
        roleArn=wanted.get("RoleArn"),
    )
    yield ServiceCall("logs", "PutSubscriptionFilter", call_input)


def _delete_subscription_filter(making: Making) -> Iterator[ServiceCall]:
    call_input = {"logGroupName": making.properties["LogGroupName"], "filterName": making.name}
    yield ServiceCall("logs", "DeleteSubscriptionFilter", call_input)


MADE_BY_CALLS: Mapping[str, MadeByCalls] = {
    "AWS::Kinesis::ResourcePolicy": MadeByCalls(_put_stream_policy, _delete_stream_policy),
    "AWS::Lambda::Permission": MadeByCalls(_add_permission, _remove_permission, renamed=True),
    "AWS::Logs::ResourcePolicy": MadeByCalls(_put_account_policy, _delete_account_policy, name_property="PolicyName"),
    "AWS::Logs::SubscriptionFilter": MadeByCalls(
        _put_subscription_filter, _delete_subscription_filter, name_property="FilterName"
    ),
    "AWS::S3::BucketPolicy": MadeByCalls(
        _put_bucket_policy,
        _delete_bucket_policy,
        holds_policy=lambda it: f"arn:{partition_of(it.region)}:s3:::{it.properties['Bucket']}",
    ),
    "AWS::SNS::TopicInlinePolicy": MadeByCalls(_put_topic_policies, _default_topic_policies),
    "AWS::SNS::TopicPolicy": MadeByCalls(_put_topic_policies, _default_topic_policies),
    "AWS::SQS::QueuePolicy": MadeByCalls(
        lambda it: _queue_policies(it, text_of(it.properties["PolicyDocument"])), lambda it: _queue_policies(it, "")
    ),
    "AWS::SecretsManager::ResourcePolicy": MadeByCalls(_put_secret_policy, _delete_secret_policy),
}
"""The types with a resource policy or a destination that the service's own operation checks."""
