"""What is special about CloudWatch Logs: the resource policies of an account and region hold for all its log groups.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Document, ServiceRules, Storing, error, parameter, unjudged
from podrole.base.partitions import partition_of
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


RULES = ServiceRules(
    "logs",
    documents={"PutResourcePolicy": _account_policy},
    check=_check,
    fault=_fault,
    not_judged={"PutDeliveryDestinationPolicy": (), "PutDestinationPolicy": ()},
)
