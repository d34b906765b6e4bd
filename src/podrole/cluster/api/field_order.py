"""The order in which kube-apiserver writes an object's fields."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

_FIELD_ORDER = (
    *("kind", "apiVersion", "metadata"),
    *("immutable", "data", "binaryData", "type"),  # ConfigMap, Secret
    *("secrets", "imagePullSecrets", "automountServiceAccountToken"),  # ServiceAccount
)
_ORDERED = frozenset({*_FIELD_ORDER, "status"})
_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


def ordered(obj: Object) -> Object:
    """Return the object with its fields and its metadata in kube-apiserver's order."""
    metadata = obj["metadata"]
    fields = [*(name for name in _FIELD_ORDER if name in obj), *(name for name in obj if name not in _ORDERED)]
    return {
        **{name: obj[name] for name in fields},
        "metadata": {key: metadata[key] for key in _METADATA_ORDER if metadata.get(key) not in (None, {}, [])},
        **({"status": obj["status"]} if "status" in obj else {}),
    }
