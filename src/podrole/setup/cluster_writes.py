"""The writes to a cluster, each with its request in RBAC's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.setup.found import FoundServiceAccount
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import ClusterCall, PlannedWrite, WriteKind

_RESOURCE = "serviceaccounts"


def create_namespace(name: str) -> PlannedWrite:
    """Create a namespace."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    call = ClusterCall("create", "namespaces", "", name, body)
    return PlannedWrite(WriteKind.CREATE, f"namespace {name}", "", None, "", call)


def create_service_account(
    account: ServiceAccountName, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> PlannedWrite:
    """Create a service account."""
    metadata: dict[str, Any] = {"name": account.name, "namespace": account.namespace, "labels": dict(labels)}
    if annotations:
        metadata["annotations"] = dict(annotations)
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    after = "\n".join(f"{key}: {value}" for key, value in annotations.items())
    call = ClusterCall("create", _RESOURCE, account.namespace, account.name, body)
    return PlannedWrite(WriteKind.CREATE, f"service account {account}", "", None, after, call)


def patch_service_account(
    service_account: FoundServiceAccount, labels: Mapping[str, str | None], annotations: Mapping[str, str | None]
) -> PlannedWrite:
    """Set or remove (None) labels and annotations; everything else of the service account stays."""
    account = service_account.account
    metadata: dict[str, Any] = {"resourceVersion": service_account.resource_version}
    metadata |= {key: dict(value) for key, value in (("labels", labels), ("annotations", annotations)) if value}
    call = ClusterCall("patch", _RESOURCE, account.namespace, account.name, {"metadata": metadata})
    fields = ["labels"] * bool(labels) + ["annotations"] * bool(annotations)
    changes = [(labels, service_account.labels), (annotations, service_account.annotations)]
    before = [f"{key}: {old[key]}" for new, old in changes for key in new if key in old]
    after = [f"{key}: {value}" for new, _ in changes for key, value in new.items() if value is not None]
    return PlannedWrite(
        WriteKind.CHANGE,
        f"service account {account}",
        " and ".join(fields),
        "\n".join(before) or None,
        "\n".join(after) or None,
        call,
    )


def delete_service_account(service_account: FoundServiceAccount) -> PlannedWrite:
    """Delete a service account if it still is the one that was read."""
    account = service_account.account
    body = {"preconditions": {"uid": service_account.uid, "resourceVersion": service_account.resource_version}}
    call = ClusterCall("delete", _RESOURCE, account.namespace, account.name, body)
    return PlannedWrite(WriteKind.DELETE, f"service account {account}", "", "", None, call)
