"""A service account as the cluster has it, with the others of its namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.cluster import Cluster, Object
from podrole.doctor.unknown import UnknownFact, read_async


@dataclass(frozen=True, slots=True)
class ServiceAccountFacts:
    """``manifest`` is None if the service account does not exist. ``neighbours`` are all service accounts of its
    namespace, itself included."""

    manifest: Object | UnknownFact | None
    neighbours: tuple[Object, ...] | UnknownFact
    namespace_labels: Mapping[str, str] | UnknownFact


async def read_service_account(cluster: Cluster, target: DoctorTarget) -> ServiceAccountFacts:
    """Read a service account and its surroundings."""
    manifest, neighbours, namespace = await asyncio.gather(
        read_async(cluster.get("serviceaccounts", target.namespace, target.service_account)),
        read_async(cluster.list("serviceaccounts", target.namespace)),
        read_async(cluster.get("namespaces", "", target.namespace)),
    )
    return ServiceAccountFacts(
        manifest,
        neighbours if isinstance(neighbours, UnknownFact) else tuple(neighbours),
        namespace if isinstance(namespace, UnknownFact) else _labels(namespace),
    )


def _labels(namespace: Object | None) -> Mapping[str, str]:
    labels: Mapping[str, str] = (namespace or {}).get("metadata", {}).get("labels") or {}
    return labels
