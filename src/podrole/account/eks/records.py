"""What EKS stores. Descriptions are kept in the API's own form; times are epoch seconds.

https://docs.aws.amazon.com/eks/latest/APIReference/API_Types.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.account.records import Record
from podrole.sts.pod_identity import Association

MOST_ASSOCIATIONS = 5_000
"""Of a cluster (https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord(Record):
    """A cluster; its ``id`` is its name. Nothing answers at its endpoint: the embedded cluster is not one of these."""

    table = "cluster"
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord(Record):
    """A node group or Fargate profile; its ``id`` is the cluster's name, a slash and its own."""

    description: Mapping[str, Any]

    @property
    def cluster(self) -> str:
        """The name of the cluster that it belongs to."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """Its own name."""
        return self.id.partition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodegroupRecord(PartRecord):
    """A node group. It has no nodes."""

    table = "nodegroup"


@dataclass(frozen=True, slots=True, kw_only=True)
class FargateProfileRecord(PartRecord):
    """A Fargate profile."""

    table = "fargate-profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRecord(Record):
    """A Pod Identity association with what the API shows of it; its ``id`` is the association's."""

    table = "association"
    association: Association
    cluster: str
    namespace: str
    service_account: str
    created_at: float
    modified_at: float
    tags: Mapping[str, str] = field(default_factory=dict)
    request_token: str | None = None

    def described(self) -> dict[str, Any]:
        """Return it as EKS describes one."""
        association = self.association
        description: dict[str, Any] = {
            **self.summary(),
            "roleArn": association.role_arn,
            "tags": dict(self.tags),
            "createdAt": self.created_at,
            "modifiedAt": self.modified_at,
            "disableSessionTags": not association.session_tags,
        }
        if association.target_role_arn is not None:
            description |= {"targetRoleArn": association.target_role_arn, "externalId": association.external_id}
        if association.policy is not None:
            description["policy"] = association.policy
        return description

    def summary(self) -> dict[str, Any]:
        """Return it as EKS lists one."""
        return {
            "clusterName": self.cluster,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "associationArn": self.association.arn,
            "associationId": self.association.id,
        }


RECORDS: Mapping[str, type[Record]] = {
    kind.table: kind for kind in (AssociationRecord, ClusterRecord, FargateProfileRecord, NodegroupRecord)
}
"""Every kind of record, by its name in the journal."""
