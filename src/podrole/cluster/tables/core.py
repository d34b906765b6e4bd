"""The rows of the core group's other kinds, and of the webhook configurations."""

from __future__ import annotations

from typing import Any

from podrole.cluster.tables.cells import NONE, UNKNOWN, age, labels, since

Object = dict[str, Any]

_ROLE = "node-role.kubernetes.io/"


def named_cells(obj: Object, now: float) -> list[Any]:
    """Return a row of name and age alone (service accounts)."""
    return [obj["metadata"]["name"], age(obj, now)]


def namespace_cells(namespace: Object, now: float) -> list[Any]:
    """Return the cells of a Namespace."""
    return [namespace["metadata"]["name"], namespace.get("status", {}).get("phase", ""), age(namespace, now)]


def config_map_cells(config_map: Object, now: float) -> list[Any]:
    """Return the cells of a ConfigMap."""
    count = len(config_map.get("data", {})) + len(config_map.get("binaryData", {}))
    return [config_map["metadata"]["name"], count, age(config_map, now)]


def secret_cells(secret: Object, now: float) -> list[Any]:
    """Return the cells of a Secret."""
    return [secret["metadata"]["name"], secret.get("type", ""), len(secret.get("data", {})), age(secret, now)]


def webhook_cells(configuration: Object, now: float) -> list[Any]:
    """Return the cells of a webhook configuration."""
    return [configuration["metadata"]["name"], len(configuration.get("webhooks", ())), age(configuration, now)]


def event_cells(event: Object, now: float) -> list[Any]:
    """Return the cells of an Event."""
    first = event.get("firstTimestamp") or event.get("eventTime")
    series = event.get("series", {})
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or first
    involved = event.get("involvedObject", {})
    target = involved.get("kind", "").lower()
    if involved.get("name"):
        target = f"{target}/{involved['name']}"
    return [
        since(last, now),
        event.get("type", ""),
        event.get("reason", ""),
        target,
        involved.get("fieldPath", ""),
        _source(event),
        event.get("message", "").strip(),
        since(first, now),
        series.get("count") or event.get("count", 0),
        event["metadata"]["name"],
    ]


def _source(event: Object) -> str:
    source = event.get("source", {})
    component = source.get("component") or event.get("reportingComponent", "")
    host = source.get("host") or event.get("reportingInstance", "")
    return f"{component}, {host}" if host else component


def node_cells(node: Object, now: float) -> list[Any]:
    """Return the cells of a Node."""
    status = node.get("status", {})
    info = status.get("nodeInfo", {})
    addresses = {address.get("type"): address.get("address") for address in status.get("addresses", ())}
    return [
        node["metadata"]["name"],
        _node_status(node),
        _roles(node),
        age(node, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _node_status(node: Object) -> str:
    ready = next(
        (condition for condition in node.get("status", {}).get("conditions", ()) if condition.get("type") == "Ready"),
        None,
    )
    word = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else word


def _roles(node: Object) -> str:
    node_labels = node["metadata"].get("labels", {})
    roles = {key.removeprefix(_ROLE) for key in node_labels if key.startswith(_ROLE) and key != _ROLE}
    if node_labels.get("kubernetes.io/role"):
        roles.add(node_labels["kubernetes.io/role"])
    return ",".join(sorted(roles)) or NONE


def service_cells(service: Object, now: float) -> list[Any]:
    """Return the cells of a Service."""
    spec = service["spec"]
    kind = spec.get("type", "")
    return [
        service["metadata"]["name"],
        kind,
        spec.get("clusterIP") or NONE,
        _external(service, kind),
        _ports(spec.get("ports", ())),
        age(service, now),
        labels(spec.get("selector")),
    ]


def _external(service: Object, kind: str) -> str:
    spec = service["spec"]
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    addresses = list(spec.get("externalIPs", ()))
    if kind == "LoadBalancer":
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", ())
        assigned = [entry.get("ip") or entry.get("hostname", "") for entry in ingress]
        return ",".join((*assigned, *addresses)) or "<pending>"
    return ",".join(addresses) or NONE


def _ports(ports: Any) -> str:
    if not ports:
        return NONE
    return ",".join(
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if port.get("nodePort")
        else f"{port['port']}/{port['protocol']}"
        for port in ports
    )
