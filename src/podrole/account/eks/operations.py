"""EKS's operations on clusters, node groups and Fargate profiles that exist as records alone.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html and its siblings. All is ACTIVE at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from podrole.account.eks.records import (
    AssociationRecord,
    ClusterRecord,
    FargateProfileRecord,
    NodegroupRecord,
    PartRecord,
)
from podrole.account.eks.state import EKSState
from podrole.account.errors import AccountError
from podrole.account.records import Record
from podrole.account.transaction import Transaction
from podrole.base.partitions import domain_of
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN

Output = Mapping[str, Any]

_VERSION, _PLATFORM = "1.36", "eks.1"
_MOST_LABELS, _MOST_TAGS = 5, 50


@dataclass(frozen=True, slots=True)
class EKSRequest:
    """A call that has been authorized and whose input fits the API's model."""

    transaction: Transaction
    state: EKSState
    input: Mapping[str, Any]
    partition: str

    def arn(self, kind: str, *names: str) -> str:
        """Return the ARN of something in the account and region."""
        path = "/".join([kind, *names])
        return f"arn:{self.partition}:eks:{self.state.region}:{self.state.account}:{path}"

    def new_uuid(self) -> str:
        """Return a new UUID."""
        return str(uuid.UUID(bytes=self.transaction.random(16), version=4))

    def cluster(self, parameter: str = "clusterName") -> ClusterRecord:
        """Return the cluster that the request names. Raises AccountError."""
        name = self.input[parameter]
        cluster = self.state.get(ClusterRecord, name)
        if cluster is None:
            _refuse("ResourceNotFoundException", 404, f"No cluster found for name: {name}.")
        return cluster

    def put(self, *records: Record) -> None:
        """Store records."""
        self.transaction.put(self.state, *records)


def no_part(noun: str, name: str) -> str:
    """Return what EKS says of a node group or Fargate profile that does not exist."""
    return f"No {noun} found {'for' if noun == 'node group' else 'with'} name: {name}."


def _refuse(code: str, status: int, message: str) -> NoReturn:
    raise AccountError(code, status, message)


def _check_role(arn: str) -> None:
    try:
        is_role = parse_arn(arn).is_role
    except InvalidARN:
        is_role = False
    if not is_role:
        _refuse("InvalidParameterException", 400, f"Invalid Role Arn: '{arn}'")


# Clusters


def create_cluster(request: EKSRequest) -> Output:
    """CreateCluster. Its issuer and endpoint have AWS's form and lead nowhere."""
    given, region = request.input, request.state.region
    name = given["name"]
    if request.state.get(ClusterRecord, name) is not None:
        _refuse("ResourceInUseException", 409, f"Cluster already exists with name: {name}")
    _check_role(given["roleArn"])
    identifier = request.transaction.random(16).hex().upper()
    domain = domain_of(region)
    network = {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4"}
    access = {"authenticationMode": "API_AND_CONFIG_MAP"} | dict(given.get("accessConfig") or {})
    vpc = {"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]}
    description: dict[str, Any] = {
        "name": name,
        "arn": request.arn("cluster", name),
        "createdAt": request.transaction.now,
        "version": given.get("version", _VERSION),
        "endpoint": f"https://{identifier}.gr7.{region}.eks.{domain}",
        "roleArn": given["roleArn"],
        "resourcesVpcConfig": vpc | dict(given["resourcesVpcConfig"]),
        "kubernetesNetworkConfig": network | dict(given.get("kubernetesNetworkConfig") or {}),
        "logging": given.get("logging", {"clusterLogging": []}),
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{region}.{domain}/id/{identifier}"}},
        "status": "ACTIVE",
        "certificateAuthority": {"data": ""},
        "platformVersion": _PLATFORM,
        "tags": dict(given.get("tags") or {}),
        "accessConfig": access,
        "health": {"issues": []},
    }
    kept = ("clientRequestToken", "encryptionConfig", "remoteNetworkConfig", "upgradePolicy", "computeConfig")
    description |= {member: given[member] for member in kept if given.get(member) is not None}
    request.put(ClusterRecord(id=name, description=description))
    return {"cluster": description}


def describe_cluster(request: EKSRequest) -> Output:
    """DescribeCluster."""
    return {"cluster": request.cluster("name").description}


def delete_cluster(request: EKSRequest) -> Output:
    """DeleteCluster: one without node groups and Fargate profiles. Its associations go with it."""
    cluster = request.cluster("name")
    if request.state.parts(NodegroupRecord, cluster.id):
        _refuse("ResourceInUseException", 409, "Cluster has nodegroups attached")
    if request.state.parts(FargateProfileRecord, cluster.id):
        _refuse("ResourceInUseException", 409, "Cluster has Fargate profiles attached")
    request.transaction.delete(request.state, cluster, *request.state.associations(cluster.id))
    return {"cluster": {**cluster.description, "status": "DELETING"}}


_CONFIGURATION = (
    "resourcesVpcConfig",
    "logging",
    "accessConfig",
    "upgradePolicy",
    "computeConfig",
    "deletionProtection",
)


def update_cluster_config(request: EKSRequest) -> Output:
    """UpdateClusterConfig: done at once."""
    cluster, given = request.cluster("name"), request.input
    description = dict(cluster.description)
    for member in _CONFIGURATION:
        value = given.get(member)
        if value is not None:
            present = description.get(member)
            merged = {**present, **value} if isinstance(present, Mapping) and isinstance(value, Mapping) else value
            description[member] = merged
    request.put(replace(cluster, description=description))
    return {"update": _update(request, "ConfigUpdate")}


def _update(request: EKSRequest, kind: str) -> dict[str, Any]:
    return {
        "id": request.new_uuid(),
        "status": "Successful",
        "type": kind,
        "params": [],
        "createdAt": request.transaction.now,
        "errors": [],
    }


# Node groups and Fargate profiles


def create_nodegroup(request: EKSRequest) -> Output:
    """CreateNodegroup."""
    given, cluster, now = request.input, request.cluster(), request.transaction.now
    name = given["nodegroupName"]
    key = f"{cluster.id}/{name}"
    if request.state.get(NodegroupRecord, key) is not None:
        message = f"NodeGroup already exists with name {name} and cluster name {cluster.id}"
        _refuse("ResourceInUseException", 409, message)
    if given.get("launchTemplate"):
        if given.get("diskSize"):
            _refuse("InvalidParameterException", 400, "Disk size must be specified within the launch template.")
        if given.get("remoteAccess"):
            message = "Remote access configuration cannot be specified with a launch template."
            _refuse("InvalidParameterException", 400, message)
    _check_role(given["nodeRole"])
    identifier = request.new_uuid()
    description = {
        "nodegroupName": name,
        "nodegroupArn": request.arn("nodegroup", cluster.id, name, identifier),
        "clusterName": cluster.id,
        "version": given.get("version", cluster.description["version"]),
        "releaseVersion": given.get("releaseVersion", f"{_VERSION}.0-20260101"),
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
        _refuse("ResourceNotFoundException", 404, no_part("node group", name))
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
    return {"update": _update(request, "ConfigUpdate")}


def _taint(taint: Mapping[str, Any]) -> tuple[Any, Any]:
    return taint.get("key"), taint.get("effect")


def create_fargate_profile(request: EKSRequest) -> Output:
    """CreateFargateProfile."""
    given, cluster = request.input, request.cluster()
    name = given["fargateProfileName"]
    key = f"{cluster.id}/{name}"
    if request.state.get(FargateProfileRecord, key) is not None:
        _refuse("ResourceInUseException", 409, "A Fargate Profile already exists with this name in this cluster.")
    _check_selectors(given.get("selectors") or [])
    _check_role(given["podExecutionRoleArn"])
    description = {
        "fargateProfileName": name,
        "fargateProfileArn": request.arn("fargateprofile", cluster.id, name, request.new_uuid()),
        "clusterName": cluster.id,
        "createdAt": request.transaction.now,
        "podExecutionRoleArn": given["podExecutionRoleArn"],
        "subnets": given.get("subnets", []),
        "selectors": given["selectors"],
        "status": "ACTIVE",
        "tags": given.get("tags", {}),
    }
    request.put(FargateProfileRecord(id=key, description=description))
    return {"fargateProfile": description}


def _check_selectors(selectors: list[Mapping[str, Any]]) -> None:
    if not selectors:
        _refuse("InvalidParameterException", 400, "Fargate Profile requires at least one selector.")
    for selector in selectors:
        if "namespace" not in selector:
            message = "Fargate Profile must have at least one selector with at least one namespace value."
            _refuse("InvalidParameterException", 400, message)
        if len(selector.get("labels") or {}) > _MOST_LABELS:
            message = "Request contains Selector with more than 5 Label pairs"
            _refuse("InvalidParameterException", 400, message)


def _fargate_profile(request: EKSRequest) -> FargateProfileRecord:
    cluster, name = request.cluster(), request.input["fargateProfileName"]
    profile = request.state.get(FargateProfileRecord, f"{cluster.id}/{name}")
    if profile is None:
        _refuse("ResourceNotFoundException", 404, no_part("Fargate Profile", name))
    return profile


def describe_fargate_profile(request: EKSRequest) -> Output:
    """DescribeFargateProfile."""
    return {"fargateProfile": _fargate_profile(request).description}


def delete_fargate_profile(request: EKSRequest) -> Output:
    """DeleteFargateProfile."""
    profile = _fargate_profile(request)
    request.transaction.delete(request.state, profile)
    return {"fargateProfile": {**profile.description, "status": "DELETING"}}


def part_names(request: EKSRequest, kind: type[PartRecord]) -> list[str]:
    """Return the names of a cluster's node groups or Fargate profiles. Raises AccountError without the cluster."""
    return [part.name for part in request.state.parts(kind, request.cluster().id)]


# Tags


Tagged = ClusterRecord | NodegroupRecord | FargateProfileRecord | AssociationRecord


def tagged(state: EKSState, arn: str) -> Tagged | None:
    """Return the record with that ARN."""
    kind, _, names = arn.split(":", 5)[-1].partition("/")
    parts = names.split("/")
    finders: Mapping[str, Callable[[], Tagged | None]] = {
        "cluster": lambda: state.get(ClusterRecord, names),
        "nodegroup": lambda: state.get(NodegroupRecord, "/".join(parts[:2])),
        "fargateprofile": lambda: state.get(FargateProfileRecord, "/".join(parts[:2])),
        "podidentityassociation": lambda: state.get(AssociationRecord, parts[-1]),
    }
    record = finders[kind]() if kind in finders else None
    return record if record is not None and _arn_of(record) == arn else None


def _arn_of(record: Tagged) -> str:
    if isinstance(record, AssociationRecord):
        return record.association.arn
    members = ("arn", "nodegroupArn", "fargateProfileArn")
    return str(next(record.description[member] for member in members if member in record.description))


def tags_of(record: Tagged) -> Mapping[str, str]:
    """Return a record's tags."""
    if isinstance(record, AssociationRecord):
        return record.tags
    tags: Mapping[str, str] = record.description["tags"]
    return tags


def tag_resource(request: EKSRequest) -> Output:
    """TagResource."""
    record = _tagged(request)
    tags = {**tags_of(record), **request.input["tags"]}
    if len(tags) > _MOST_TAGS:
        _refuse("BadRequestException", 400, f"A resource can have at most {_MOST_TAGS} tags.")
    _retag(request, record, tags)
    return {}


def untag_resource(request: EKSRequest) -> Output:
    """UntagResource."""
    record, keys = _tagged(request), request.input["tagKeys"]
    _retag(request, record, {key: value for key, value in tags_of(record).items() if key not in keys})
    return {}


def list_tags_for_resource(request: EKSRequest) -> Output:
    """ListTagsForResource."""
    return {"tags": dict(tags_of(_tagged(request)))}


def _tagged(request: EKSRequest) -> Tagged:
    arn = request.input["resourceArn"]
    record = tagged(request.state, arn)
    if record is None:
        _refuse("NotFoundException", 404, f"No resource found for {arn}.")
    return record


def _retag(request: EKSRequest, record: Tagged, tags: Mapping[str, str]) -> None:
    if isinstance(record, AssociationRecord):
        request.put(replace(record, tags=tags))
    else:
        request.put(replace(record, description={**record.description, "tags": tags}))


OPERATIONS: Mapping[str, Callable[[EKSRequest], Output]] = {
    "CreateCluster": create_cluster,
    "CreateFargateProfile": create_fargate_profile,
    "CreateNodegroup": create_nodegroup,
    "DeleteCluster": delete_cluster,
    "DeleteFargateProfile": delete_fargate_profile,
    "DeleteNodegroup": delete_nodegroup,
    "DescribeCluster": describe_cluster,
    "DescribeFargateProfile": describe_fargate_profile,
    "DescribeNodegroup": describe_nodegroup,
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateClusterConfig": update_cluster_config,
    "UpdateNodegroupConfig": update_nodegroup_config,
}
"""EKS's operations on records, but for the lists, which know the embedded cluster too."""
