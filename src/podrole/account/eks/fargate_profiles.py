"""EKS's operations on Fargate profiles that exist as records alone.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateFargateProfile.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.account.eks.records import FargateProfileRecord
from podrole.account.eks.request import EKSRequest, Output, no_part, refuse, require_role

_MOST_LABELS = 5


def create_fargate_profile(request: EKSRequest) -> Output:
    """CreateFargateProfile."""
    parameters, cluster = request.input, request.cluster()
    name = parameters["fargateProfileName"]
    key = f"{cluster.id}/{name}"
    if request.state.get(FargateProfileRecord, key) is not None:
        refuse("ResourceInUseException", 409, "A Fargate Profile already exists with this name in this cluster.")
    _check_selectors(parameters.get("selectors") or [])
    require_role(parameters["podExecutionRoleArn"])
    description = {
        "fargateProfileName": name,
        "fargateProfileArn": request.arn("fargateprofile", cluster.id, name, request.new_uuid()),
        "clusterName": cluster.id,
        "createdAt": request.transaction.now,
        "podExecutionRoleArn": parameters["podExecutionRoleArn"],
        "subnets": parameters.get("subnets", []),
        "selectors": parameters["selectors"],
        "status": "ACTIVE",
        "tags": parameters.get("tags", {}),
    }
    request.put(FargateProfileRecord(id=key, description=description))
    return {"fargateProfile": description}


def _check_selectors(selectors: list[Mapping[str, Any]]) -> None:
    if not selectors:
        refuse("InvalidParameterException", 400, "Fargate Profile requires at least one selector.")
    for selector in selectors:
        if "namespace" not in selector:
            message = "Fargate Profile must have at least one selector with at least one namespace value."
            refuse("InvalidParameterException", 400, message)
        if len(selector.get("labels") or {}) > _MOST_LABELS:
            message = "Request contains Selector with more than 5 Label pairs"
            refuse("InvalidParameterException", 400, message)


def _fargate_profile(request: EKSRequest) -> FargateProfileRecord:
    cluster, name = request.cluster(), request.input["fargateProfileName"]
    profile = request.state.get(FargateProfileRecord, f"{cluster.id}/{name}")
    if profile is None:
        refuse("ResourceNotFoundException", 404, no_part("Fargate Profile", name))
    return profile


def describe_fargate_profile(request: EKSRequest) -> Output:
    """DescribeFargateProfile."""
    return {"fargateProfile": _fargate_profile(request).description}


def delete_fargate_profile(request: EKSRequest) -> Output:
    """DeleteFargateProfile."""
    profile = _fargate_profile(request)
    request.transaction.delete(request.state, profile)
    return {"fargateProfile": {**profile.description, "status": "DELETING"}}
