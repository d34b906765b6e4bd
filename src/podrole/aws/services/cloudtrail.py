"""What is special about CloudTrail: the bucket and the topic of a trail must let it write
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html)."""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.protocol.parameters import parameters
from podrole.aws.service_requests import Sender, is_allowed
from podrole.aws.services.rules import Delivering, ServiceRules
from podrole.base.partitions import partition_of

_FULL_CONTROL = {"s3:x-amz-acl": "bucket-owner-full-control"}


def _require_destinations(delivering: Delivering) -> None:
    call, account, facts, _ = delivering
    if call.operation not in ("CreateTrail", "UpdateTrail"):
        return
    call_input, partition = parameters(call), partition_of(call.region)
    name = str(call_input.get("Name", "")).rpartition("/")[2]
    trail = f"arn:{partition}:cloudtrail:{call.region}:{account}:trail/{name}"
    sender = Sender("cloudtrail.amazonaws.com", trail, account)
    bucket = facts.bucket(str(call_input.get("S3BucketName", "")))
    if bucket is not None:
        # The prefix of a trail that changes may stay as it is.
        is_prefix_known = call.operation == "CreateTrail" or "S3KeyPrefix" in call_input
        prefix = f"{call_input['S3KeyPrefix']}/" if call_input.get("S3KeyPrefix") else ""
        log = f"{bucket.arn}/{prefix}AWSLogs/{account}/CloudTrail/log"
        if not is_allowed(facts, sender, "s3:GetBucketAcl", bucket.arn) or (
            is_prefix_known and not is_allowed(facts, sender, "s3:PutObject", log, _FULL_CONTROL)
        ):
            raise AWSError(
                "InsufficientS3BucketPolicyException",
                400,
                f"Incorrect S3 bucket policy is detected for bucket: {call_input['S3BucketName']}",
                why=f"{bucket.arn} must allow cloudtrail.amazonaws.com s3:GetBucketAcl, and s3:PutObject on {log}.",
            )
    topic = str(call_input.get("SnsTopicName", ""))
    arn = topic if topic.startswith("arn:") else f"arn:{partition}:sns:{call.region}:{account}:{topic}"
    if topic and facts.resource(arn).exists and not is_allowed(facts, sender, "sns:Publish", arn):
        raise AWSError(
            "InsufficientSnsTopicPolicyException", 400, "SNS Topic does not exist or the topic policy is incorrect!"
        )


RULES = ServiceRules("cloudtrail", require_destinations=_require_destinations, not_judged={"PutResourcePolicy": ()})
