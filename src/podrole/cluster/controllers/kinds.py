"""The kinds that controllers reach for by name: to own, to collect, to delete with their namespace."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.cluster.kinds.registry import RESOURCES


@dataclass(frozen=True, slots=True)
class KindOf:
    """A kind with the resource that ``ClusterClient`` knows it by."""

    api_version: str
    kind: str
    resource: str
    namespaced: bool = True


KINDS = tuple(
    KindOf(resource.api_version, resource.kind, resource.qualified, resource.namespaced)
    for resource in RESOURCES
    if resource.stored
)


def resource_of(api_version: str, kind: str) -> KindOf | None:
    """Return a kind by what an owner reference says; any version of its group will do. None for an unknown one."""
    group = api_version.rpartition("/")[0]
    return next((each for each in KINDS if each.kind == kind and each.api_version.rpartition("/")[0] == group), None)
