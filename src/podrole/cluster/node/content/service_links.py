"""The variables by which a container finds Services (``enableServiceLinks``), as the kubelet makes them. Pure.

https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from podrole.cluster.core.client import Object

_NONE = "None"


def service_variables(name: str, address: str, ports: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the variables of one Service."""
    prefix = name.upper().replace("-", "_")
    host, first = f"[{address}]" if ":" in address else address, ports[0]
    variables = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(first["port"])}
    for port in ports:
        if port.get("name"):
            suffix = str(port["name"]).upper().replace("-", "_")
            variables[f"{prefix}_SERVICE_PORT_{suffix}"] = str(port["port"])
    variables[f"{prefix}_PORT"] = _url(first, host)
    for port in ports:
        protocol = _protocol(port)
        port_prefix = f"{prefix}_PORT_{port['port']}_{protocol}"
        variables[port_prefix] = _url(port, host)
        variables[f"{port_prefix}_PROTO"] = protocol.lower()
        variables[f"{port_prefix}_PORT"] = str(port["port"])
        variables[f"{port_prefix}_ADDR"] = address
    return variables


def service_links(pod: Object, services: Iterable[Object]) -> dict[str, str]:
    """Return the variables for a pod of the Services of its namespace that have an address, unless it wants none."""
    if pod["spec"].get("enableServiceLinks") is False:
        return {}
    variables: dict[str, str] = {}
    for service in services:
        spec = service["spec"]
        address, ports = spec.get("clusterIP") or _NONE, spec.get("ports") or ()
        if address != _NONE and ports and spec.get("type") != "ExternalName":
            variables |= service_variables(service["metadata"]["name"], address, ports)
    return variables


def _url(port: Mapping[str, Any], host: str) -> str:
    return f"{_protocol(port).lower()}://{host}:{port['port']}"


def _protocol(port: Mapping[str, Any]) -> str:
    return str(port.get("protocol") or "TCP").upper()
