"""OpenAPI v3: an index, and one document for each group and version; of v2 only the envelope.

kubectl reads them to learn whether a kind can be patched and validated here, how its lists merge, and for
``kubectl explain``. https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.cluster.core.resources import Resource, Subresource
from podrole.cluster.kinds.registry import RESOURCES, group_versions
from podrole.cluster.publish.documents import Document
from podrole.cluster.publish.version import GIT_VERSION
from podrole.cluster.schema.types import META, extract

Json = dict[str, Any]

_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_LIST_PARAMETERS = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_TYPES = {
    "allowWatchBookmarks": "boolean",
    "force": "boolean",
    "limit": "integer",
    "sendInitialEvents": "boolean",
    "timeoutSeconds": "integer",
    "watch": "boolean",
}


@functools.lru_cache(maxsize=8)
def index(custom: tuple[Resource, ...] = ()) -> Document:
    """Return ``/openapi/v3``: the URL of each document, with its hash, so that clients can cache it."""
    paths = {}
    for group, version in group_versions(custom):
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        paths[path] = {
            "serverRelativeURL": f"/openapi/v3/{path}?hash={_document(group, version, _of_group(group, custom)).hash}"
        }
    return Document.of({"paths": paths}, "text/plain; charset=utf-8")


V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""As clients ask for it. It is answered with a dot for the @, which no media type may contain."""


@functools.cache
def version_2(*, protobuf: bool) -> Document:
    """Return ``/openapi/v2``: an empty document.

    kubectl asks for it before it applies objects of kind List. Kinds that are not in it are validated by the server
    alone, which validates every object.
    """
    title, version = "Kubernetes", GIT_VERSION
    if not protobuf:
        return Document.of({"swagger": "2.0", "info": {"title": title, "version": version}, "paths": {}})
    # openapi.v2.Document of gnostic (1 swagger, 2 info) and its Info (1 title, 2 version).
    info = _text(1, title) + _text(2, version)
    body = _text(1, "2.0") + b"\x12" + bytes([len(info)]) + info
    return Document(body, hashlib.sha512(body).hexdigest().upper(), V2_PROTOBUF.replace("@", "."))


def _text(number: int, value: str) -> bytes:
    """Write a protobuf field that is a string of less than 128 bytes."""
    return bytes([number << 3 | 2, len(value)]) + value.encode()


def document(group: str, version: str, custom: tuple[Resource, ...] = ()) -> Document | None:
    """Return the OpenAPI document of a group and version, None if they are unknown."""
    if (group, version) not in group_versions(custom):
        return None
    return _document(group, version, _of_group(group, custom))


def _of_group(group: str, custom: tuple[Resource, ...]) -> tuple[Resource, ...]:
    return tuple(resource for resource in custom if resource.group == group)


@functools.lru_cache(maxsize=64)  # of known groups only
def _document(group: str, version: str, custom: tuple[Resource, ...]) -> Document:
    members = [resource for resource in (*RESOURCES, *custom) if (resource.group, resource.version) == (group, version)]
    known = {**extract(), **_custom_definitions(members)}
    paths: Json = {}
    for member in members:
        paths.update(_paths(member))
    return Document.of(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.36"},
            "paths": paths,
            "components": {"schemas": {name: _schema(known[name]) for name in _needed(members, known)}},
        }
    )


def _custom_definitions(members: list[Resource]) -> Json:
    definitions: Json = {}
    for member in members:
        if member.custom is None:
            continue
        definitions[member.schema] = member.custom.definition
        definitions[f"{member.schema}List"] = {
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"$ref": f"{META}.ListMeta"},
                "items": {"type": "array", "items": {"$ref": member.schema}},
            },
            "x-kubernetes-group-version-kind": [
                {"group": member.group, "kind": f"{member.kind}List", "version": member.version}
            ],
        }
    return definitions


def _needed(members: list[Resource], known: Mapping[str, Any]) -> list[str]:
    waiting = [f"{META}.DeleteOptions", f"{META}.Status"]
    for member in members:
        waiting.append(member.schema)
        if member.stored:
            waiting.append(f"{member.schema}List")
        waiting.extend(below.schema for below in member.subresources if below.schema)
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in names and name in known:  # a default may have a key $ref
            names.add(name)
            waiting.extend(_references(known[name]))
    return sorted(names)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def _schema(schema: Mapping[str, Any]) -> Json:
    """Return a definition as kube-apiserver publishes it: a reference with a description stands inside ``allOf``."""
    result: Json = {}
    for key, value in schema.items():
        if key == "$ref":
            result["allOf"] = [{"$ref": f"#/components/schemas/{value}"}]
        elif key == "properties":
            result[key] = {name: _schema(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _schema(value)
        else:
            result[key] = value
    return result


def _paths(resource: Resource) -> Json:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    collection = (
        f"{root}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"
    )
    kind = {"group": resource.group, "kind": resource.kind, "version": resource.version}
    paths: Json = {collection: _collection(resource, kind)}
    if not resource.stored:
        return paths
    if resource.namespaced:
        paths[f"{root}/{resource.plural}"] = {
            "get": _operation("list", kind, f"{resource.schema}List", _LIST_PARAMETERS)
        }
    paths[f"{collection}/{{name}}"] = _item(resource.schema, kind, resource.verbs)
    for below in resource.subresources:
        paths[f"{collection}/{{name}}/{below.name}"] = _below(resource, below)
    return paths


def _collection(resource: Resource, kind: Json) -> Json:
    operations: Json = {"post": _operation("post", kind, resource.schema, _WRITE_PARAMETERS, body=resource.schema)}
    if "list" in resource.verbs:
        operations["get"] = _operation("list", kind, f"{resource.schema}List", _LIST_PARAMETERS)
    if "deletecollection" in resource.verbs:
        operations["delete"] = _operation(
            "deletecollection", kind, f"{META}.Status", _LIST_PARAMETERS, body=f"{META}.DeleteOptions"
        )
    return operations


def _item(schema: str, kind: Json, verbs: tuple[str, ...]) -> Json:
    operations: Json = {}
    if "get" in verbs:
        operations["get"] = _operation("get", kind, schema, ())
    if "update" in verbs:
        operations["put"] = _operation("put", kind, schema, _WRITE_PARAMETERS, body=schema)
    if "patch" in verbs:
        operations["patch"] = _operation(
            "patch", kind, schema, (*_WRITE_PARAMETERS, "force"), body=f"{META}.Patch", media_types=_PATCH_TYPES
        )
    if "delete" in verbs:
        parameters = ("dryRun", "gracePeriodSeconds", "propagationPolicy")
        operations["delete"] = _operation("delete", kind, f"{META}.Status", parameters, body=f"{META}.DeleteOptions")
    return operations


def _below(resource: Resource, below: Subresource) -> Json:
    kind = {
        "group": below.group if below.version else resource.group,
        "kind": below.kind,
        "version": below.version or resource.version,
    }
    if not below.schema and below.kind != resource.kind:
        return {"get": {"x-kubernetes-action": "connect", "x-kubernetes-group-version-kind": kind, "responses": {}}}
    schema = below.schema or resource.schema
    if "create" in below.verbs:
        return {"post": _operation("post", kind, schema, _WRITE_PARAMETERS, body=schema)}
    return _item(schema, kind, below.verbs)


def _operation(
    action: str,
    kind: Json,
    answer: str,
    parameters: tuple[str, ...],
    *,
    body: str = "",
    media_types: tuple[str, ...] = ("application/json",),
) -> Json:
    operation: Json = {
        "responses": {"200": {"description": "OK", "content": _content(answer, ("application/json",))}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": kind,
    }
    if parameters:
        operation["parameters"] = [
            {"in": "query", "name": name, "schema": {"type": _TYPES.get(name, "string"), "uniqueItems": True}}
            for name in parameters
        ]
    if body:
        operation["requestBody"] = {"content": _content(body, media_types)}
    return operation


def _content(schema: str, media_types: tuple[str, ...]) -> Json:
    # A patch is any object: its schema is not among the components.
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}} if not schema.endswith(".Patch") else {}
    return dict.fromkeys(media_types, content)
