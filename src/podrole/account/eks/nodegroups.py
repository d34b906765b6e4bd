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
    given, cluster, now = request.input, request.cluster(), request.transaction.now
    name = given["nodegroupName"]
    key = f"{cluster.id}/{name}"
    if request.state.get(NodegroupRecord, key) is not None:
        message = f"NodeGroup already exists with name {name} and cluster name {cluster.id}"
        refuse("ResourceInUseException", 409, message)
    if given.get("launchTemplate"):
        if given.get("diskSize"):
            refuse("InvalidParameterException", 400, "Disk size must be specified within the launch template.")
        if given.get("remoteAccess"):
            message = "Remote access configuration cannot be specified with a launch template."
            refuse("InvalidParameterException", 400, message)
    require_role(given["nodeRole"])
    identifier = request.new_uuid()
    description = {
        "nodegroupName": name,
        "nodegroupArn": request.arn("nodegroup", cluster.id, name, identifier),
        "clusterName": cluster.id,
        "version": given.get("version", cluster.description["version"]),
        "releaseVersion": given.get("releaseVersion", f"{VERSION}.0-20260101"),
        "createdAt": now,
        "modifiedAt": now,
        "status": "ACTIVE",
        "capacityType": given.get("capacityType", "ON_DEMAND"),
        "scalingConfig": given.get("scalingConfig", {"minSize": 1, "maxSize": 2, "desiredSize": 2}),
        "instanceTypes": given.get("instanceTypes", ["t3.medium"]),
        "subnets": given["subnets"],
        "amiType": given.get("amiType", "AL2023_x86_64_STANDARD"),
        "nodeRole": given["nodeRole"],
        "labels": given.get("labels", {}),
        "taints": given.get("taints", []),
        "resources": {"autoScalingGroups": [{"name": f"eks-{identifier}"}]},
        "diskSize": given.get("diskSize", 20),
        "health": {"issues": []},
        "tags": given.get("tags", {}),
    }
    kept = ("remoteAccess", "launchTemplate", "updateConfig", "nodeRepairConfig")
    description |= {member: given[member] for member in kept if given.get(member) is not None}
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
    nodegroup, given = _nodegroup(request), request.input
    description = dict(nodegroup.description)
    labels = given.get("labels") or {}
    description["labels"] = {
        key: value
        for key, value in {**description["labels"], **(labels.get("addOrUpdateLabels") or {})}.items()
        if key not in (labels.get("removeLabels") or ())
    }
    taints = given.get("taints") or {}
    gone = [_taint(taint) for taint in [*(taints.get("removeTaints") or ()), *(taints.get("addOrUpdateTaints") or ())]]
    kept = [taint for taint in description["taints"] if _taint(taint) not in gone]
    description["taints"] = [*kept, *(taints.get("addOrUpdateTaints") or ())]
    for member in ("scalingConfig", "updateConfig", "nodeRepairConfig"):
        if given.get(member):
            description[member] = {**(description.get(member) or {}), **given[member]}
    description["modifiedAt"] = request.transaction.now
    request.put(replace(nodegroup, description=description))
    return {"update": finished_update(request, "ConfigUpdate")}


def _taint(taint: Mapping[str, Any]) -> tuple[Any, Any]:
    return taint.get("key"), taint.get("effect")
