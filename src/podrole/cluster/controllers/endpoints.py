"""The Endpoints and EndpointSlices of Services: the addresses of the pods that each Service selects.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, find, is_ending, key_of
from podrole.cluster.controllers.workloads import owner_reference, ready_since
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.pods import is_finished, target_port
from podrole.cluster.core.timing import Time

SERVICE_NAME, MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
ENDPOINTS_MANAGER = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}


class EndpointsController(Controller):
    """Writes the EndpointSlices and the Endpoints of each Service with a selector."""

    name = "endpointslice-controller"
    reconciles = "services"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._services: dict[str, set[str]] = collections.defaultdict(set)
        """The names of the Services with a selector, by namespace."""

    def watched(self) -> Mapping[str, KeysOf]:
        return {"services": self._of_service, "pods": self._of_pod}

    def _of_service(self, event: WatchEvent) -> Iterable[Key]:
        namespace, name = key = key_of(event.object)
        if event.type != "DELETED" and event.object["spec"].get("selector"):
            self._services[namespace].add(name)
        else:
            self._services[namespace].discard(name)
            if not self._services[namespace]:
                del self._services[namespace]
        return [key]

    def _of_pod(self, event: WatchEvent) -> Iterable[Key]:
        namespace, _ = key_of(event.object)
        return [(namespace, name) for name in self._services.get(namespace, ())]

    async def reconcile(self, key: Key) -> None:
        namespace = key[0]
        service = await find(self.client, "services", key)
        selector = service["spec"].get("selector") if service is not None else None
        if service is None or is_ending(service):
            await self._forget(key)
            return
        if not selector or service["spec"].get("type") == "ExternalName":
            return
        text = ",".join(f"{label}={value}" for label, value in selector.items())
        pods = await self.client.list("pods", namespace, label_selector=text)
        groups = by_ports(service, pods)
        await self._write_slices(service, [slice_of(service, json.loads(ports), its) for ports, its in groups.items()])
        await self._write_endpoints(
            service, [subset_of(service, json.loads(ports), its) for ports, its in groups.items()]
        )

    async def _write_slices(self, service: Object, wanted: list[Object]) -> None:
        namespace, name = key_of(service)
        selector = f"{SERVICE_NAME}={name},{MANAGED_BY}={MANAGER}"
        existing = await self.client.list("endpointslices.discovery.k8s.io", namespace, label_selector=selector)
        for body in wanted or [slice_of(service, [], ())]:
            alike = [each for each in existing if each["addressType"] == body["addressType"]]
            old = min(alike, key=lambda each: (each.get("ports") or []) != body["ports"], default=None)
            if old is None:
                await self.client.create("endpointslices.discovery.k8s.io", namespace, body)
                continue
            existing.remove(old)
            if (old.get("endpoints") or [], old.get("ports") or []) != (body["endpoints"], body["ports"]):
                patch = {"endpoints": body["endpoints"], "ports": body["ports"]}
                name = old["metadata"]["name"]
                await self.client.merge_patch("endpointslices.discovery.k8s.io", namespace, name, patch)
        for each in existing:
            await self.client.delete("endpointslices.discovery.k8s.io", namespace, each["metadata"]["name"])

    async def _write_endpoints(self, service: Object, subsets: list[Object]) -> None:
        namespace, name = key = key_of(service)
        existing = await find(self.client, "endpoints", key)
        if existing is None:
            metadata = {"name": name, "labels": ENDPOINTS_MANAGER | (service["metadata"].get("labels") or {})}
            await self.client.create("endpoints", namespace, {"metadata": metadata, "subsets": subsets})
        elif (existing.get("subsets") or []) != subsets:
            await self.client.merge_patch("endpoints", namespace, name, {"subsets": subsets})

    async def _forget(self, key: Key) -> None:
        """Delete the Endpoints of a Service that is gone. Its slices go with their owner."""
        existing = await find(self.client, "endpoints", key)
        if existing is not None and ENDPOINTS_MANAGER.items() <= (existing["metadata"].get("labels") or {}).items():
            await self.client.delete("endpoints", *key, uid=existing["metadata"]["uid"])


def by_ports(service: Object, pods: Sequence[Object]) -> dict[str, list[Object]]:
    """Return the pods that have an address, by the ports that the Service leads to there (as JSON)."""
    groups: dict[str, list[Object]] = {}
    for pod in sorted(pods, key=lambda each: str(each["metadata"]["name"])):
        if (pod.get("status") or {}).get("podIP") and not is_finished(pod):
            ports = json.dumps(list(_ports(service, pod)))
            groups.setdefault(ports, []).append(pod)
    return groups


def _ports(service: Object, pod: Object) -> Iterator[Object]:
    for port in service["spec"].get("ports") or ():
        number = target_port(pod, port)
        if number is not None:
            yield {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}


def _is_ready(service: Object, pod: Object) -> bool:
    ready = ready_since(pod) is not None or bool(service["spec"].get("publishNotReadyAddresses"))
    return ready and not is_ending(pod)


def slice_of(service: Object, ports: list[Object], pods: Sequence[Object]) -> Object:
    """Return the EndpointSlice of pods that have the same ports."""
    name = service["metadata"]["name"]
    endpoints = [
        {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {
                "ready": _is_ready(service, pod),
                "serving": ready_since(pod) is not None,
                "terminating": is_ending(pod),
            },
            "nodeName": pod["spec"].get("nodeName", ""),
            "targetRef": _reference(pod),
            **_hostname(service, pod),
        }
        for pod in pods
    ]
    labels = (service["metadata"].get("labels") or {}) | {SERVICE_NAME: name, MANAGED_BY: MANAGER}
    metadata = {"generateName": f"{name}-", "labels": labels, "ownerReferences": [owner_reference(service)]}
    address_type = "IPv6" if any(":" in pod["status"]["podIP"] for pod in pods) else "IPv4"
    return {"metadata": metadata, "addressType": address_type, "endpoints": endpoints, "ports": ports}


def subset_of(service: Object, ports: list[Object], pods: Sequence[Object]) -> Object:
    """Return the subset of an Endpoints of pods that have the same ports; no address list is empty."""
    addresses: dict[str, list[Object]] = {"addresses": [], "notReadyAddresses": []}
    for pod in pods:
        address = {"ip": pod["status"]["podIP"], "targetRef": _reference(pod), **_hostname(service, pod)}
        if pod["spec"].get("nodeName"):
            address["nodeName"] = pod["spec"]["nodeName"]
        addresses["addresses" if _is_ready(service, pod) else "notReadyAddresses"].append(address)
    named = [{key: value for key, value in port.items() if value} for port in ports]
    return {key: value for key, value in {**addresses, "ports": named}.items() if value}


def _hostname(service: Object, pod: Object) -> Object:
    """Return the name that a pod has below that of the Service: one of a StatefulSet has one."""
    spec = pod["spec"]
    named = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
    return {"hostname": spec["hostname"]} if named else {}


def _reference(pod: Object) -> Object:
    return {"kind": "Pod", **{key: pod["metadata"][key] for key in ("namespace", "name", "uid")}}
