"""Logins of registries from a pod's imagePullSecrets, by the kubelet's rules. Pure: the secrets are passed in.

https://kubernetes.io/docs/concepts/containers/images/#config-json
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.content.environment import Reference, data_of
from podrole.cluster.node.image_names import DEFAULT_REGISTRY, ImageReference
from podrole.cluster.node.runtime import RegistryLogin

_HUB = ("index.docker.io", "registry-1.docker.io", DEFAULT_REGISTRY)
"""The names by which Docker Hub is written in the files of docker login."""


def references_of(pod: Object) -> Iterator[Reference]:
    """Yield the secrets that a pod names. Those of its service account were added when the pod was created."""
    for reference in pod["spec"].get("imagePullSecrets") or ():
        if name := reference.get("name"):
            yield "secrets", name


def logins_for(image: ImageReference, secrets: Sequence[Object]) -> list[RegistryLogin]:
    """Return the logins that hold for an image, the most specific first. What is no login is passed over."""
    matching: list[tuple[str, RegistryLogin]] = []
    for secret in secrets:
        for place, entry in _entries_of(secret):
            host, _, path = _place_of(place)
            if _covers(host, path, image) and (login := _login_of(host, entry)) is not None:
                matching.append((f"{host}/{path}", login))
    matching.sort(key=lambda pair: len(pair[0]), reverse=True)
    return list(dict.fromkeys(login for _, login in matching))


def _entries_of(secret: Object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        data = data_of("secrets", secret)
        if secret.get("type") == "kubernetes.io/dockercfg":
            entries = json.loads(data[".dockercfg"])
        else:
            entries = json.loads(data[".dockerconfigjson"])["auths"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if isinstance(entries, dict):
        yield from ((place, entry) for place, entry in entries.items() if isinstance(entry, dict))


def _place_of(text: str) -> tuple[str, str, str]:
    """Return the host, with its port, and the path of an entry's key, which may be a URL."""
    host, slash, path = text.partition("://")[2].partition("/") if "://" in text else text.partition("/")
    path = path.strip("/")
    if host in _HUB:
        return DEFAULT_REGISTRY, slash, "" if path in {"v1", "v2"} else path
    return host, slash, "" if path in {"v1", "v2"} else path


def _covers(host: str, path: str, image: ImageReference) -> bool:
    """Tell whether an entry is for an image. A ``*`` stands for part of one label of the host."""
    wanted, has = host.split("."), image.registry.split(".")
    if len(wanted) != len(has) or not all(map(fnmatch.fnmatchcase, has, wanted)):
        return False
    return not path or image.repository == path or image.repository.startswith(f"{path}/")


def _login_of(host: str, entry: Mapping[str, Any]) -> RegistryLogin | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if not user and entry.get("auth"):
        try:
            user, _, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
    token = str(entry.get("identitytoken") or "")
    return RegistryLogin(host, user, password, token) if (user and password) or token else None
