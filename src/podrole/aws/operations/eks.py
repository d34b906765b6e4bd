"""EKS: the embedded cluster, described as EKS describes one of its own, and clusters that are records alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.account.eks.operations import OPERATIONS
from podrole.account.eks.records import ClusterRecord, FargateProfileRecord, NodegroupRecord, PartRecord
from podrole.account.eks.request import no_part
from podrole.account.store import AccountStore
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.operations.refusable import not_simulated, run_refusable
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.paging import page_start, page_token
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.validation import message, violations
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
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        """The account that owns the cluster."""
        return self.arn.split(":")[4]

    def for_pods(self) -> Cluster:
        """Return the cluster as podrole.sts.pod_identity takes it."""
        return Cluster(self.name, self.arn, self.account, self.issuer, (thumbprint(self.certificate_authority),))


class EKS:
    """EKS's operations on clusters. The embedded cluster is one of its account and region, and cannot be changed; all
    others are records alone (podrole.account.eks)."""

    def __init__(self, cluster: ClusterInfo, store: AccountStore) -> None:
        self._cluster = cluster
        self._store = store

    async def answer(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authorized call. Raises AWSError."""
        if call.operation not in OPERATIONS and call.operation not in _OWN_OPERATIONS:
            raise not_simulated(call)
        call_input = valid_input(call)
        if call.operation == "ListClusters":
            return self._list_clusters(call, caller)
        if call.operation in _LISTED_PARTS:
            return self._list_parts(call, caller)
        if call.operation in _ADDON_OPERATIONS:
            return self._addons(call, caller)
        if self._concerns_embedded(call, caller):
            return self._embedded(call)
        operation = OPERATIONS[call.operation]
        running = self._store.run_eks(operation, call_input, account=caller.account, region=call.region)
        output = await run_refusable(call, running)
        return json_response(output, call.id)

    def _embedded(self, call: IdentifiedCall) -> HTTPResponse:
        """Answer a call about the embedded cluster: it is described, and not changed."""
        if call.operation == "DescribeCluster":
            return json_response({"cluster": _description(self._cluster)}, call.id)
        if call.operation == "ListTagsForResource":
            return json_response({"tags": {}}, call.id)
        call_input, name = parameters(call), self._cluster.name
        if not call.operation.startswith("Create"):
            for parameter, noun in (("nodegroupName", "node group"), ("fargateProfileName", "Fargate Profile")):
                if parameter in call_input:
                    raise AWSError("ResourceNotFoundException", 404, no_part(noun, call_input[parameter]))
        if call.operation == "CreateCluster":
            raise AWSError("ResourceInUseException", 409, f"Cluster already exists with name: {name}")
        raise AWSError(
            "InvalidRequestException", 400, f"{name} is podrole's embedded cluster: it cannot be changed through EKS."
        )

    def _list_clusters(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        names = self._store.eks(caller.account, call.region).cluster_names()
        if self.is_own(call, caller, self._cluster.name):
            names = [self._cluster.name, *names]
        page, following = page_of(names, call)
        return json_response({"clusters": page} | ({"nextToken": following} if following else {}), call.id)

    def _list_parts(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """List node groups or Fargate profiles; the embedded cluster has none."""
        member, kind = _LISTED_PARTS[call.operation]
        cluster = parameters(call)["clusterName"]
        if not self.exists(call, caller, cluster):
            raise no_cluster(cluster)
        names = [part.name for part in self._store.eks(caller.account, call.region).parts(kind, cluster)]
        page, following = page_of(names, call)
        return json_response({member: page} | ({"nextToken": following} if following else {}), call.id)

    def _addons(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """List add-ons or describe one: the embedded cluster has the Pod Identity agent, other clusters have none."""
        call_input = parameters(call)
        cluster, name = call_input["clusterName"], call_input.get("addonName")
        if not self.exists(call, caller, cluster):
            raise no_cluster(cluster)
        names = [AGENT_ADDON] if self.is_own(call, caller, cluster) else []
        if name is None:
            page, _ = page_of(names, call)  # the last: there is one add-on at most
            return json_response({"addons": page}, call.id)
        if name not in names:
            raise AWSError("ResourceNotFoundException", 404, f"No addon: {name} found in cluster: {cluster}")
        addon = {
            "addonName": name,
            "clusterName": cluster,
            "status": "ACTIVE",
            "addonVersion": "podrole.1",
            "health": {"issues": []},
            "addonArn": self._cluster.arn.replace(":cluster/", ":addon/") + f"/{name}/podrole",
            "createdAt": self._cluster.created_at,
            "modifiedAt": self._cluster.created_at,
            "tags": {},
        }
        return json_response({"addon": addon}, call.id)

    def exists(self, call: IdentifiedCall, caller: Caller, name: str) -> bool:
        """Return whether there is a cluster with that name, the embedded one or another."""
        state = self._store.eks(caller.account, call.region)
        return self.is_own(call, caller, name) or state.get(ClusterRecord, name) is not None

    def is_own(self, call: IdentifiedCall, caller: Caller, name: str) -> bool:
        """Return whether the caller means the embedded cluster by ``name``."""
        cluster = self._cluster
        return (name, caller.account, call.region) == (cluster.name, cluster.account, cluster.region)

    def _concerns_embedded(self, call: IdentifiedCall, caller: Caller) -> bool:
        call_input = parameters(call)
        name = call_input.get("clusterName", call_input.get("name", ""))
        return self.is_own(call, caller, name) or call_input.get("resourceArn") == self._cluster.arn


_LISTED_PARTS: Mapping[str, tuple[str, type[PartRecord]]] = {
    "ListFargateProfiles": ("fargateProfileNames", FargateProfileRecord),
    "ListNodegroups": ("nodegroups", NodegroupRecord),
}


_ADDON_OPERATIONS = ("DescribeAddon", "ListAddons")
_OWN_OPERATIONS = frozenset({"ListClusters", *_LISTED_PARTS, *_ADDON_OPERATIONS})
AGENT_ADDON = "eks-pod-identity-agent"


def valid_input(call: IdentifiedCall) -> Mapping[str, Any]:
    """Return the input of a call to EKS or EKS Auth. Raises AWSError if it does not fit the API's model."""
    call_input = parameters(call)
    faults = violations(call_input, operation_of(call).input_shape)
    if faults:
        raise AWSError("InvalidParameterException", 400, message(faults))
    return call_input


def no_cluster(name: str) -> AWSError:
    """Return the refusal of a call that names a cluster which does not exist."""
    return AWSError("ResourceNotFoundException", 404, f"No cluster found for name: {name}.")


def page_of(items: list[Any], call: IdentifiedCall) -> tuple[list[Any], str | None]:
    """Return the page that ``maxResults`` and ``nextToken`` ask for, and the token of the next. Raises AWSError."""
    call_input = parameters(call)
    limit, token = call_input.get("maxResults", 100), call_input.get("nextToken", "")
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
