"""Rules for ``metadata``, the same for every kind (k8s.io/apimachinery ``api/validation/objectmeta.go``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.cluster.core.errors import FieldError, forbidden, invalid, quoted, required, too_long
from podrole.kube.names import NameRule, generated, label_value, qualified_name

Object = dict[str, Any]

MAX_ANNOTATION_BYTES = 256 * 1024
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def validate_metadata(obj: Object, name_rule: NameRule) -> list[FieldError]:
    """Check a new object's metadata. The namespace itself is the caller's to check."""
    metadata = obj["metadata"]
    errors: list[FieldError] = []
    prefix = metadata.get("generateName")
    if prefix:
        errors.extend(invalid("metadata.generateName", prefix, text) for text in generated(name_rule)(prefix))
    name = metadata.get("name")
    if not name:
        errors.append(required("metadata.name", "name or generateName is required"))
    else:
        errors.extend(invalid("metadata.name", name, text) for text in name_rule(name))
    errors.extend(_shared(metadata))
    return errors


def validate_metadata_update(new: Object, old: Object) -> list[FieldError]:
    """Check an update's metadata against what was there."""
    before, after = old["metadata"], new["metadata"]
    errors = [
        invalid(f"metadata.{field}", after.get(field), "field is immutable")
        for field in _IMMUTABLE
        if before.get(field) != after.get(field)
    ]
    if before.get("deletionTimestamp") is not None:
        added = set(after.get("finalizers", ())) - set(before.get("finalizers", ()))
        if added:
            errors.append(
                forbidden(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers "
                    f"{quoted(sorted(added))}",
                )
            )
    errors.extend(_shared(after))
    return errors


def _shared(metadata: Object) -> list[FieldError]:
    errors = validate_labels(metadata.get("labels", {}), "metadata.labels")
    errors.extend(validate_annotations(metadata.get("annotations", {}), "metadata.annotations"))
    errors.extend(_owners(metadata.get("ownerReferences", ())))
    for index, finalizer in enumerate(metadata.get("finalizers", ())):
        errors.extend(invalid(f"metadata.finalizers[{index}]", finalizer, text) for text in qualified_name(finalizer))
    return errors


def validate_labels(labels: Mapping[str, str], field: str) -> list[FieldError]:
    """Check the keys and values of labels; ``field`` is where they are."""
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors.extend(invalid(field, key, text) for text in qualified_name(key))
        errors.extend(invalid(field, value, text) for text in label_value(value))
    return errors


def validate_annotations(annotations: Mapping[str, str], field: str) -> list[FieldError]:
    """Check the keys and the size of annotations; ``field`` is where they are."""
    errors = [invalid(field, key, text) for key in annotations for text in qualified_name(key.lower())]
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > MAX_ANNOTATION_BYTES:
        errors.append(too_long(field, MAX_ANNOTATION_BYTES))
    return errors


def _owners(references: Any) -> list[FieldError]:
    errors: list[FieldError] = []
    controller = ""
    for index, reference in enumerate(references):
        field = f"metadata.ownerReferences[{index}]"
        errors.extend(
            invalid(f"{field}.{part}", "", f"{text} must not be empty")
            for part, text in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid"))
            if not reference.get(part)
        )
        if reference.get("controller"):
            if controller:
                errors.append(
                    invalid(
                        "metadata.ownerReferences",
                        reference,
                        'Only one reference can have Controller set to true. Found "true" in references for '
                        f"{controller} and {reference.get('name')}",
                    )
                )
            controller = reference.get("name", "")
    return errors
