"""A cluster as manifests describe it: rendered Helm and Kustomize output, or plain files.

Files are never the whole cluster: an object that is not in them may exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from podrole.doctor.errors import SourceError
from podrole.doctor.similarity import nearest
from podrole.doctor.sources.cluster import IssuedToken, Object, Workload
from podrole.doctor.sources.custom_resources import service_accounts
from podrole.doctor.sources.documents import FileDocument
from podrole.doctor.sources.items import Origin
from podrole.doctor.sources.terraform import kubernetes_objects
from podrole.webhook.patch.pod import read_pod

Key = tuple[str, str, str]
_PLURALS = {
    "serviceaccounts": "ServiceAccount",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "namespaces": "Namespace",
}
_TEMPLATED = frozenset(
    {"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
_WITHOUT_NAMESPACE = frozenset({"Namespace", "MutatingWebhookConfiguration"})
UNKNOWN_NAMESPACE = "namespace-not-known"
"""Stands for the namespace of objects that name none, if the user has not named it either: rendered charts leave it to
the command that applies them."""
Objects = list[Object]  # inside the class `list` is the method


class Manifests:
    """See ``podrole.doctor.sources.cluster.Cluster``. Each workload's template gives one pod."""

    def __init__(self, documents: list[FileDocument], namespace: str) -> None:
        """``namespace`` is that of objects that do not name one, empty if it is not known."""
        self._namespace = namespace
        self._objects: dict[Key, Object] = {}
        self.origins: dict[Key, Origin] = {}
        self.notes: list[str] = []
        for document in documents:
            for value, origin in _objects(document):
                self._add(value, origin)

    @property
    def what(self) -> str:
        """See Cluster."""
        return "the manifests"

    def _add(self, value: Object, origin: Origin) -> None:
        metadata = value["metadata"]
        kind = str(value["kind"])
        why = _misshapen(kind, value)
        if why:
            self.notes.append(f"{origin.document.path}:{origin.line()}: {kind} {metadata.get('name')}: {why}.")
            return
        namespace = "" if kind in _WITHOUT_NAMESPACE else str(metadata.get("namespace") or self._namespace)
        if kind not in _WITHOUT_NAMESPACE and not namespace:
            namespace = UNKNOWN_NAMESPACE
        key = (kind, namespace, str(metadata.get("name") or metadata.get("generateName") or ""))
        self._objects[key] = {**value, "metadata": {**metadata, "namespace": namespace, "name": key[2]}}
        self.origins[key] = origin

    def service_accounts(self) -> list[tuple[str, str]]:
        """Return the service accounts that are in the files, or that a pod in them runs under."""
        named = {(namespace, name) for kind, namespace, name in self._objects if kind == "ServiceAccount"}
        used = {(pod["metadata"]["namespace"], _account_of(pod)) for pod in self._pods("")}
        return sorted(named | {account for account in used if account[1] != "default"})

    def annotations(self) -> Iterator[str]:
        """Yield the values of all annotations of service accounts."""
        for (kind, _, _), value in self._objects.items():
            if kind == "ServiceAccount":
                yield from map(str, (value["metadata"].get("annotations") or {}).values())

    def origin_of_user(self, namespace: str, service_account: str) -> Origin | None:
        """Return a workload whose pods run under a service account."""
        for (kind, where, name), value in self._objects.items():
            makes_pods = where == namespace and (kind == "Pod" or kind in _TEMPLATED)
            if makes_pods and _account_of(_pod_of(kind, value)) == service_account:
                return self.origins[kind, where, name]
        return None

    async def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """See Cluster. None for a service account if the files have one with a similar name: it is misspelled."""
        kind = _PLURALS.get(resource, "")
        manifest = self._objects.get((kind, namespace, name))
        if manifest is None:
            others = [other for of, where, other in self._objects if (of, where) == (kind, namespace)]
            if kind == "ServiceAccount" and nearest(name, others) is not None:
                return None
            raise SourceError(f"{kind or resource} {namespace}/{name} is not in these files.")
        return manifest

    async def list(self, resource: str, namespace: str = "") -> Objects:
        """See Cluster."""
        if resource == "pods":
            return self._pods(namespace)
        if resource not in _PLURALS:
            raise SourceError(f"Files do not show which {resource} a cluster has.")
        kind = _PLURALS[resource]
        return [
            manifest for (of, where, _), manifest in self._objects.items() if of == kind and namespace in ("", where)
        ]

    def _pods(self, namespace: str) -> Objects:
        return [
            _pod_of(kind, manifest)
            for (kind, where, _), manifest in self._objects.items()
            if (kind == "Pod" or kind in _TEMPLATED) and namespace in ("", where)
        ]

    async def discovery_document(self) -> Object:
        """See Cluster. Raises SourceError."""
        raise SourceError("Files do not name a cluster's issuer.", next_step="--issuer URL")

    async def keys(self) -> Object:
        """See Cluster. Raises SourceError."""
        raise SourceError("Files do not have a cluster's keys.")

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IssuedToken:  # noqa: ARG002 - the Protocol's
        """See Cluster. Raises SourceError."""
        raise SourceError("Files cannot issue tokens.")

    async def admit(self, pod: Object) -> Object:  # noqa: ARG002 - the Protocol's
        """See Cluster. Raises SourceError."""
        raise SourceError("Files cannot admit pods.")


def _objects(document: FileDocument) -> Iterator[tuple[Object, Origin]]:
    """Yield the Kubernetes objects of a document; of a List, its items."""
    pending = [(document.value, Origin(document))]
    while pending:
        value, origin = pending.pop(0)
        if not isinstance(value, dict) or not isinstance(value.get("kind"), str) or "apiVersion" not in value:
            continue
        if value["kind"].endswith("List") and isinstance(value.get("items"), list):
            pending += [(item, origin.at("items", position)) for position, item in enumerate(value["items"])]
        elif isinstance(value.get("metadata"), dict):
            yield value, origin
    yield from service_accounts(document)
    for made, place in kubernetes_objects(document):
        if isinstance(made.get("metadata"), dict) and isinstance(made.get("kind"), str):
            yield made, place


def _misshapen(kind: str, value: Object) -> str:
    """Return why an object cannot be examined; empty if it can."""
    annotations = value["metadata"].get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        return "its annotations are not a map"
    if kind != "Pod" and kind not in _TEMPLATED:
        return ""
    try:
        read_pod(_pod_of(kind, {**value, "metadata": {"namespace": "", "name": "", **value["metadata"]}}))
    except msgspec.ValidationError as problem:
        return f"a cluster would reject this pod: {problem}"
    return ""


def _pod_of(kind: str, value: Object) -> Object:
    """Return the pod that a workload's template gives."""
    if kind == "Pod":
        return value
    metadata = value["metadata"]
    template: Any = value
    for step in Workload(kind, "", "").template:
        template = template.get(step) if isinstance(template, dict) else None
    template = template if isinstance(template, dict) else {}
    own = template.get("metadata") if isinstance(template.get("metadata"), dict) else {}
    owner = {"controller": True, "kind": kind, "name": metadata["name"]}
    made = {**own, "name": metadata["name"], "namespace": metadata["namespace"], "ownerReferences": [owner]}
    return {"kind": "Pod", "metadata": made, "spec": template.get("spec") or {}}


def _account_of(pod: Object) -> str:
    spec = pod.get("spec") or {}
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")
