"""Every operation of EKS's model is answered as the model says, or says that it is not simulated."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import ACCOUNT, LocalAWS, refused
from support.complete import Calls
from support.pods import ROLE, trust_of_pods

NOT_SIMULATED = frozenset(
    {
        "ActivateCertificateAuthority",
        "AssociateAccessPolicy",
        "AssociateEncryptionConfig",
        "AssociateIdentityProviderConfig",
        "CancelUpdate",
        "CreateAccessEntry",
        "CreateAddon",
        "CreateCapability",
        "CreateCertificateAuthority",
        "CreateEksAnywhereSubscription",
        "DeleteAccessEntry",
        "DeleteAddon",
        "DeleteCapability",
        "DeleteCertificateAuthority",
        "DeleteEksAnywhereSubscription",
        "DeregisterCluster",
        "DescribeAccessEntry",
        "DescribeAddonConfiguration",
        "DescribeAddonVersions",
        "DescribeCapability",
        "DescribeCertificateAuthority",
        "DescribeClusterVersions",
        "DescribeEksAnywhereSubscription",
        "DescribeIdentityProviderConfig",
        "DescribeInsight",
        "DescribeInsightsRefresh",
        "DescribeUpdate",
        "DisassociateAccessPolicy",
        "DisassociateIdentityProviderConfig",
        "ListAccessEntries",
        "ListAccessPolicies",
        "ListAssociatedAccessPolicies",
        "ListCapabilities",
        "ListCertificateAuthorities",
        "ListEksAnywhereSubscriptions",
        "ListIdentityProviderConfigs",
        "ListInsights",
        "ListUpdates",
        "RegisterCluster",
        "StartInsightsRefresh",
        "UpdateAccessEntry",
        "UpdateAddon",
        "UpdateCapability",
        "UpdateClusterVersion",
        "UpdateEksAnywhereSubscription",
        "UpdateNodegroupVersion",
    }
)
CLUSTER: dict[str, Any] = {"roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": ["subnet-1"]}}
NODEGROUP: dict[str, Any] = {"clusterName": "shop", "subnets": ["subnet-1"], "nodeRole": ROLE}
PROFILE: dict[str, Any] = {"clusterName": "shop", "podExecutionRoleArn": ROLE, "selectors": [{"namespace": "a"}]}


def test_every_operation_is_answered_as_the_model_says(aws: LocalAWS) -> None:
    aws.role("pods", trust_of_pods())
    call = Calls(aws.client("eks"))
    made = call("CreateCluster", name="shop", **CLUSTER, tags={"team": "a"})["cluster"]
    assert made["arn"] == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/shop"
    assert (made["status"], made["tags"]) == ("ACTIVE", {"team": "a"})
    assert call("DescribeCluster", name="shop")["cluster"] == made
    assert call("ListClusters")["clusters"] == ["podrole", "shop"]
    call("UpdateClusterConfig", name="shop", resourcesVpcConfig={"endpointPublicAccess": False})
    config = call("DescribeCluster", name="shop")["cluster"]["resourcesVpcConfig"]
    assert (config["endpointPublicAccess"], config["subnetIds"]) == (False, ["subnet-1"])
    arn = {"resourceArn": made["arn"]}
    call("TagResource", **arn, tags={"stage": "b"})
    call("UntagResource", **arn, tagKeys=["team"])
    assert call("ListTagsForResource", **arn)["tags"] == {"stage": "b"}

    call("CreateNodegroup", nodegroupName="small", **NODEGROUP, labels={"a": "b"})
    named = {"clusterName": "shop", "nodegroupName": "small"}
    taint = {"key": "k", "value": "v", "effect": "NO_SCHEDULE"}
    call(
        "UpdateNodegroupConfig",
        **named,
        labels={"addOrUpdateLabels": {"c": "d"}, "removeLabels": ["a"]},
        taints={"addOrUpdateTaints": [taint]},
        scalingConfig={"maxSize": 5},
    )
    shown = call("DescribeNodegroup", **named)["nodegroup"]
    assert (shown["labels"], shown["taints"]) == ({"c": "d"}, [taint])
    assert shown["scalingConfig"] == {"minSize": 1, "maxSize": 5, "desiredSize": 2}
    assert call("ListNodegroups", clusterName="shop")["nodegroups"] == ["small"]

    call("CreateFargateProfile", fargateProfileName="quiet", **PROFILE)
    profile = {"clusterName": "shop", "fargateProfileName": "quiet"}
    assert call("DescribeFargateProfile", **profile)["fargateProfile"]["selectors"] == [{"namespace": "a"}]
    assert call("ListFargateProfiles", clusterName="shop")["fargateProfileNames"] == ["quiet"]

    assert call("ListAddons", clusterName="podrole")["addons"] == ["eks-pod-identity-agent"]
    agent = call("DescribeAddon", clusterName="podrole", addonName="eks-pod-identity-agent")["addon"]
    assert (agent["addonName"], agent["status"]) == ("eks-pod-identity-agent", "ACTIVE")
    assert call("ListAddons", clusterName="shop")["addons"] == []

    given = {"clusterName": "shop", "namespace": "a", "serviceAccount": "b", "roleArn": ROLE}
    association = call("CreatePodIdentityAssociation", **given)["association"]
    identified = {"clusterName": "shop", "associationId": association["associationId"]}
    call("UpdatePodIdentityAssociation", **identified, disableSessionTags=True)
    assert call("DescribePodIdentityAssociation", **identified)["association"]["disableSessionTags"] is True
    assert len(call("ListPodIdentityAssociations", clusterName="shop")["associations"]) == 1
    call("DeletePodIdentityAssociation", **identified)

    assert call("DeleteNodegroup", **named)["nodegroup"]["status"] == "DELETING"
    assert call("DeleteFargateProfile", **profile)["fargateProfile"]["status"] == "DELETING"
    assert call("DeleteCluster", name="shop")["cluster"]["status"] == "DELETING"
    assert call("ListClusters")["clusters"] == ["podrole"]
    assert call.names() - call.done == NOT_SIMULATED


@pytest.mark.parametrize("name", sorted(NOT_SIMULATED))
def test_what_is_not_simulated_says_so_by_name(aws: LocalAWS, name: str) -> None:
    call = Calls(aws.client("eks", parameter_validation=False))
    given = call.minimal(name)
    given |= {key: "podrole" for key in ("clusterName", "name") if key in given}
    answer = refused(lambda: call(name, **given))
    assert answer == ("NotImplemented", 501, f"podrole's local AWS does not simulate eks:{name}.")


def test_every_list_comes_in_pages(aws: LocalAWS) -> None:
    aws.role("pods", trust_of_pods())
    client = aws.client("eks")
    client.create_cluster(name="shop", **CLUSTER)
    for number in range(3):
        client.create_cluster(name=f"c{number}", **CLUSTER)
        client.create_nodegroup(nodegroupName=f"n{number}", **NODEGROUP)
        client.create_fargate_profile(fargateProfileName=f"f{number}", **PROFILE)
        given = {"clusterName": "shop", "namespace": "a", "serviceAccount": f"s{number}", "roleArn": ROLE}
        client.create_pod_identity_association(**given)
    for name, key in (
        ("list_clusters", "clusters"),
        ("list_nodegroups", "nodegroups"),
        ("list_fargate_profiles", "fargateProfileNames"),
        ("list_pod_identity_associations", "associations"),
    ):
        given = {"clusterName": "shop"} if name != "list_clusters" else {}
        paginator = client.get_paginator(name)
        pages = list(paginator.paginate(**given, PaginationConfig={"PageSize": 2}))
        assert [len(page[key]) for page in pages] in ([2, 1], [2, 2, 1]), name
        assert [item for page in pages for item in page[key]] == getattr(client, name)(**given)[key]


def test_the_waiters_end(aws: LocalAWS) -> None:
    aws.role("pods", trust_of_pods())
    client = aws.client("eks")
    quick = {"Delay": 0, "MaxAttempts": 1}
    client.create_cluster(name="shop", **CLUSTER)
    client.create_nodegroup(nodegroupName="n", **NODEGROUP)
    client.create_fargate_profile(fargateProfileName="f", **PROFILE)
    nodegroup, profile = (
        {"clusterName": "shop", "nodegroupName": "n"},
        {"clusterName": "shop", "fargateProfileName": "f"},
    )
    client.get_waiter("cluster_active").wait(name="shop", WaiterConfig=quick)
    client.get_waiter("nodegroup_active").wait(**nodegroup, WaiterConfig=quick)
    client.get_waiter("fargate_profile_active").wait(**profile, WaiterConfig=quick)
    client.delete_nodegroup(**nodegroup)
    client.delete_fargate_profile(**profile)
    client.get_waiter("nodegroup_deleted").wait(**nodegroup, WaiterConfig=quick)
    client.get_waiter("fargate_profile_deleted").wait(**profile, WaiterConfig=quick)
    client.delete_cluster(name="shop")
    client.get_waiter("cluster_deleted").wait(name="shop", WaiterConfig=quick)


MISSING = "ResourceNotFoundException"
REFUSED: dict[str, tuple[str, dict[str, Any], tuple[str, int, str]]] = {
    "a cluster that exists": (
        "create_cluster",
        {"name": "shop", **CLUSTER},
        ("ResourceInUseException", 409, "Cluster already exists with name: shop"),
    ),
    "a cluster with a user for a role": (
        "create_cluster",
        {"name": "new", **CLUSTER, "roleArn": f"arn:aws:iam::{ACCOUNT}:user/admin"},
        ("InvalidParameterException", 400, f"Invalid Role Arn: 'arn:aws:iam::{ACCOUNT}:user/admin'"),
    ),
    "no such cluster": ("describe_cluster", {"name": "none"}, (MISSING, 404, "No cluster found for name: none.")),
    "no such cluster to delete": (
        "delete_cluster",
        {"name": "none"},
        (MISSING, 404, "No cluster found for name: none."),
    ),
    "no such cluster to change": (
        "update_cluster_config",
        {"name": "none"},
        (MISSING, 404, "No cluster found for name: none."),
    ),
    "a cluster with node groups": (
        "delete_cluster",
        {"name": "shop"},
        ("ResourceInUseException", 409, "Cluster has nodegroups attached"),
    ),
    "a cluster with Fargate profiles": (
        "delete_cluster",
        {"name": "quiet"},
        ("ResourceInUseException", 409, "Cluster has Fargate profiles attached"),
    ),
    "a node group that exists": (
        "create_nodegroup",
        {"nodegroupName": "n", **NODEGROUP},
        ("ResourceInUseException", 409, "NodeGroup already exists with name n and cluster name shop"),
    ),
    "a node group without its cluster": (
        "create_nodegroup",
        {"nodegroupName": "n", **NODEGROUP, "clusterName": "none"},
        (MISSING, 404, "No cluster found for name: none."),
    ),
    "a node group with two disk sizes": (
        "create_nodegroup",
        {"nodegroupName": "new", **NODEGROUP, "launchTemplate": {"name": "t"}, "diskSize": 20},
        ("InvalidParameterException", 400, "Disk size must be specified within the launch template."),
    ),
    "a node group with remote access and a template": (
        "create_nodegroup",
        {"nodegroupName": "new", **NODEGROUP, "launchTemplate": {"name": "t"}, "remoteAccess": {"ec2SshKey": "k"}},
        ("InvalidParameterException", 400, "Remote access configuration cannot be specified with a launch template."),
    ),
    "a node group without a role": (
        "create_nodegroup",
        {"nodegroupName": "new", **NODEGROUP, "nodeRole": "x"},
        ("InvalidParameterException", 400, "Invalid Role Arn: 'x'"),
    ),
    "no such node group": (
        "describe_nodegroup",
        {"clusterName": "shop", "nodegroupName": "none"},
        (MISSING, 404, "No node group found for name: none."),
    ),
    "no such node group in the embedded cluster": (
        "delete_nodegroup",
        {"clusterName": "podrole", "nodegroupName": "none"},
        (MISSING, 404, "No node group found for name: none."),
    ),
    "no such add-on": (
        "describe_addon",
        {"clusterName": "podrole", "addonName": "coredns"},
        (MISSING, 404, "No addon: coredns found in cluster: podrole"),
    ),
    "an add-on of a cluster without any": (
        "describe_addon",
        {"clusterName": "quiet", "addonName": "eks-pod-identity-agent"},
        (MISSING, 404, "No addon: eks-pod-identity-agent found in cluster: quiet"),
    ),
    "an add-on of no cluster": (
        "describe_addon",
        {"clusterName": "nowhere", "addonName": "eks-pod-identity-agent"},
        (MISSING, 404, "No cluster found for name: nowhere."),
    ),
    "a Fargate profile that exists": (
        "create_fargate_profile",
        {"fargateProfileName": "f", **PROFILE, "clusterName": "quiet"},
        ("ResourceInUseException", 409, "A Fargate Profile already exists with this name in this cluster."),
    ),
    "a Fargate profile without selectors": (
        "create_fargate_profile",
        {"fargateProfileName": "new", **PROFILE, "selectors": []},
        ("InvalidParameterException", 400, "Fargate Profile requires at least one selector."),
    ),
    "a Fargate profile without a namespace": (
        "create_fargate_profile",
        {"fargateProfileName": "new", **PROFILE, "selectors": [{"labels": {"a": "b"}}]},
        (
            "InvalidParameterException",
            400,
            "Fargate Profile must have at least one selector with at least one namespace value.",
        ),
    ),
    "a Fargate profile with six labels": (
        "create_fargate_profile",
        {
            "fargateProfileName": "new",
            **PROFILE,
            "selectors": [{"namespace": "a", "labels": {f"k{number}": "v" for number in range(6)}}],
        },
        ("InvalidParameterException", 400, "Request contains Selector with more than 5 Label pairs"),
    ),
    "no such Fargate profile": (
        "describe_fargate_profile",
        {"clusterName": "shop", "fargateProfileName": "none"},
        (MISSING, 404, "No Fargate Profile found with name: none."),
    ),
    "tags of nothing": (
        "list_tags_for_resource",
        {"resourceArn": f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/none"},
        ("NotFoundException", 404, f"No resource found for arn:aws:eks:us-east-1:{ACCOUNT}:cluster/none."),
    ),
    "more than 50 tags": (
        "tag_resource",
        {
            "resourceArn": f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/shop",
            "tags": {f"k{number}": "v" for number in range(50)},
        },
        ("BadRequestException", 400, "A resource can have at most 50 tags."),
    ),
}


@pytest.mark.parametrize(("operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(aws: LocalAWS, operation: str, given: dict[str, Any], expected: tuple[str, int, str]) -> None:
    aws.role("pods", trust_of_pods())
    client = aws.client("eks", parameter_validation=False)
    for name in ("shop", "quiet"):
        client.create_cluster(name=name, **CLUSTER, tags={"team": "a"})
    client.create_nodegroup(nodegroupName="n", **NODEGROUP)
    client.create_fargate_profile(fargateProfileName="f", **{**PROFILE, "clusterName": "quiet"})
    assert refused(getattr(client, operation), **given) == expected
