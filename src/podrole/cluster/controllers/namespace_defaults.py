"""What every namespace has: the ServiceAccount ``default`` and the ConfigMap with the cluster's CA certificate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, find, itself
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time

DEFAULT_ACCOUNT = "default"
ROOT_CA = "kube-root-ca.crt"
DESCRIPTION = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using "
    "internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed "
    "across distributions of Kubernetes clusters."
}
"""Word for word what kube-controller-manager writes: `kubectl get -o yaml` shows it."""


def its_namespace(name: str) -> KeysOf:
    """Return a function that returns the key of the namespace of objects called ``name``."""

    def keys(event: WatchEvent) -> Iterable[Key]:
        metadata = event.object["metadata"]
        return [("", metadata["namespace"])] if metadata["name"] == name else []

    return keys


class ServiceAccountController(Controller):
    """Creates the ServiceAccount ``default`` in every namespace, and again if it is deleted."""

    name = "service-account-controller"
    reconciles = "namespaces"

    def watched(self) -> Mapping[str, KeysOf]:
        return {"namespaces": itself, "serviceaccounts": its_namespace(DEFAULT_ACCOUNT)}

    async def reconcile(self, key: Key) -> None:
        namespace = key[1]
        if await _is_active(self.client, key) and not await find(
            self.client, "serviceaccounts", (namespace, DEFAULT_ACCOUNT)
        ):
            await _create(self.client, "serviceaccounts", namespace, {"metadata": {"name": DEFAULT_ACCOUNT}})


class RootCertificatePublisher(Controller):
    """Keeps the ConfigMap ``kube-root-ca.crt`` in every namespace, with the certificate it was given."""

    name = "root-ca-cert-publisher"
    reconciles = "namespaces"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder, certificate_pem: str) -> None:
        super().__init__(client, time, recorder)
        self._data = {"ca.crt": certificate_pem}

    def watched(self) -> Mapping[str, KeysOf]:
        return {"namespaces": itself, "configmaps": its_namespace(ROOT_CA)}

    async def reconcile(self, key: Key) -> None:
        namespace = key[1]
        if not await _is_active(self.client, key):
            return
        current = await find(self.client, "configmaps", (namespace, ROOT_CA))
        if current is None:
            metadata = {"name": ROOT_CA, "annotations": DESCRIPTION}
            await _create(self.client, "configmaps", namespace, {"metadata": metadata, "data": self._data})
        elif current.get("data") != self._data:
            await self.client.update("configmaps", namespace, ROOT_CA, current | {"data": self._data})


async def _is_active(client: ClusterClient, key: Key) -> bool:
    namespace = await find(client, "namespaces", key)
    return namespace is not None and not namespace["metadata"].get("deletionTimestamp")


async def _create(client: ClusterClient, resource: str, namespace: str, body: Object) -> None:
    kind = {"serviceaccounts": "ServiceAccount", "configmaps": "ConfigMap"}[resource]
    try:
        await client.create(resource, namespace, {"apiVersion": "v1", "kind": kind, **body})
    except StatusError as problem:
        if problem.reason != "AlreadyExists":  # it was created meanwhile: the watch shows it
            raise
