"""EKS's operations on node groups that exist as records alone.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podrole.account.eks.records import NodegroupRecord
from podrole.account.eks.request import VERSION, EKSRequest, Output, finished_update, no_part, refuse, require_role


def create_nodegroup(request: EKSRequest) -> Output:
    """CreateNodegroup."""
    parameters, cluster, now = request.input, request.cluster(), request.transaction.now
    name = parameters["nodegroupName"]
    key = f"{cluster.id}/{name}"
    if request.state.get(NodegroupRecord, key) is not None:
        message = f"NodeGroup already exists with name {name} and cluster name {cluster.id}"
        refuse("ResourceInUseException", 409, message)
    if parameters.get("launchTemplate"):
        if parameters.get("diskSize"):
            refuse("InvalidParameterException", 400, "Disk size must be specified within the launch template.")
        if parameters.get("remoteAccess"):
            message = "Remote access configuration cannot be specified with a launch template."
            refuse("InvalidParameterException", 400, message)
    require_role(parameters["nodeRole"])
    identifier = request.new_uuid()
    description = {
        "nodegroupName": name,
        "nodegroupArn": request.arn("nodegroup", cluster.id, name, identifier),
        "clusterName": cluster.id,
        "version": parameters.get("version", cluster.description["version"]),
        "releaseVersion": parameters.get("releaseVersion", f"{VERSION}.0-20260101"),
        "createdAt": now,
        "modifiedAt": now,
        "status": "ACTIVE",
        "capacityType": parameters.get("capacityType", "ON_DEMAND"),
        "scalingConfig": parameters.get("scalingConfig", {"minSize": 1, "maxSize": 2, "desiredSize": 2}),
        "instanceTypes": parameters.get("instanceTypes", ["t3.medium"]),
        "subnets": parameters["subnets"],
        "amiType": parameters.get("amiType", "AL2023_x86_64_STANDARD"),
        "nodeRole": parameters["nodeRole"],
        "labels": parameters.get("labels", {}),
        "taints": parameters.get("taints", []),
        "resources": {"autoScalingGroups": [{"name": f"eks-{identifier}"}]},
        "diskSize": parameters.get("diskSize", 20),
        "health": {"issues": []},
        "tags": parameters.get("tags", {}),
    }
    kept = ("remoteAccess", "launchTemplate", "updateConfig", "nodeRepairConfig")
    description |= {member: parameters[member] for member in kept if parameters.get(member) is not None}
    request.put(NodegroupRecord(id=key, description=description))
    return {"nodegroup": description}


def _nodegroup(request: EKSRequest) -> NodegroupRecord:
    cluster, name = request.cluster(), request.input["nodegroupName"]
    nodegroup = request.state.get(NodegroupRecord, f"{cluster.id}/{name}")
    if nodegroup is None:
        refuse("ResourceNotFoundException", 404, no_part("node group", name))
    return nodegroup


def describe_nodegroup(request: EKSRequest) -> Output:
    """DescribeNodegroup."""
    return {"nodegroup": _nodegroup(request).description}


def delete_nodegroup(request: EKSRequest) -> Output:
    """DeleteNodegroup."""
    nodegroup = _nodegroup(request)
    request.transaction.delete(request.state, nodegroup)
    return {"nodegroup": {**nodegroup.description, "status": "DELETING"}}


def update_nodegroup_config(request: EKSRequest) -> Output:
    """UpdateNodegroupConfig: labels, taints, scaling and update settings, done at once."""
    nodegroup, parameters = _nodegroup(request), request.input
    description = dict(nodegroup.description)
    labels = parameters.get("labels") or {}
    description["labels"] = {
        key: value
        for key, value in {**description["labels"], **(labels.get("addOrUpdateLabels") or {})}.items()
        if key not in (labels.get("removeLabels") or ())
    }
    taints = parameters.get("taints") or {}
    gone = [_taint(taint) for taint in [*(taints.get("removeTaints") or ()), *(taints.get("addOrUpdateTaints") or ())]]
    kept = [taint for taint in description["taints"] if _taint(taint) not in gone]
    description["taints"] = [*kept, *(taints.get("addOrUpdateTaints") or ())]
    for member in ("scalingConfig", "updateConfig", "nodeRepairConfig"):
        if parameters.get(member):
            description[member] = {**(description.get(member) or {}), **parameters[member]}
    description["modifiedAt"] = request.transaction.now
    request.put(replace(nodegroup, description=description))
    return {"update": finished_update(request, "ConfigUpdate")}


def _taint(taint: Mapping[str, Any]) -> tuple[Any, Any]:
    return taint.get("key"), taint.get("effect")
