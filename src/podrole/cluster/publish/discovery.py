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


@functools.cache
def aggregated(*, core: bool) -> Document:
    """Return the APIGroupDiscoveryList of ``/api`` (the core group) or of ``/apis`` (all others)."""
    groups: dict[str, list[Resource]] = {}
    for one in RESOURCES:
        if (one.group == "") == core:
            groups.setdefault(one.group, []).append(one)
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [{"version": "v1", "resources": [_aggregated(one) for one in members], "freshness": "Current"}],
        }
        for group, members in groups.items()
    ]
    return Document.of(
        {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items},
        AGGREGATED_MEDIA_TYPE,
    )


def _aggregated(one: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": one.plural,
        "responseKind": {"group": "", "version": "", "kind": one.kind},
        "scope": "Namespaced" if one.namespaced else "Cluster",
        "singularResource": one.singular,
        "verbs": one.verbs,
    }
    if one.short_names:
        entry["shortNames"] = one.short_names
    if one.categories:
        entry["categories"] = one.categories
    if one.subresources:
        entry["subresources"] = [
            {
                "subresource": below.name,
                "responseKind": {"group": below.group, "version": below.version, "kind": below.kind},
                "verbs": below.verbs,
            }
            for below in one.subresources
        ]
    return entry


@functools.cache
def api_versions() -> Document:
    """Return ``/api`` in the unaggregated form."""
    return Document.of({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


@functools.cache
def api_group_list() -> Document:
    """Return ``/apis`` in the unaggregated form."""
    groups = [_group(group, version) for group, version in group_versions() if group]
    return Document.of({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})


def api_group(group: str) -> Document | None:
    """Return ``/apis/<group>``, None for an unknown group."""
    version = next((version for name, version in group_versions() if name == group and group), None)
    return _api_group(group, version) if version is not None else None


@functools.cache  # of known groups only, so that no client can fill it
def _api_group(group: str, version: str) -> Document:
    return Document.of({"kind": "APIGroup", "apiVersion": "v1", **_group(group, version)})


def _group(group: str, version: str) -> dict[str, Any]:
    this = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [this], "preferredVersion": this}


def api_resource_list(group: str, version: str) -> Document | None:
    """Return ``/api/v1`` or ``/apis/<group>/<version>``, None for an unknown group or version."""
    return _api_resource_list(group, version) if (group, version) in group_versions() else None


@functools.cache  # of known groups only, so that no client can fill it
def _api_resource_list(group: str, version: str) -> Document:
    members = [one for one in RESOURCES if (one.group, one.version) == (group, version)]
    resources = [entry for one in members for entry in (_legacy(one), *(_below(one, s) for s in one.subresources))]
    document: dict[str, Any] = {"kind": "APIResourceList"}
    if group:
        document["apiVersion"] = "v1"
    return Document.of({**document, "groupVersion": members[0].api_version, "resources": resources})


def _legacy(one: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": one.plural,
        "singularName": one.singular,
        "namespaced": one.namespaced,
        "kind": one.kind,
        "verbs": one.verbs,
    }
    if one.short_names:
        entry["shortNames"] = one.short_names
    if one.categories:
        entry["categories"] = one.categories
    return entry


def _below(one: Resource, below: Subresource) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": f"{one.plural}/{below.name}", "singularName": "", "namespaced": one.namespaced}
    if below.version:
        entry.update(group=below.group, version=below.version)
    return {**entry, "kind": below.kind, "verbs": below.verbs}
