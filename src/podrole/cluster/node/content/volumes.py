"""What the files of a volume are, and when its tokens are due. All pure: the objects referred to are passed in.

https://kubernetes.io/docs/concepts/storage/volumes/
https://kubernetes.io/docs/concepts/storage/projected-volumes/
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.content.environment import Reference, References, data_of, field_of, resource_of
from podrole.cluster.node.errors import ConfigProblem, MountProblem

DEFAULT_MODE = 0o644
OWNER_ONLY = 0o600
DEFAULT_TOKEN_SECONDS = 3600
REFRESH_AT = 0.8
REFRESH_AFTER_SECONDS = 24 * 3600
MAX_JITTER_SECONDS = 10.0
"""The kubelet asks for a new token at 80 % of the life or after 24 h, minus a jitter of up to 10 s."""

WRITTEN = ("configMap", "secret", "projected", "downwardAPI")
SUPPORTED = ("emptyDir", "hostPath", *WRITTEN)


@dataclass(frozen=True, slots=True)
class File:
    """``mode`` is the permission bits; ``owner`` is a uid, None for the node's own."""

    data: bytes
    mode: int = DEFAULT_MODE
    owner: int | None = None


@dataclass(frozen=True, slots=True)
class TokenAccess:
    """Who may read a token: its file has no more permissions than ``mode``. ``owner`` as in ``File``."""

    mode: int = OWNER_ONLY
    owner: int | None = None


@dataclass(frozen=True, slots=True)
class TokenWanted:
    """A projected token: ``key`` identifies the source in the volume. An empty audience is the API server's own."""

    key: str
    audience: str
    seconds: int


def kind_of(volume: Mapping[str, Any]) -> str:
    """Return the volume's kind. Raises MountProblem for a kind that this node does not support."""
    kind = next((field for field, value in volume.items() if field != "name" and value is not None), "emptyDir")
    if kind not in SUPPORTED:
        raise MountProblem(f"this node does not support volumes of kind {kind}; it supports {', '.join(SUPPORTED)}")
    return kind


def references_of(volume: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield the ConfigMaps and Secrets whose content a volume has."""
    if source := volume.get("configMap"):
        yield "configmaps", source["name"]
    if source := volume.get("secret"):
        yield "secrets", source["secretName"]
    for source in (volume.get("projected") or {}).get("sources") or ():
        if inner := source.get("configMap"):
            yield "configmaps", inner["name"]
        if inner := source.get("secret"):
            yield "secrets", inner["name"]


def tokens_of(volume: Mapping[str, Any]) -> Iterator[TokenWanted]:
    """Yield the tokens that a projected volume asks for."""
    for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
        if wanted := source.get("serviceAccountToken"):
            seconds = int(wanted.get("expirationSeconds") or DEFAULT_TOKEN_SECONDS)
            yield TokenWanted(f"{volume['name']}/{index}", wanted.get("audience") or "", seconds)


def token_access(readers: Collection[int | None], own: int) -> TokenAccess:
    """Return the access to a pod's tokens that its containers' users need (None: not known).

    ``own`` is the node's uid; only root can give a file to another user. As in the kubelet a token belongs to the only
    user of a pod; where there are several, or one that is not known, all users in the pod can read it. Nobody else can:
    the pod's directory is private.
    """
    if set(readers) <= {own}:
        return TokenAccess()
    only = next(iter(readers)) if len(readers) == 1 else None
    if own == 0 and only is not None:
        return TokenAccess(owner=only)
    return TokenAccess(DEFAULT_MODE)


def refresh_due(issued: float, expires: float, *, jitter: float) -> float:
    """Return when a token is to be renewed. Times are epoch seconds; ``jitter`` is 0 to ``MAX_JITTER_SECONDS``."""
    return min(issued + (expires - issued) * REFRESH_AT, issued + REFRESH_AFTER_SECONDS) - jitter


def files_of(
    volume: Mapping[str, Any],
    pod: Object,
    objects: References,
    tokens: Mapping[str, str],
    *,
    node_resources: Mapping[str, str],
    access: TokenAccess = TokenAccess(),
) -> dict[str, File]:
    """Return the files of a ``configMap``, ``secret``, ``downwardAPI`` or ``projected`` volume by relative path.

    ``tokens`` are by ``TokenWanted.key``. Raises MountProblem, worded as the kubelet does.
    """
    if source := volume.get("projected"):
        files: dict[str, File] = {}
        mode = source.get("defaultMode")
        for index, part in enumerate(source.get("sources") or ()):
            files.update(
                _projected(f"{volume['name']}/{index}", part, mode, pod, objects, tokens, node_resources, access)
            )
        return files
    if source := volume.get("configMap"):
        return _entries("configmaps", source["name"], source, source.get("defaultMode"), objects)
    if source := volume.get("secret"):
        return _entries("secrets", source["secretName"], source, source.get("defaultMode"), objects)
    source = volume.get("downwardAPI") or {}
    return _downward(source, source.get("defaultMode"), pod, node_resources)


def _projected(
    key: str,
    part: Mapping[str, Any],
    mode: int | None,
    pod: Object,
    objects: References,
    tokens: Mapping[str, str],
    node_resources: Mapping[str, str],
    access: TokenAccess,
) -> dict[str, File]:
    if wanted := part.get("serviceAccountToken"):
        token_mode = (DEFAULT_MODE if mode is None else mode) & access.mode
        return {_safe(wanted["path"]): File(tokens[key].encode(), token_mode, access.owner)}
    if source := part.get("configMap"):
        return _entries("configmaps", source["name"], source, mode, objects)
    if source := part.get("secret"):
        return _entries("secrets", source["name"], source, mode, objects)
    if source := part.get("downwardAPI"):
        return _downward(source, mode, pod, node_resources)
    raise MountProblem(f"this node does not support projected sources of kind {', '.join(sorted(part))}")


def _entries(
    resource: str, name: str, source: Mapping[str, Any], mode: int | None, objects: References
) -> dict[str, File]:
    default = DEFAULT_MODE if mode is None else mode
    optional = source.get("optional", False)
    owner = objects.get((resource, name))
    if owner is None:
        if optional:
            return {}
        raise MountProblem(f'{resource.removesuffix("s")} "{name}" not found')
    data = data_of(resource, owner)
    items = source.get("items")
    if not items:
        return {_safe(key): File(value, default) for key, value in data.items()}
    files: dict[str, File] = {}
    for item in items:
        value = data.get(item["key"])
        if value is None:
            if optional:
                continue
            kind = "config" if resource == "configmaps" else "secret"
            raise MountProblem(f"references non-existent {kind} key: {item['key']}")
        files[_safe(item["path"])] = File(value, default if item.get("mode") is None else item["mode"])
    return files


def _downward(
    source: Mapping[str, Any], mode: int | None, pod: Object, node_resources: Mapping[str, str]
) -> dict[str, File]:
    files: dict[str, File] = {}
    for item in source.get("items") or ():
        try:
            if field := item.get("fieldRef"):
                value = field_of(pod, field["fieldPath"])
            else:
                value = resource_of(pod, {}, item["resourceFieldRef"], node_resources)
        except ConfigProblem as problem:
            raise MountProblem(problem.what) from problem
        item_mode = item.get("mode")
        if item_mode is None:
            item_mode = DEFAULT_MODE if mode is None else mode
        files[_safe(item["path"])] = File(value.encode(), item_mode)
    return files


def _safe(path: str) -> str:
    """Return a file's path inside its volume. The API refuses some of these, too; here it is a write to a disk.

    Names that begin with two dots are the volume's own, however the path is written (``./..data``).
    """
    plain = posixpath.normpath(path)
    if not path or path.startswith("/") or plain.startswith("..") or ".." in path.split("/") or "\0" in path:
        raise MountProblem(f"invalid path {path!r}: it must be relative, must not contain '..' nor start with '..'")
    return plain
