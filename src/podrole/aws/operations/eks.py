"""EKS: the embedded cluster, described as EKS describes one of its own."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.receive import ServiceRequest
from podrole.aws.render import json_response
from podrole.aws.wire import HTTPResponse


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """What EKS knows of the world's cluster. ``created_at`` is epoch seconds, ``version`` such as ``1.36``."""

    name: str
    arn: str
    endpoint: str
    certificate_authority: bytes
    issuer: str
    version: str
    created_at: float


class EKS:
    """EKS's operations for the one cluster of the world."""

    def __init__(self, cluster: ClusterInfo) -> None:
        self._cluster = cluster

    async def describe_cluster(self, call: ServiceRequest, _: Caller) -> HTTPResponse:
        """https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html."""
        cluster, asked = self._cluster, call.path_parameters["name"]
        if asked != cluster.name:
            raise AWSError(
                "ResourceNotFoundException",
                404,
                f"No cluster found for name: {asked}.",
                why=f"The world's cluster is named {cluster.name}.",
            )
        return json_response({"cluster": _description(cluster)}, call.id)

    async def list_clusters(self, call: ServiceRequest, _: Caller) -> HTTPResponse:
        """https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html."""
        return json_response({"clusters": [self._cluster.name]}, call.id)


def _description(cluster: ClusterInfo) -> dict[str, Any]:
    return {
        "name": cluster.name,
        "arn": cluster.arn,
        "createdAt": cluster.created_at,
        "version": cluster.version,
        "endpoint": cluster.endpoint,
        "identity": {"oidc": {"issuer": cluster.issuer}},
        "status": "ACTIVE",
        "certificateAuthority": {"data": base64.b64encode(cluster.certificate_authority).decode()},
        "platformVersion": "podrole.1",
        "tags": {},
    }
