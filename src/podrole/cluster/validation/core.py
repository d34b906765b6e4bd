"""Rules for the kinds of the core group that are no pods (k8s.io/kubernetes ``pkg/apis/core/validation``)."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.cluster.core.errors import FieldError, forbidden, invalid, not_supported, required, too_long
from podrole.kube.names import config_key, label, port_name

Object = dict[str, Any]

MAX_DATA_BYTES = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"
_PORT_RANGE = "must be between 1 and 65535, inclusive"
_ACCOUNT_ANNOTATION = "kubernetes.io/service-account.name"
_REQUIRED_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def validate_config_map(config_map: Object) -> list[FieldError]:
    """Check a ConfigMap: its keys and its size."""
    data, binary = config_map.get("data", {}), config_map.get("binaryData", {})
    errors = [*_keys(data, "data"), *_keys(binary, "binaryData")]
    errors.extend(
        invalid(f"data[{key}]", key, "duplicate of key present in binaryData") for key in data if key in binary
    )
    size = sum(len(value.encode()) for value in data.values()) + _decoded(binary)
    if size > MAX_DATA_BYTES:
        errors.append(too_long("", MAX_DATA_BYTES))
    return errors


def validate_config_map_update(new: Object, old: Object) -> list[FieldError]:
    """Check that an immutable ConfigMap is not changed."""
    return _immutable(new, old, ("data", "binaryData"))


def validate_secret(secret: Object) -> list[FieldError]:
    """Check a Secret: its keys, its size, and the keys that its type requires."""
    data = secret.get("data", {})
    errors = list(_keys(data, "data"))
    if _decoded(data) > MAX_DATA_BYTES:
        errors.append(too_long("data", MAX_DATA_BYTES))
    kind = secret["type"]
    errors.extend(required(f"data[{key}]") for key in _REQUIRED_KEYS.get(kind, ()) if key not in data)
    if kind == "kubernetes.io/service-account-token":
        if not secret["metadata"].get("annotations", {}).get(_ACCOUNT_ANNOTATION):
            errors.append(required(f"metadata.annotations[{_ACCOUNT_ANNOTATION}]"))
    elif kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        errors.extend(required(f"data[{key}]") for key in ("username", "password"))
    return errors


def validate_secret_update(new: Object, old: Object) -> list[FieldError]:
    """Check that an immutable Secret is not changed, and that the type stays."""
    errors = _immutable(new, old, ("data",))
    if new["type"] != old["type"]:
        errors.append(invalid("type", new["type"], "field is immutable"))
    return errors


def _keys(data: Mapping[str, str], field: str) -> Iterator[FieldError]:
    for key in data:
        for text in config_key(key):
            yield invalid(f"{field}[{key}]", key, text)


def _decoded(data: Mapping[str, str]) -> int:
    return sum(len(base64.b64decode(value)) for value in data.values())


def _immutable(new: Object, old: Object, fields: tuple[str, ...]) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    errors = [forbidden(name, _FROZEN) for name in fields if new.get(name) != old.get(name)]
    return errors if new.get("immutable") else [forbidden("immutable", _FROZEN), *errors]


def validate_service(service: Object) -> list[FieldError]:
    """Check a Service: its type and its ports."""
    spec = service["spec"]
    errors: list[FieldError] = []
    ports = spec.get("ports", ())
    kind = spec.get("type")
    if kind not in ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"):
        errors.append(not_supported("spec.type", kind, ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")))
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        errors.append(required("spec.ports"))
    for index, port in enumerate(ports):
        field = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            errors.append(required(f"{field}.name"))
        elif name:
            errors.extend(invalid(f"{field}.name", name, text) for text in label(name))
        if not 1 <= port.get("port", 0) <= 65535:
            errors.append(invalid(f"{field}.port", port.get("port", 0), _PORT_RANGE))
        target = port.get("targetPort")
        if isinstance(target, int) and not 1 <= target <= 65535:
            errors.append(invalid(f"{field}.targetPort", target, _PORT_RANGE))
        elif isinstance(target, str):
            errors.extend(invalid(f"{field}.targetPort", target, text) for text in port_name(target))
    if kind == "ExternalName" and not spec.get("externalName"):
        errors.append(required("spec.externalName"))
    return errors


def validate_service_update(new: Object, old: Object) -> list[FieldError]:
    """Check that the cluster IP stays."""
    before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
    if before and before != after and new["spec"]["type"] != "ExternalName":
        return [invalid("spec.clusterIP", after or "", "field is immutable")]
    return []


def validate_event(event: Object) -> list[FieldError]:
    """Check that an Event is in the namespace of its object."""
    errors: list[FieldError] = []
    namespace = event["metadata"].get("namespace", "")
    involved = event["involvedObject"].get("namespace", "")
    # An event about a cluster-scoped object lies in the namespace default.
    if namespace != (involved or "default"):
        errors.append(invalid("involvedObject.namespace", involved, "does not match event.namespace"))
    return errors
