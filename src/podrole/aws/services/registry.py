"""All that is special about a service, by botocore's name of it: one file for each."""

from __future__ import annotations

from collections.abc import Mapping

from podrole.aws.services import (
    apigateway,
    cloudformation,
    cloudtrail,
    cloudwatch,
    config,
    dynamodb,
    ec2,
    ecr,
    eks_auth,
    glue,
    iam,
    kinesis,
    kms,
    lambda_,
    logs,
    s3,
    secretsmanager,
    sns,
    sqs,
    ssm,
    timestream,
)
from podrole.aws.services.not_judged import NOT_JUDGED
from podrole.aws.services.rules import ServiceRules

_FILES = (
    apigateway.RULES,
    cloudformation.RULES,
    cloudtrail.RULES,
    cloudwatch.RULES,
    config.RULES,
    dynamodb.RULES,
    ec2.RULES,
    ecr.RULES,
    eks_auth.RULES,
    glue.RULES,
    iam.RULES,
    kinesis.RULES,
    kms.RULES,
    lambda_.RULES,
    logs.RULES,
    s3.RULES,
    secretsmanager.RULES,
    sns.RULES,
    sqs.RULES,
    ssm.RULES,
    timestream.QUERY_RULES,
    timestream.WRITE_RULES,
)
RULES: Mapping[str, ServiceRules] = {
    **{name: ServiceRules(name, not_judged=operations) for name, operations in NOT_JUDGED.items()},
    **{rules.name: rules for rules in _FILES},
}
_ORDINARY = ServiceRules("")


def rules_of(service: str) -> ServiceRules:
    """Return what is special about a service. Most services have nothing special."""
    return RULES.get(service, _ORDINARY)
