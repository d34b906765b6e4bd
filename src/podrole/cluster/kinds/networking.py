"""Ingress, IngressClass, NetworkPolicy, Endpoints and EndpointSlice."""

from __future__ import annotations

from typing import Any

from podrole.cluster.core.errors import FieldError, required
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.plain import plain_kind, text_at, value_at
from podrole.cluster.tables.cells import NONE, selector
from podrole.cluster.tables.layout import Column

_CORE, _DISCOVERY, _NETWORKING = "io.k8s.api.core.v1", "io.k8s.api.discovery.v1", "io.k8s.api.networking.v1"
_SHOWN = 3
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _default_policy(policy: Object) -> None:
    spec = policy["spec"]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
        for port in rule.get("ports", ()):
            port.setdefault("protocol", "TCP")


def _validate_ingress(ingress: Object) -> list[FieldError]:
    spec = ingress["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        return [required("spec", "either `defaultBackend` or `rules` must be specified")]
    return [
        required(f"spec.rules[{number}].http.paths[{index}].pathType", "pathType must be specified")
        for number, rule in enumerate(spec.get("rules", ()))
        for index, path in enumerate((rule.get("http") or {}).get("paths", ()))
        if path.get("pathType") not in _PATH_TYPES
    ]


def _default_class(ingress_class: Object) -> None:
    parameters = ingress_class["spec"].get("parameters")
    if parameters is not None:
        parameters.setdefault("scope", "Cluster")


def _validate_class(ingress_class: Object) -> list[FieldError]:
    return [] if ingress_class["spec"].get("controller") else [required("spec.controller")]


def _default_slice(endpoint_slice: Object) -> None:
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _default_endpoints(endpoints: Object) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _hosts(ingress: Object) -> str:
    hosts = [rule["host"] for rule in ingress["spec"].get("rules") or () if rule.get("host")]
    return _shortened(hosts) or "*"


def _addresses(ingress: Object) -> str:
    ingresses = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return ",".join(each.get("ip") or each.get("hostname", "") for each in ingresses)


def _parameters(ingress_class: Object) -> str:
    parameters = ingress_class["spec"].get("parameters")
    if not parameters:
        return NONE
    group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
    return f"{parameters['kind']}{group}/{parameters['name']}"


def _shortened(items: list[str]) -> str:
    text = ",".join(items[:_SHOWN])
    return f"{text} + {len(items) - _SHOWN} more..." if len(items) > _SHOWN else text


def _subset_addresses(endpoints: Object) -> str:
    addresses = [
        f"{address['ip']}:{port['port']}" if port else str(address["ip"])
        for subset in endpoints.get("subsets") or ()
        for port in subset.get("ports") or (None,)
        for address in subset.get("addresses") or ()
    ]
    return _shortened(addresses) or NONE


def _slice_ports(endpoint_slice: Object) -> str:
    return _shortened([str(port.get("port", "*")) for port in endpoint_slice.get("ports") or ()]) or "<unset>"


def _slice_addresses(endpoint_slice: Object) -> str:
    addresses: list[Any] = [
        address for each in endpoint_slice.get("endpoints") or () for address in each.get("addresses") or ()
    ]
    return _shortened(addresses) or "<unset>"


INGRESS = plain_kind(
    f"{_NETWORKING}.Ingress",
    "networking.k8s.io",
    "ingresses",
    (
        (
            Column("Class", f"{_NETWORKING}.IngressSpec.ingressClassName"),
            text_at("spec", "ingressClassName", default=NONE),
        ),
        (Column("Hosts", f"{_NETWORKING}.IngressRule.host"), _hosts),
        (Column("Address", f"{_NETWORKING}.IngressStatus.loadBalancer"), _addresses),
        (
            Column("Ports", description="Ports of TLS configurations that open"),
            lambda ingress: "80, 443" if ingress["spec"].get("tls") else "80",
        ),
    ),
    short_names=("ing",),
    status={"loadBalancer": {}},
    counts_generations=True,
    validate=_validate_ingress,
)

INGRESS_CLASS = plain_kind(
    f"{_NETWORKING}.IngressClass",
    "networking.k8s.io",
    "ingressclasses",
    (
        (Column("Controller", f"{_NETWORKING}.IngressClassSpec.controller"), value_at("spec", "controller")),
        (Column("Parameters", f"{_NETWORKING}.IngressClassSpec.parameters"), _parameters),
    ),
    namespaced=False,
    counts_generations=True,
    default=_default_class,
    validate=_validate_class,
)

NETWORK_POLICY = plain_kind(
    f"{_NETWORKING}.NetworkPolicy",
    "networking.k8s.io",
    "networkpolicies",
    (
        (
            Column("Pod-Selector", f"{_NETWORKING}.NetworkPolicySpec.podSelector"),
            lambda policy: selector(policy["spec"].get("podSelector")),
        ),
    ),
    short_names=("netpol",),
    counts_generations=True,
    default=_default_policy,
    not_enforced="podrole does not enforce network policies",
)

ENDPOINTS = plain_kind(
    f"{_CORE}.Endpoints",
    "",
    "endpoints",
    ((Column("Endpoints", f"{_CORE}.Endpoints.subsets"), _subset_addresses),),
    short_names=("ep",),
    default=_default_endpoints,
)

ENDPOINT_SLICE = plain_kind(
    f"{_DISCOVERY}.EndpointSlice",
    "discovery.k8s.io",
    "endpointslices",
    (
        (Column("AddressType", f"{_DISCOVERY}.EndpointSlice.addressType"), value_at("addressType")),
        (Column("Ports", f"{_DISCOVERY}.EndpointSlice.ports"), _slice_ports),
        (Column("Endpoints", f"{_DISCOVERY}.EndpointSlice.endpoints"), _slice_addresses),
    ),
    counts_generations=True,
    default=_default_slice,
)

NETWORKING: tuple[Kind, ...] = (ENDPOINTS, ENDPOINT_SLICE, INGRESS_CLASS, INGRESS, NETWORK_POLICY)
