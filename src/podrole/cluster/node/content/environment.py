"""A container's environment and command line, as the kubelet makes them. Pure: the objects referred to are passed in.

https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.errors import ConfigProblem
from podrole.kube.quantity import in_units_of

Reference = tuple[str, str]
"""``("configmaps", name)`` or ``("secrets", name)``, in the pod's namespace."""
References = Mapping[Reference, Object | None]
"""The object of each reference; None if it does not exist."""

_SINGULAR = {"configmaps": "configmap", "secrets": "secret"}
_KIND = {"configmaps": "ConfigMap", "secrets": "Secret"}
_SUBSCRIPT = re.compile(r"metadata\.(annotations|labels)\['([^']*)'\]")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable; an unknown one stays as it is, ``$$`` is a dollar sign."""
    parts: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0 and dollar + 1 < len(text):
        parts.append(text[position:dollar])
        follower = text[dollar + 1]
        end = text.find(")", dollar + 2) if follower == "(" else -1
        if follower == "$":
            parts.append("$")
            position = dollar + 2
        elif end >= 0:
            name = text[dollar + 2 : end]
            parts.append(variables.get(name, f"$({name})"))
            position = end + 1
        else:
            parts.append("$" + follower)
            position = dollar + 2
    parts.append(text[position:])
    return "".join(parts)


def references_of(container: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield the ConfigMaps and Secrets that a container's environment refers to."""
    for source in container.get("envFrom") or ():
        for field, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if name := (source.get(field) or {}).get("name"):
                yield resource, name
    for variable in container.get("env") or ():
        origin = variable.get("valueFrom") or {}
        for field, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if name := (origin.get(field) or {}).get("name"):
                yield resource, name


def data_of(resource: str, obj: Object) -> dict[str, bytes]:
    """Return the entries of a ConfigMap (``data`` and ``binaryData``) or Secret."""
    if resource == "secrets":
        return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    data = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    data.update((key, base64.b64decode(value)) for key, value in (obj.get("binaryData") or {}).items())
    return data


def environment_of(
    pod: Object,
    container: Mapping[str, Any],
    objects: References,
    *,
    node_resources: Mapping[str, str],
    services: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the container's own variables: those of ``services``, ``envFrom``, then ``env``, the last of which wins.

    Raises ConfigProblem, worded as the kubelet does, for a missing ConfigMap, Secret or key that is not optional.
    """
    variables: dict[str, str] = dict(services or {})
    for source in container.get("envFrom") or ():
        variables.update(_everything_of(source, objects))
    for variable in container.get("env") or ():
        name = variable["name"]
        if value := variable.get("value"):
            variables[name] = expand(value, variables)
        elif origin := variable.get("valueFrom"):
            computed = _value_from(pod, container, origin, objects, node_resources)
            if computed is not None:
                variables[name] = computed
        else:
            variables[name] = ""
    return {name: value for name, value in variables.items() if name and "=" not in name and "\0" not in name + value}


def _everything_of(source: Mapping[str, Any], objects: References) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    field, resource = ("secretRef", "secrets") if source.get("secretRef") else ("configMapRef", "configmaps")
    reference = source.get(field) or {}
    owner = objects.get((resource, reference.get("name", "")))
    if owner is None:
        if reference.get("optional"):
            return {}
        raise ConfigProblem(f'{_SINGULAR[resource]} "{reference.get("name", "")}" not found')
    return {prefix + key: value.decode(errors="replace") for key, value in data_of(resource, owner).items()}


def _value_from(
    pod: Object,
    container: Mapping[str, Any],
    origin: Mapping[str, Any],
    objects: References,
    node_resources: Mapping[str, str],
) -> str | None:
    if selector := origin.get("configMapKeyRef"):
        return _key_of("configmaps", selector, pod, objects)
    if selector := origin.get("secretKeyRef"):
        return _key_of("secrets", selector, pod, objects)
    if selector := origin.get("fieldRef"):
        return field_of(pod, selector["fieldPath"])
    if selector := origin.get("resourceFieldRef"):
        return resource_of(pod, container, selector, node_resources)
    raise ConfigProblem(f"this node does not support environment values from {', '.join(sorted(origin))}")


def _key_of(resource: str, selector: Mapping[str, Any], pod: Object, objects: References) -> str | None:
    owner = objects.get((resource, selector["name"]))
    optional = selector.get("optional", False)
    if owner is None:
        if optional:
            return None
        raise ConfigProblem(f'{_SINGULAR[resource]} "{selector["name"]}" not found')
    value = data_of(resource, owner).get(selector["key"])
    if value is None:
        if optional:
            return None
        namespace = pod["metadata"]["namespace"]
        raise ConfigProblem(f"couldn't find key {selector['key']} in {_KIND[resource]} {namespace}/{selector['name']}")
    return value.decode(errors="replace")


def field_of(pod: Object, path: str) -> str:
    """Return a field of a pod for the downward API. Raises ConfigProblem for a path that it does not have."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    if match := _SUBSCRIPT.fullmatch(path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        entries = metadata.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f"{key}={_go_quoted(value)}" for key, value in sorted(entries.items()))
    simple: dict[str, Any] = {
        "metadata.name": metadata.get("name"),
        "metadata.namespace": metadata.get("namespace"),
        "metadata.uid": metadata.get("uid"),
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.hostIP": status.get("hostIP"),
        "status.hostIPs": ",".join(entry["ip"] for entry in status.get("hostIPs") or ()),
        "status.podIP": status.get("podIP"),
        "status.podIPs": ",".join(entry["ip"] for entry in status.get("podIPs") or ()),
    }
    if path not in simple:
        raise ConfigProblem(f"unsupported fieldPath: {path}")
    return str(simple[path] or "")


def resource_of(
    pod: Object, container: Mapping[str, Any], selector: Mapping[str, Any], node_resources: Mapping[str, str]
) -> str:
    """Return a container's request or limit; a limit that is not set is what the node has."""
    name = selector.get("containerName")
    if name and name != container.get("name"):
        spec = pod["spec"]
        everyone = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        container = next((other for other in everyone if other["name"] == name), {})
        if not container:
            raise ConfigProblem(f"container {name} not found")
    which, _, resource = selector["resource"].partition(".")
    amounts = (container.get("resources") or {}).get(which) or {}
    amount = amounts.get(resource)
    if amount is None:
        amount = node_resources.get(resource, "0") if which == "limits" else "0"
    try:
        return str(in_units_of(str(amount), str(selector.get("divisor") or "1")))
    except ValueError as problem:
        raise ConfigProblem(str(problem)) from problem


def _go_quoted(text: str) -> str:
    """Quote as Go's ``%q``, which the downward API uses for labels and annotations."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return (
        '"'
        + "".join(escapes.get(letter) or (letter if letter.isprintable() else ascii(letter)[1:-1]) for letter in text)
        + '"'
    )
