"""What each container of a pod gets: variables and a mount, encoded for a patch.

A plan depends on the identity, the settings and the operating system, but not on the pod. So it is made once for all
pods of a service account.
"""

from __future__ import annotations

import functools
import hashlib
import posixpath
from typing import Any

import msgspec

from podrole.base.short_texts import cached_for_short_texts
from podrole.webhook.identity.binding import Identity, Method
from podrole.webhook.patch.pod import PodMetadata
from podrole.webhook.settings import WEB_IDENTITY_TOKEN_PATH, WEB_IDENTITY_VOLUME, InjectionSettings

STS = "AWS_STS_REGIONAL_ENDPOINTS"
REGION = ("AWS_DEFAULT_REGION", "AWS_REGION")
WEB_IDENTITY = ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
POD_IDENTITY = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
CREDENTIALS: dict[Method, tuple[str, str]] = {"sts_web_identity": WEB_IDENTITY, "container_credentials": POD_IDENTITY}
ENDPOINT = "AWS_ENDPOINT_URL"
CA_BUNDLE = "AWS_CA_BUNDLE"
SESSION_NAME = "AWS_ROLE_SESSION_NAME"
POD_NAME = "PODROLE_POD_NAME"
"""Holds the pod's name for ``AWS_ROLE_SESSION_NAME`` if the name is not known at admission."""

CA_FILE = "ca.crt"
"""The CA bundle's file name, next to the token."""

MAX_SESSION_NAME = 64
"""STS refuses a longer role session name."""

GENERATED_SUFFIX = 5
"""The number of characters that Kubernetes adds to ``generateName``."""

_encode = msgspec.json.Encoder().encode


class VariableGroup(msgspec.Struct, frozen=True, gc=False):
    """Variables that are added together, unless the container has one of ``unless``.

    ``entries`` are the elements of the container's ``env``, each as JSON.
    """

    unless: frozenset[str]
    names: tuple[str, ...]
    entries: tuple[bytes, ...]


class InjectionPlan(msgspec.Struct, frozen=True, gc=False):
    """What a container gets. ``mount`` is the element of ``volumeMounts`` as JSON."""

    groups: tuple[VariableGroup, ...]
    credentials: tuple[tuple[str, str], tuple[str, str]]
    volume_name: str
    token_path: str
    mount_path: str
    mount: bytes

    def with_group(self, group: VariableGroup) -> InjectionPlan:
        """Return this plan with one more group at the end."""
        return msgspec.structs.replace(self, groups=(*self.groups, group))

    def without_ca_bundle(self) -> InjectionPlan:
        """Return this plan without ``AWS_CA_BUNDLE``."""
        return msgspec.structs.replace(self, groups=tuple([g for g in self.groups if g.names != (CA_BUNDLE,)]))


@functools.lru_cache(maxsize=4_096)
def plan_injection(identity: Identity, settings: InjectionSettings, windows: bool) -> InjectionPlan:
    """Return the plan for ``identity``, without the session name, which depends on the pod."""
    if identity.method == "sts_web_identity":
        volume_name, token_path, mount_path = WEB_IDENTITY_VOLUME, WEB_IDENTITY_TOKEN_PATH, settings.token_mount_path
        first = literal(identity.role_arn)
    else:
        pod_identity = settings.container_credentials
        volume_name, token_path = pod_identity.token_volume_name, pod_identity.token_path
        mount_path, first = pod_identity.token_mount_path, pod_identity.full_uri
    names = CREDENTIALS[identity.method]
    credentials = ((names[0], first), (names[1], file_in_container(mount_path, token_path, windows=windows)))
    groups: list[VariableGroup] = []
    if identity.regional_sts:
        groups.append(_group((STS, "regional")))
    if settings.aws_default_region:
        groups.append(_group(*((name, settings.aws_default_region) for name in REGION)))
    groups.append(_group(*credentials))
    if identity.endpoint_url:
        groups.append(_group((ENDPOINT, literal(identity.endpoint_url))))
    if identity.ca_bundle is not None:
        groups.append(_group((CA_BUNDLE, file_in_container(mount_path, CA_FILE, windows=windows))))
    return InjectionPlan(
        groups=tuple(groups),
        credentials=credentials,
        volume_name=volume_name,
        token_path=token_path,
        mount_path=clean_path(mount_path),
        mount=_encode({"name": volume_name, "readOnly": True, "mountPath": mount_path}),
    )


def token_volume(identity: Identity, plan: InjectionPlan, expiration: int) -> bytes:
    """Return the volume with the token, and the CA bundle if the identity has one, as JSON."""
    token = {"audience": identity.audience, "expirationSeconds": expiration, "path": plan.token_path}
    sources: list[dict[str, Any]] = [{"serviceAccountToken": token}]
    if identity.ca_bundle is not None:
        items = [{"key": identity.ca_bundle.key, "path": CA_FILE}]
        sources.append({"configMap": {"name": identity.ca_bundle.config_map, "items": items}})
    return _encode({"name": plan.volume_name, "projected": {"sources": sources}})


def session_name_group(metadata: PodMetadata) -> VariableGroup:
    """Return the variables for the session name ``<namespace>.<pod>``, which has at most 64 characters.

    A generated pod name is not known yet: then the kubelet composes the session name from ``PODROLE_POD_NAME``. If it
    would be too long, the namespace is cut. A pod name that is too long on its own is cut and ends with a digest of the
    whole name.
    """
    namespace = metadata.namespace
    if metadata.name:
        name = metadata.name
        if len(name) > MAX_SESSION_NAME:
            name = f"{name[: MAX_SESSION_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return _group((SESSION_NAME, _prefixed(namespace, name, len(name))))
    length = len(metadata.generate_name or "") + GENERATED_SUFFIX
    pod_name = {"name": POD_NAME, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    session_name = {"name": SESSION_NAME, "value": _prefixed(namespace, f"$({POD_NAME})", length)}
    return VariableGroup(
        unless=frozenset((POD_NAME, SESSION_NAME)),
        names=(POD_NAME, SESSION_NAME),
        entries=(_encode(pod_name), _encode(session_name)),
    )


def _prefixed(namespace: str | None, name: str, length: int) -> str:
    room = MAX_SESSION_NAME - 1 - length
    return f"{namespace[:room]}.{name}" if namespace and room > 0 else name


def literal(text: str) -> str:
    """Return ``text`` escaped for a container's environment, where Kubernetes expands ``$(NAME)`` and ``$$`` is a
    dollar.

    Without it, a user who can annotate a service account could have other variables of a pod sent to their endpoint.
    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    return text.replace("$", "$$")


def file_in_container(directory: str, name: str, *, windows: bool) -> str:
    """Return the path of a mounted file as seen in the container."""
    path = clean_path(f"{directory}/{name}")
    return f"C:{path}".replace("/", "\\") if windows else path


@cached_for_short_texts(1_024)
def clean_path(path: str) -> str:
    """Return the shortest equivalent path, as Go's ``filepath.Clean``."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _group(*variables: tuple[str, str]) -> VariableGroup:
    names = tuple([name for name, _ in variables])
    return VariableGroup(
        unless=frozenset(names),
        names=names,
        entries=tuple([_encode({"name": name, "value": value}) for name, value in variables]),
    )
