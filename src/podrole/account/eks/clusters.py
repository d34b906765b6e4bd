"""EKS's operations on clusters that exist as records alone. All is ACTIVE at once.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podrole.account.eks.records import ClusterRecord, FargateProfileRecord, NodegroupRecord
from podrole.account.eks.request import VERSION, EKSRequest, Output, finished_update, refuse, require_role
from podrole.base.partitions import domain_of, eks_issuer_host

_PLATFORM = "eks.1"


def create_cluster(request: EKSRequest) -> Output:
    """CreateCluster. Its issuer and endpoint have AWS's form and lead nowhere."""
    parameters, region = request.input, request.state.region
    name = parameters["name"]
    if request.state.get(ClusterRecord, name) is not None:
        refuse("ResourceInUseException", 409, f"Cluster already exists with name: {name}")
    require_role(parameters["roleArn"])
    identifier = request.transaction.random(16).hex().upper()
    domain = domain_of(region)
    network = dict(parameters.get("kubernetesNetworkConfig") or {})
    network = {"ipFamily": "ipv4", **network}
    if network["ipFamily"] == "ipv4":
        network = {"serviceIpv4Cidr": "10.100.0.0/16", **network}
    issuer_host = eks_issuer_host(region, ipv6=network["ipFamily"] == "ipv6")
    access = {"authenticationMode": "API_AND_CONFIG_MAP"} | dict(parameters.get("accessConfig") or {})
    vpc = {"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]}
    description: dict[str, Any] = {
        "name": name,
        "arn": request.arn("cluster", name),
        "createdAt": request.transaction.now,
        "version": parameters.get("version", VERSION),
        "endpoint": f"https://{identifier}.gr7.{region}.eks.{domain}",
        "roleArn": parameters["roleArn"],
        "resourcesVpcConfig": vpc | dict(parameters["resourcesVpcConfig"]),
        "kubernetesNetworkConfig": network,
        "logging": parameters.get("logging", {"clusterLogging": []}),
        "identity": {"oidc": {"issuer": f"https://{issuer_host}/id/{identifier}"}},
        "status": "ACTIVE",
        "certificateAuthority": {"data": ""},
        "platformVersion": _PLATFORM,
        "tags": dict(parameters.get("tags") or {}),
        "accessConfig": access,
        "health": {"issues": []},
    }
    kept = ("clientRequestToken", "encryptionConfig", "remoteNetworkConfig", "upgradePolicy", "computeConfig")
    description |= {member: parameters[member] for member in kept if parameters.get(member) is not None}
    request.put(ClusterRecord(id=name, description=description))
    return {"cluster": description}


def describe_cluster(request: EKSRequest) -> Output:
    """DescribeCluster."""
    return {"cluster": request.cluster("name").description}


def delete_cluster(request: EKSRequest) -> Output:
    """DeleteCluster: one without node groups and Fargate profiles. Its associations go with it."""
    cluster = request.cluster("name")
    if request.state.parts(NodegroupRecord, cluster.id):
        refuse("ResourceInUseException", 409, "Cluster has nodegroups attached")
    if request.state.parts(FargateProfileRecord, cluster.id):
        refuse("ResourceInUseException", 409, "Cluster has Fargate profiles attached")
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
    cluster, parameters = request.cluster("name"), request.input
    description = dict(cluster.description)
    for member in _CONFIGURATION:
        value = parameters.get(member)
        if value is not None:
            present = description.get(member)
            merged = {**present, **value} if isinstance(present, Mapping) and isinstance(value, Mapping) else value
            description[member] = merged
    request.put(replace(cluster, description=description))
    return {"update": finished_update(request, "ConfigUpdate")}
