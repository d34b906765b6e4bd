"""The EKS Pod Identity associations of a world: which service account of which cluster has which role."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.sts.pod_identity import Association

MAX_OF_A_CLUSTER = 5_000
"""https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An association with what the API tells of it. Times are epoch seconds."""

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
        it = self.association
        found: dict[str, Any] = {
            **self.summary(),
            "roleArn": it.role_arn,
            "tags": dict(self.tags),
            "createdAt": self.created_at,
            "modifiedAt": self.modified_at,
            "disableSessionTags": not it.session_tags,
        }
        if it.target_role_arn is not None:
            found |= {"targetRoleArn": it.target_role_arn, "externalId": it.external_id}
        if it.policy is not None:
            found["policy"] = it.policy
        return found

    def summary(self) -> dict[str, Any]:
        """Return it as EKS lists one."""
        return {
            "clusterName": self.cluster,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "associationArn": self.association.arn,
            "associationId": self.association.id,
        }


_Place = tuple[str, str, str]  # account, region and cluster: names of clusters are theirs


class Associations:
    """All associations, by cluster. ``changed`` is called after every change."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._by_id: dict[_Place, dict[str, Stored]] = {}
        self._changed = changed

    def of(self, place: _Place) -> list[Stored]:
        """Return a cluster's, oldest first."""
        return list(self._by_id.get(place, {}).values())

    def get(self, place: _Place, association_id: str) -> Stored | None:
        """Return one by its id."""
        return self._by_id.get(place, {}).get(association_id)

    def find(self, place: _Place, namespace: str, service_account: str) -> Stored | None:
        """Return the one of a service account."""
        wanted = (namespace, service_account)
        return next((one for one in self.of(place) if (one.namespace, one.service_account) == wanted), None)

    def put(self, place: _Place, stored: Stored) -> None:
        """Keep a new one, or another version of one."""
        self._by_id.setdefault(place, {})[stored.association.id] = stored
        self._changed()

    def retag(self, place: _Place, stored: Stored, tags: Mapping[str, str]) -> None:
        """Keep one with other tags, which mean nothing to pods."""
        self._by_id[place][stored.association.id] = dataclasses.replace(stored, tags=tags)

    def remove(self, place: _Place, association_id: str) -> None:
        """Forget one."""
        del self._by_id[place][association_id]
        self._changed()

    def clear(self) -> None:
        """Forget all."""
        self._by_id.clear()
        self._changed()
