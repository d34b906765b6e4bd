"""CustomResourceDefinition. Its storage version is served; its other versions are not."""

from __future__ import annotations

from podrole.cluster.core.errors import FieldError, invalid, not_supported, required
from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.schema.structural import malformed
from podrole.cluster.tables.layout import CREATED_AT, NAME, TableLayout
from podrole.kube.names import label_1035, subdomain

GROUP = "apiextensions.k8s.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
_OWN_GROUPS = frozenset(
    (
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    )
)
_SCOPES = ("Cluster", "Namespaced")


def default_definition(definition: Object) -> None:
    """Fill in the names and the conversion."""
    spec = definition["spec"]
    names = spec["names"]
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})


def prepare_definition(definition: Object) -> None:
    """Accept the names: a definition is established as soon as it is there. Its objects go before it."""
    names, metadata = definition["spec"]["names"], definition["metadata"]
    metadata["finalizers"] = [*(one for one in metadata.get("finalizers", ()) if one != CLEANUP), CLEANUP]
    texts = {
        "NamesAccepted": ("NoConflicts", "no conflicts found"),
        "Established": ("InitialNamesAccepted", "the initial names have been accepted"),
    }
    definition["status"] = {
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "lastTransitionTime": metadata["creationTimestamp"],
                "reason": reason,
                "message": message,
            }
            for kind, (reason, message) in texts.items()
        ],
        "acceptedNames": dict(names),
        "storedVersions": [version["name"] for version in definition["spec"].get("versions", ()) if version["storage"]],
    }


def validate_definition(definition: Object) -> list[FieldError]:
    """Check the names, the versions and the schemas."""
    spec = definition["spec"]
    names = spec["names"]
    errors = [required(f"spec.names.{key}") for key in ("plural", "kind") if not names.get(key)]
    if spec["group"] in _OWN_GROUPS:
        return [*errors, invalid("spec.group", spec["group"], "is a group of Kubernetes' own")]
    if not spec["group"]:
        return [*errors, required("spec.group")]
    errors.extend(invalid("spec.group", spec["group"], text) for text in subdomain(spec["group"]))
    errors.extend(invalid("spec.names.plural", names["plural"], text) for text in label_1035(names["plural"]))
    if "." not in spec["group"]:
        errors.append(invalid("spec.group", spec["group"], "should be a domain with at least one dot"))
    if definition["metadata"]["name"] != f"{names['plural']}.{spec['group']}":
        why = 'must be spec.names.plural+"."+spec.group'
        errors.append(invalid("metadata.name", definition["metadata"]["name"], why))
    if spec["scope"] not in _SCOPES:
        errors.append(not_supported("spec.scope", spec["scope"], _SCOPES))
    if spec["conversion"]["strategy"] != "None":
        why = "podrole has no conversion webhooks: expected None"
        errors.append(invalid("spec.conversion.strategy", spec["conversion"]["strategy"], why))
    versions = spec.get("versions", ())
    if sum(version["storage"] for version in versions) != 1:
        errors.append(
            invalid("spec.versions", len(versions), "must have exactly one version marked as storage version")
        )
    for index, version in enumerate(versions):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        field = f"spec.versions[{index}].schema.openAPIV3Schema"
        if schema is None:
            errors.append(required(field, "schemas are required"))
        elif schema.get("type") != "object":
            errors.append(required(f"{field}.type", "must be object at the root"))
        elif (fault := malformed(schema)) is not None:
            errors.append(invalid(field, "", fault))
    return errors


def validate_definition_update(new: Object, old: Object) -> list[FieldError]:
    """Check that the group, the names and the scope stay."""
    fields = [("group",), ("scope",), ("names", "plural"), ("names", "kind")]
    errors: list[FieldError] = []
    for path in fields:
        before, after = old["spec"], new["spec"]
        for key in path:
            before, after = before.get(key), after.get(key)
        if before != after:
            errors.append(invalid(f"spec.{'.'.join(path)}", after, "field is immutable"))
    return errors


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
        (NAME, CREATED_AT), lambda one, _: [one["metadata"]["name"], one["metadata"]["creationTimestamp"]]
    ),
    default=default_definition,
    prepare=prepare_definition,
    validate=validate_definition,
    validate_update=validate_definition_update,
    without={"selectable_fields": "Kubernetes selects it by metadata alone."},
)
