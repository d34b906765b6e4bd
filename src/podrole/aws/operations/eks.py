"""EKS: the embedded cluster, described as EKS describes one of its own; moto's clusters beside it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from podrole.aws.caller import Caller
from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.moto import Moto
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.certificates import thumbprint
from podrole.sts.pod_identity import Cluster


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

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.arn.split(":", 5)[3]

    @property
    def account(self) -> str:
        """The account it belongs to."""
        return self.arn.split(":", 5)[4]

    def for_pods(self) -> Cluster:
        """Return what the exchange of EKS Pod Identity needs of it."""
        return Cluster(self.name, self.arn, self.account, self.issuer, (thumbprint(self.certificate_authority),))


class EKS:
    """EKS's operations on clusters. The embedded cluster is one of its account and region, and cannot be changed."""

    def __init__(self, cluster: ClusterInfo, moto: Moto) -> None:
        self._cluster = cluster
        self._moto = moto

    async def describe_cluster(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html."""
        asked = parameters(call)["name"]
        if not self.is_own(call, caller, asked):
            return await self._moto.serve(call, caller.account)
        return json_response({"cluster": _description(self._cluster)}, call.id)

    async def list_clusters(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html."""
        names = moto_clusters(caller.account, call.region)
        if self.is_own(call, caller, self._cluster.name):
            names = [self._cluster.name, *names]
        page, following = page_of(names, call)
        return json_response({"clusters": page} | ({"nextToken": following} if following else {}), call.id)

    async def create_cluster(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Make one of moto's, under another name than the embedded cluster's."""
        name = parameters(call).get("name", "")
        if self.is_own(call, caller, name):
            raise AWSError("ResourceInUseException", 409, f"Cluster already exists with name: {name}")
        return await self._moto.serve(call, caller.account)

    async def on_nothing(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """List what the embedded cluster has none of: node groups, Fargate profiles."""
        if not self._is_asked(call, caller):
            return await self._moto.serve(call, caller.account)
        return json_response({"nodegroups" if "Nodegroup" in call.operation else "fargateProfileNames": []}, call.id)

    async def unless_own(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Leave moto's clusters to moto, and the embedded one as it is."""
        if not self._is_asked(call, caller):
            return await self._moto.serve(call, caller.account)
        raise AWSError(
            "InvalidRequestException",
            400,
            f"{self._cluster.name} is podrole's embedded cluster: it cannot be changed through EKS.",
        )

    def is_own(self, call: IdentifiedCall, caller: Caller, name: str) -> bool:
        """Say whether the caller means the embedded cluster by ``name``."""
        cluster = self._cluster
        return (name, caller.account, call.region) == (cluster.name, cluster.account, cluster.region)

    def _is_asked(self, call: IdentifiedCall, caller: Caller) -> bool:
        given = parameters(call)
        return self.is_own(call, caller, given.get("clusterName", given.get("name", "")))


def moto_clusters(account: str, region: str) -> list[str]:
    """Return the names of moto's clusters."""
    found = backend("eks", account, region)
    return sorted(found.clusters) if found is not None else []


def page_of(items: list[Any], call: IdentifiedCall) -> tuple[list[Any], str | None]:
    """Return the page that ``maxResults`` and ``nextToken`` ask for, and the token of the next. Raises AWSError."""
    given = parameters(call)
    limit, token = given.get("maxResults", 100), given.get("nextToken", "")
    if not 1 <= limit <= 100:
        raise AWSError("InvalidParameterException", 400, "maxResults must be between 1 and 100.")
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(token.encode()).decode())
        except ValueError:  # binascii.Error and UnicodeError are ValueErrors
            start = -1
        if not 0 < start < len(items):
            raise AWSError("InvalidParameterException", 400, "The nextToken is not one of this list.")
    end = start + limit
    following = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[start:end], following


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
