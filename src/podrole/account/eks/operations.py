"""The operations of EKS on what exists as records alone, by their names in botocore's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podrole.account.eks.clusters import create_cluster, delete_cluster, describe_cluster, update_cluster_config
from podrole.account.eks.fargate_profiles import (
    create_fargate_profile,
    delete_fargate_profile,
    describe_fargate_profile,
)
from podrole.account.eks.nodegroups import (
    create_nodegroup,
    delete_nodegroup,
    describe_nodegroup,
    update_nodegroup_config,
)
from podrole.account.eks.request import EKSRequest, Output
from podrole.account.eks.tags import list_tags_for_resource, tag_resource, untag_resource

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
