"""What is special about ECR: a repository's policy. The policy of a whole registry is not judged."""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import ServiceRules, error, parameter
from podrole.iam.errors import PolicyError


def _fault(fault: PolicyError) -> AWSError:
    text = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
    return error("InvalidParameterException", text, fault)


RULES = ServiceRules(
    "ecr",
    documents={"SetRepositoryPolicy": parameter("policyText")},
    fault=_fault,
    not_judged={
        "CreateRepositoryCreationTemplate": ("repositoryPolicy",),
        "PutRegistryPolicy": (),
        "UpdateRepositoryCreationTemplate": ("repositoryPolicy",),
    },
)
