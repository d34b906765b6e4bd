"""Service."""

from __future__ import annotations

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.core import service_cells
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.cluster.validation.core import validate_service, validate_service_update
from podrole.kube.names import label_1035

_SPEC = "io.k8s.api.core.v1.ServiceSpec"


def default_service(service: Object) -> None:
    """Fill in the type, and each port's protocol and target."""
    spec = service["spec"]
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port["port"]
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")


def prepare_service(service: Object) -> None:
    """Give it the status of a service without a load balancer."""
    service["status"] = {"loadBalancer": {}}


SERVICE = Kind(
    Resource(
        "",
        "services",
        "Service",
        "io.k8s.api.core.v1.Service",
        short_names=("svc",),
        categories=("all",),
        subresources=(status_subresource("Service"),),
        returns_deleted=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Type", f"{_SPEC}.type"),
            Column("Cluster-IP", f"{_SPEC}.clusterIP"),
            Column("External-IP", f"{_SPEC}.externalIPs"),
            Column("Port(s)", f"{_SPEC}.ports"),
            AGE,
            Column("Selector", f"{_SPEC}.selector", wide=True),
        ),
        service_cells,
    ),
    selectable_fields=(("spec.clusterIP", at("spec", "clusterIP")), ("spec.type", at("spec", "type"))),
    default=default_service,
    name_rule=label_1035,
    prepare=prepare_service,
    validate=validate_service,
    validate_update=validate_service_update,
)
