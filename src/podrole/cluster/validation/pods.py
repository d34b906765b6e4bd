"""Rules for pods and pod templates: those that people meet (k8s.io/kubernetes ``pkg/apis/core/validation``).

Rules of features that nothing here acts on (affinity, resize, device claims, Windows) are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podrole.cluster.core.errors import FieldError, duplicate, invalid, not_found, not_supported, required
from podrole.cluster.validation.volumes import validate_volumes
from podrole.kube.names import config_key, environment_name, label, port_name, subdomain

Object = dict[str, Any]

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_PORT_RANGE = "must be between 1 and 65535, inclusive"
_VALUE_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ONE_SOURCE = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
_FIELD_PATHS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)


def validate_pod_spec(spec: Object, field: str = "spec") -> list[FieldError]:
    """Check a pod's spec; ``field`` is where it stands."""
    errors = validate_volumes(spec.get("volumes", ()), f"{field}.volumes")
    volumes = {volume.get("name", "") for volume in spec.get("volumes", ())}
    if not spec.get("containers"):
        errors.append(required(f"{field}.containers"))
    seen: set[str] = set()
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind, ())):
            errors.extend(_container(container, f"{field}.{kind}[{index}]", volumes, seen))
    for key, choices in (("restartPolicy", _RESTART_POLICIES), ("dnsPolicy", _DNS_POLICIES)):
        value = spec.get(key)
        if value not in choices:
            errors.append(not_supported(f"{field}.{key}", value, choices))
    for key in ("serviceAccountName", "nodeName"):
        if spec.get(key):
            errors.extend(invalid(f"{field}.{key}", spec[key], text) for text in subdomain(spec[key]))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        errors.append(
            invalid(f"{field}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
        )
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        errors.append(
            invalid(
                f"{field}.terminationGracePeriodSeconds",
                spec["terminationGracePeriodSeconds"],
                "must be greater than or equal to 0",
            )
        )
    for index, reference in enumerate(spec.get("imagePullSecrets", ())):
        if not reference.get("name"):
            errors.append(required(f"{field}.imagePullSecrets[{index}].name"))
    return errors


def _container(container: Object, field: str, volumes: set[str], seen: set[str]) -> Iterator[FieldError]:
    name = container.get("name")
    if not name:
        yield required(f"{field}.name")
    else:
        for text in label(name):
            yield invalid(f"{field}.name", name, text)
        if name in seen:
            yield duplicate(f"{field}.name", name)
        seen.add(name)
    image = container.get("image", "")
    if not image:
        yield required(f"{field}.image")
    elif image != image.strip():
        yield invalid(f"{field}.image", image, "must not have leading or trailing whitespace")
    if container.get("imagePullPolicy") not in _PULL_POLICIES:
        yield not_supported(f"{field}.imagePullPolicy", container.get("imagePullPolicy"), _PULL_POLICIES)
    policy = container.get("terminationMessagePolicy")
    if policy not in ("File", "FallbackToLogsOnError"):
        yield not_supported(f"{field}.terminationMessagePolicy", policy, ("FallbackToLogsOnError", "File"))
    yield from _ports(container.get("ports", ()), f"{field}.ports")
    for index, variable in enumerate(container.get("env", ())):
        yield from _variable(variable, f"{field}.env[{index}]")
    for index, source in enumerate(container.get("envFrom", ())):
        yield from _variables(source, f"{field}.envFrom[{index}]")
    yield from _mounts(container.get("volumeMounts", ()), f"{field}.volumeMounts", volumes)
    yield from _resources(container["resources"], f"{field}.resources")


def _ports(ports: Any, field: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        here = f"{field}[{index}]"
        name = port.get("name")
        if name:
            for text in port_name(name):
                yield invalid(f"{here}.name", name, text)
            if name in names:
                yield duplicate(f"{here}.name", name)
            names.add(name)
        number = port.get("containerPort", 0)
        if not number:
            yield required(f"{here}.containerPort")
        elif not 1 <= number <= 65535:
            yield invalid(f"{here}.containerPort", number, _PORT_RANGE)
        if "hostPort" in port and not 1 <= port["hostPort"] <= 65535:
            yield invalid(f"{here}.hostPort", port["hostPort"], _PORT_RANGE)
        if port.get("protocol") not in ("TCP", "UDP", "SCTP"):
            yield not_supported(f"{here}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))


def _variable(variable: Object, field: str) -> Iterator[FieldError]:
    name = variable.get("name")
    if not name:
        yield required(f"{field}.name")
    else:
        for text in environment_name(name):
            yield invalid(f"{field}.name", name, text)
    source = variable.get("valueFrom")
    if source is None:
        return
    here = f"{field}.valueFrom"
    if variable.get("value"):
        yield invalid(here, "", "may not be specified when `value` is not empty")
    kinds = [kind for kind in _VALUE_SOURCES if kind in source]
    if not kinds:
        yield invalid(
            here,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        )
    elif len(kinds) > 1:
        yield invalid(here, "", "may not have more than one field specified at a time")
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            yield from _key_reference(source[kind], f"{here}.{kind}")
    if "fieldRef" in source:
        yield from _field_path(source["fieldRef"].get("fieldPath", ""), f"{here}.fieldRef.fieldPath")


def _key_reference(reference: Object, field: str) -> Iterator[FieldError]:
    if not reference.get("name"):
        yield required(f"{field}.name")
    if not reference.get("key"):
        yield required(f"{field}.key")
        return
    for text in config_key(reference["key"]):
        yield invalid(f"{field}.key", reference["key"], text)


def _field_path(path: str, field: str) -> Iterator[FieldError]:
    if not path:
        yield required(field)
    elif path.startswith(("metadata.labels['", "metadata.annotations['")) and path.endswith("']"):
        return
    elif path not in _FIELD_PATHS:
        if path.partition(".")[0] in ("metadata", "spec", "status"):
            yield not_supported(field, path, _FIELD_PATHS)
        else:
            yield invalid(field, path, f"error converting fieldPath: field label not supported: {path}")


def _variables(source: Object, field: str) -> Iterator[FieldError]:
    kinds = [kind for kind in ("configMapRef", "secretRef") if kind in source]
    if source.get("prefix"):
        for text in environment_name(source["prefix"]):
            yield invalid(f"{field}.prefix", source["prefix"], text)
    if not kinds:
        yield invalid(field, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(kinds) > 1:
        yield invalid(field, "", "may not have more than one field specified at a time")
    for kind in kinds:
        if not source[kind].get("name"):
            yield required(f"{field}.{kind}.name")


def _mounts(mounts: Any, field: str, volumes: set[str]) -> Iterator[FieldError]:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        here = f"{field}[{index}]"
        name, path = mount.get("name"), mount.get("mountPath")
        if not name:
            yield required(f"{here}.name")
        elif name not in volumes:
            yield not_found(f"{here}.name", name)
        if not path:
            yield required(f"{here}.mountPath")
        elif path in paths:
            yield invalid(f"{here}.mountPath", path, "must be unique")
        paths.add(path or "")
        for key in ("subPath", "subPathExpr"):
            value = mount.get(key, "")
            if value.startswith("/"):
                yield invalid(f"{here}.{key}", value, "must be a relative path")
            elif ".." in value.split("/"):
                yield invalid(f"{here}.{key}", value, "must not contain '..'")


def _resources(resources: Object, field: str) -> Iterator[FieldError]:
    for kind in ("limits", "requests"):
        for name, amount in resources.get(kind, {}).items():
            if amount.startswith("-"):
                yield invalid(f"{field}.{kind}[{name}]", amount, "must be greater than or equal to 0")
