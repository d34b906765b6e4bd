"""CustomResourceDefinition. Its served versions differ in ``apiVersion`` alone: there are no conversion webhooks."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.definition_rules import validate_definition, validate_definition_update
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.layout import CREATED_AT, NAME, TableLayout

GROUP = "apiextensions.k8s.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"


def default_definition(definition: Object) -> None:
    """Fill in the names and the conversion."""
    spec = definition["spec"]
    names = spec["names"]
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})


def prepare_definition(definition: Object) -> None:
    """See to it that its objects go before it. Its status follows from the other definitions: ``settled_status``."""
    metadata = definition["metadata"]
    metadata["finalizers"] = [
        *(finalizer for finalizer in metadata.get("finalizers", ()) if finalizer != CLEANUP),
        CLEANUP,
    ]
    definition.pop("status", None)


CUSTOM_RESOURCE_DEFINITION: Kind = Kind(
    Resource(
        GROUP,
        "customresourcedefinitions",
        "CustomResourceDefinition",
        _SCHEMA,
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=(status_subresource("CustomResourceDefinition"),),
        counts_generations=True,
    ),
    table=TableLayout(
        (NAME, CREATED_AT),
        lambda definition, _: [definition["metadata"]["name"], definition["metadata"]["creationTimestamp"]],
    ),
    default=default_definition,
    prepare=prepare_definition,
    validate=validate_definition,
    validate_update=validate_definition_update,
    takes_long=True,
    without={"selectable_fields": "Kubernetes selects it by metadata alone."},
)
