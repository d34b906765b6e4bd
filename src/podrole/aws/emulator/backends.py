"""moto's state, read without changing it: a question makes no backend and imports no service.

Read it in moto's thread (podrole.aws.emulator.services). Only IAM may be read from other threads: see
podrole.aws.emulator.directory.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

_MODULES = {
    "autoscaling": ("moto.autoscaling.models", "autoscaling_backends"),
    "cloudformation": ("moto.cloudformation.models", "cloudformation_backends"),
    "dynamodb": ("moto.dynamodb.models", "dynamodb_backends"),
    "ec2": ("moto.ec2.models", "ec2_backends"),
    "ecr": ("moto.ecr.models", "ecr_backends"),
    "eks": ("moto.eks.models", "eks_backends"),
    "iam": ("moto.iam.models", "iam_backends"),
    "kms": ("moto.kms.models", "kms_backends"),
    "lambda": ("moto.awslambda.models", "lambda_backends"),
    "organizations": ("moto.organizations.models", "organizations_backends"),
    "s3": ("moto.s3.models", "s3_backends"),
    "secretsmanager": ("moto.secretsmanager.models", "secretsmanager_backends"),
    "sns": ("moto.sns.models", "sns_backends"),
    "sqs": ("moto.sqs.models", "sqs_backends"),
}


def backends(service: str) -> Any | None:
    """Return moto's backends of a service; None if nobody has used it."""
    module, name = _MODULES[service]
    return getattr(sys.modules.get(module), name, None)


def backend(service: str, account: str, place: str) -> Any | None:
    """Return the backend of an account and region (or partition, for a service without regions); None if nobody has
    used it."""
    every = backends(service)
    regional = dict.get(every, account) if every is not None else None
    return dict.get(regional, place) if regional is not None else None


def taggable(service: str, account: str, region: str, partition: str) -> Iterator[Any]:
    """Return the backends that can list tagged resources of a service, by the service's name in ARNs."""
    module = sys.modules.get("moto.core.base_backend")
    kinds = list(getattr(getattr(module, "BackendDict", None), "_instances", ()))
    for every in kinds:
        if getattr(every.backend, "SERVICE_NAMESPACE", "") != service:
            continue
        regional = dict.get(every, account)
        for place in (region, partition, "us-east-1"):
            found = dict.get(regional, place) if regional is not None else None
            if found is not None:
                yield found
                break
