"""EKS of one account in one region."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import TypeVar, cast

from podrole.account.eks.records import AssociationRecord, ClusterRecord, PartRecord
from podrole.account.records import Record, Scope

R = TypeVar("R", bound=Record)
P = TypeVar("P", bound=PartRecord)


class EKSState:
    """The clusters and associations of one account in one region."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self._tables: dict[str, dict[str, Record]] = collections.defaultdict(dict)
        self._by_service_account: dict[tuple[str, str, str], str] = {}

    @property
    def scope(self) -> Scope:
        """What the records are of."""
        return ("eks", self.account, self.region)

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record with that id."""
        return cast("R | None", self._tables[kind.table].get(record_id))

    def all(self) -> Iterator[Record]:
        """Yield every record."""
        for records in self._tables.values():
            yield from records.values()

    def put(self, record: Record) -> None:
        """Put a record in the place of the one with its id, or as a new one."""
        self._tables[record.table][record.id] = record
        if isinstance(record, AssociationRecord):
            self._by_service_account[record.cluster, record.namespace, record.service_account] = record.id

    def remove(self, record: Record) -> None:
        """Take the record with that id away, if there is one."""
        present = self._tables[record.table].pop(record.id, None)
        if isinstance(present, AssociationRecord):
            del self._by_service_account[present.cluster, present.namespace, present.service_account]

    def cluster_names(self) -> list[str]:
        """Return the names of the clusters, in order."""
        return sorted(self._tables[ClusterRecord.table])

    def parts(self, kind: type[P], cluster: str) -> list[P]:
        """Return the node groups or Fargate profiles of a cluster, in the order of their names."""
        parts = [part for part in cast("dict[str, P]", self._tables[kind.table]).values() if part.cluster == cluster]
        return sorted(parts, key=lambda part: part.name)

    def associations(self, cluster: str) -> list[AssociationRecord]:
        """Return the associations of a cluster, oldest first."""
        every = cast("dict[str, AssociationRecord]", self._tables[AssociationRecord.table]).values()
        return sorted(
            (association for association in every if association.cluster == cluster),
            key=lambda association: (association.created_at, association.id),
        )

    def association_of(self, cluster: str, namespace: str, service_account: str) -> AssociationRecord | None:
        """Return the association of a service account."""
        record_id = self._by_service_account.get((cluster, namespace, service_account))
        return self.get(AssociationRecord, record_id) if record_id is not None else None
