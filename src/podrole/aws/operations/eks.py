"""EKS's operations on the embedded cluster, which is described as EKS describes a cluster of its own."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Services
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.paging import page_start, page_token
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.certificates import thumbprint
from podrole.sts.pod_identity import Cluster


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """The embedded cluster, as EKS knows it. ``created_at`` is epoch seconds, ``version`` such as ``1.36``."""

    name: str
    arn: str
    endpoint: str
    certificate_authority: bytes
    issuer: str
    version: str
    created_at: float

    @property
    def region(self) -> str:
        """The region of the cluster."""
        return self.arn.split(":", 5)[3]

    @property
    def account(self) -> str:
        """The account that owns the cluster."""
        return self.arn.split(":", 5)[4]

    def for_pods(self) -> Cluster:
        """Return the cluster as podrole.sts.pod_identity takes it."""
        return Cluster(self.name, self.arn, self.account, self.issuer, (thumbprint(self.certificate_authority),))


class EKS:
    """EKS's operations on the embedded cluster, which is one of its account and region and cannot be changed.

    Calls about other clusters are left to the services: see podrole.aws.serve.
    """

    def __init__(self, cluster: ClusterInfo, services: Services) -> None:
        self._cluster = cluster
        self._services = services

    async def describe_cluster(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Describe the embedded cluster.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
        """
        return json_response({"cluster": _description(self._cluster)}, call.id)

    async def list_clusters(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """List the clusters of the caller's account, the embedded one first.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html
        """
        names = await self._other_clusters(call, caller)
        if self.is_own(call, caller, self._cluster.name):
            names = [self._cluster.name, *names]
        page, following = page_of(names, call)
        return json_response({"clusters": page} | ({"nextToken": following} if following else {}), call.id)

    async def create_cluster(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Refuse to create a cluster with the embedded cluster's name."""
        name = parameters(call).get("name", "")
        raise AWSError("ResourceInUseException", 409, f"Cluster already exists with name: {name}")

    async def list_nothing(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """List the node groups or Fargate profiles of the embedded cluster, which has neither."""
        return json_response({"nodegroups" if "Nodegroup" in call.operation else "fargateProfileNames": []}, call.id)

    async def refuse_change(self, _: IdentifiedCall, __: Caller) -> HTTPResponse:
        """Refuse to change the embedded cluster."""
        raise AWSError(
            "InvalidRequestException",
            400,
            f"{self._cluster.name} is podrole's embedded cluster: it cannot be changed through EKS.",
        )

    async def exists(self, call: IdentifiedCall, caller: Caller, name: str) -> bool:
        """Return whether there is a cluster with that name, the embedded one or another."""
        return self.is_own(call, caller, name) or name in await self._other_clusters(call, caller)

    async def _other_clusters(self, call: IdentifiedCall, caller: Caller) -> list[str]:
        account, region = caller.account, call.region
        return await self._services.ask(lambda facts: facts.cluster_names(account, region))

    def is_own(self, call: IdentifiedCall, caller: Caller, name: str) -> bool:
        """Return whether the caller means the embedded cluster by ``name``."""
        cluster = self._cluster
        return (name, caller.account, call.region) == (cluster.name, cluster.account, cluster.region)

    def concerns_own(self, call: IdentifiedCall, caller: Caller) -> bool:
        """Return whether a call is about the embedded cluster."""
        given = parameters(call)
        return self.is_own(call, caller, given.get("clusterName", given.get("name", "")))


def page_of(items: list[Any], call: IdentifiedCall) -> tuple[list[Any], str | None]:
    """Return the page that ``maxResults`` and ``nextToken`` ask for, and the token of the next. Raises AWSError."""
    given = parameters(call)
    limit, token = given.get("maxResults", 100), given.get("nextToken", "")
    if not 1 <= limit <= 100:
        raise AWSError("InvalidParameterException", 400, "maxResults must be between 1 and 100.")
    start = page_start(token, len(items)) if token else 0
    if start is None:
        raise AWSError("InvalidParameterException", 400, "The nextToken is not one of this list.")
    end = start + limit
    return items[start:end], page_token(end) if end < len(items) else None


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
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
        "tags": {},
    }
