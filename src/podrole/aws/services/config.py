"""What is special about Config: the bucket and the topic of a delivery channel must let it deliver.

Config delivers as the recorder's role, which must trust it. If the role may not, Config tries again as its service
principal, for a topic and for a bucket of another account. A service-linked role may write to no bucket: with one,
Config delivers as its service principal, which the policies of bucket and topic must allow.
https://docs.aws.amazon.com/config/latest/developerguide/iamrole-permissions.html
https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html
https://docs.aws.amazon.com/config/latest/developerguide/sns-topic-policy.html
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.protocol.parameters import parameters
from podrole.aws.service_requests import Sender, assumed_role, is_allowed, is_allowed_to_role
from podrole.aws.services.rules import Delivering, ServiceRules
from podrole.base.partitions import partition_of
from podrole.iam.actions.call import Call

_FULL_CONTROL = {"s3:x-amz-acl": "bucket-owner-full-control"}


def _require_destinations(delivering: Delivering) -> None:
    call, account, facts, directory = delivering
    call_input, partition = parameters(call), partition_of(call.region)
    channel = call_input.get("DeliveryChannel")
    if channel is None:
        return
    asked = Call("config", "config", call.operation, call_input, account, call.region, partition)
    arn_of_role = facts.arn_of(asked, "config:recorder-role", "")
    if arn_of_role is None:
        return  # without a recorder, Config refuses the channel
    name, topic = str(channel.get("s3BucketName")), str(channel.get("snsTopicARN") or "")
    bucket = facts.bucket(name)
    if bucket is None:
        raise AWSError("NoSuchBucketException", 400, f"Cannot find a S3 bucket with the name '{name}'.")
    if topic and not facts.resource(topic).exists:
        raise AWSError("InvalidSNSTopicARNException", 400, f"The sns topic arn '{topic}' is not valid.")
    is_linked = ":role/aws-service-role/" in arn_of_role
    sender = Sender("config.amazonaws.com", f"arn:{partition}:config:{call.region}:{account}:", account)
    role = None if is_linked else assumed_role(facts, directory, sender, arn_of_role)

    def may(action: str, arn: str, *, as_service: bool) -> bool:
        by_role = role is not None and is_allowed_to_role(facts, directory, role, action, arn, _FULL_CONTROL)
        return by_role or (as_service and is_allowed(facts, sender, action, arn, _FULL_CONTROL))

    prefix = channel.get("s3KeyPrefix")
    delivered = f"{bucket.arn}/{f'{prefix}/' if prefix else ''}AWSLogs/{account}/Config/ConfigWritabilityCheckFile"
    as_service = is_linked or bucket.account != account
    who = " or ".join([*([] if is_linked else [arn_of_role]), *(["config.amazonaws.com"] if as_service else [])])
    for action, arn in (("s3:GetBucketAcl", bucket.arn), ("s3:PutObject", delivered)):
        if not may(action, arn, as_service=as_service):
            raise AWSError(
                "InsufficientDeliveryPolicyException",
                400,
                f"Insufficient delivery policy to s3 bucket: {name}, unable to write to bucket, provided s3 key prefix "
                f"is '{prefix or 'null'}'.",
                why=f"{who} must be allowed {action} on {arn}.",
            )
    if topic and not may("sns:Publish", topic, as_service=True):
        raise AWSError(
            "InsufficientDeliveryPolicyException",
            400,
            f"Insufficient delivery policy to SNS topic: {topic}.",
            why=f"{topic} must allow config.amazonaws.com, or the recorder's role, sns:Publish.",
        )


RULES = ServiceRules("config", require_destinations=_require_destinations)
