"""Discovery in its two forms, aggregated and unaggregated (https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api).

kubectl asks for the aggregated form; ``kubectl auth can-i`` and several client libraries use the unaggregated form.
"""

from __future__ import annotations

import functools
from typing import Any

from podrole.cluster.core.resources import Resource, Subresource
from podrole.cluster.kinds.registry import RESOURCES, group_versions
from podrole.cluster.publish.documents import Document

AGGREGATED_MEDIA_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@functools.lru_cache(maxsize=8)
def aggregated(custom: tuple[Resource, ...] = (), *, core: bool) -> Document:
    """Return the APIGroupDiscoveryList of ``/api`` (the core group) or of ``/apis`` (all others)."""
    members: dict[tuple[str, str], list[Resource]] = {}
    for resource in (*RESOURCES, *custom):
        members.setdefault((resource.group, resource.version), []).append(resource)
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {
                    "version": version,
                    "resources": [_aggregated(resource) for resource in members[group, version]],
                    "freshness": "Current",
                }
                for version in versions
            ],
        }
        for group, versions in _groups(custom).items()
        if (group == "") == core
    ]
    return Document.of(
        {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items},
        AGGREGATED_MEDIA_TYPE,
    )


def _aggregated(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": "", "version": "", "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": resource.verbs,
        **_other_names(resource),
    }
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": below.name,
                "responseKind": {"group": below.group, "version": below.version, "kind": below.kind},
                "verbs": below.verbs,
            }
            for below in resource.subresources
        ]
    return entry


@functools.cache
def api_versions() -> Document:
    """Return ``/api`` in the unaggregated form."""
    return Document.of({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


@functools.lru_cache(maxsize=8)
def api_group_list(custom: tuple[Resource, ...] = ()) -> Document:
    """Return ``/apis`` in the unaggregated form."""
    groups = [_group(group, its) for group, its in _groups(custom).items() if group]
    return Document.of({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})


def api_group(group: str, custom: tuple[Resource, ...] = ()) -> Document | None:
    """Return ``/apis/<group>``, None for an unknown group."""
    versions = _groups(custom).get(group)
    if not group or versions is None:
        return None
    return Document.of({"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)})


def _groups(custom: tuple[Resource, ...]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for group, version in group_versions(custom):
        groups.setdefault(group, []).append(version)
    return groups


def _group(group: str, versions: list[str]) -> dict[str, Any]:
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": entries, "preferredVersion": entries[0]}


def api_resource_list(group: str, version: str, custom: tuple[Resource, ...] = ()) -> Document | None:
    """Return ``/api/v1`` or ``/apis/<group>/<version>``, None for an unknown group or version."""
    if (group, version) not in group_versions(custom):
        return None
    return _api_resource_list(group, version, custom)


@functools.lru_cache(maxsize=128)  # of known groups only
def _api_resource_list(group: str, version: str, custom: tuple[Resource, ...]) -> Document:
    served = (*RESOURCES, *custom)
    members = [resource for resource in served if (resource.group, resource.version) == (group, version)]
    resources = [
        entry for member in members for entry in (_legacy(member), *(_below(member, s) for s in member.subresources))
    ]
    document: dict[str, Any] = {"kind": "APIResourceList"}
    if group:
        document["apiVersion"] = "v1"
    return Document.of({**document, "groupVersion": members[0].api_version, "resources": resources})


def _legacy(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
        **_other_names(resource),
    }


def _other_names(resource: Resource) -> dict[str, Any]:
    """Return the fields of the short names and categories, of which a resource may have none."""
    names = {"shortNames": resource.short_names, "categories": resource.categories}
    return {field: value for field, value in names.items() if value}


def _below(resource: Resource, below: Subresource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{resource.plural}/{below.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    if below.version:
        entry.update(group=below.group, version=below.version)
    return {**entry, "kind": below.kind, "verbs": below.verbs}
