"""Which fields the protobuf messages have: numbers and types as k8s.io/api assigns them.

``messages.txt`` has a line for each message, written by scripts/protobuf_messages.py: ``number name:type`` and marks.
No type is a string; ``int``, ``bool``, ``bytes`` (base64 in JSON) are scalars, anything with a dot is another message.
``[]`` repeats, ``{}`` is a map from strings, ``*`` is a pointer in Go (its zero is a value; other zeros stand for
nothing), ``=`` is written into the object around it.

A message with no fields there is read as empty: the statuses, which a create ignores anyway. A message that is not in
the file is refused by name, so that nothing is dropped silently.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

PACKAGES: Mapping[str, tuple[str, str]] = {
    "core": ("core", "v1"),
    "apps": ("apps", "apps/v1"),
    "batch": ("batch", "batch/v1"),
    "authn": ("authentication", "authentication.k8s.io/v1"),
    "authz": ("authorization", "authorization.k8s.io/v1"),
    "coordination": ("coordination", "coordination.k8s.io/v1"),
    "discovery": ("discovery", "discovery.k8s.io/v1"),
    "networking": ("networking", "networking.k8s.io/v1"),
    "node": ("node", "node.k8s.io/v1"),
    "policy": ("policy", "policy/v1"),
    "rbac": ("rbac", "rbac.authorization.k8s.io/v1"),
    "scheduling": ("scheduling", "scheduling.k8s.io/v1"),
    "storage": ("storage", "storage.k8s.io/v1"),
}
"""The packages of messages by their short names: the folder in k8s.io/api, and the apiVersion."""

KINDS: Mapping[tuple[str, str], str] = {
    (PACKAGES[package][1], kind): f"{package}.{kind}"
    for package, kinds in {
        "core": (
            *("ConfigMap", "Endpoints", "Event", "LimitRange", "Namespace", "PersistentVolumeClaim", "ResourceQuota"),
            *("Secret", "Service", "ServiceAccount"),
        ),
        "apps": ("DaemonSet", "Deployment", "StatefulSet"),
        "batch": ("CronJob", "Job"),
        "authn": ("SelfSubjectReview", "TokenRequest", "TokenReview"),
        "authz": ("SelfSubjectAccessReview", "SelfSubjectRulesReview"),
        "coordination": ("Lease",),
        "discovery": ("EndpointSlice",),
        "networking": ("Ingress", "IngressClass", "NetworkPolicy"),
        "node": ("RuntimeClass",),
        "policy": ("Eviction", "PodDisruptionBudget"),
        "rbac": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
        "scheduling": ("PriorityClass",),
        "storage": ("CSIDriver", "CSINode", "StorageClass"),
    }.items()
    for kind in kinds
}
"""The kinds that may be sent as a body, by apiVersion and kind."""


def message_name(api_version: str, kind: str) -> str | None:
    """Return the message that a body of this kind is, None for one that is not decoded here."""
    # DeleteOptions are of every group: typed clients write the one of what they delete.
    return "meta.DeleteOptions" if kind == "DeleteOptions" else KINDS.get((api_version, kind))


@dataclass(frozen=True, slots=True)
class ProtoField:
    """One field of a message."""

    name: str
    type: str
    repeated: bool = False
    map: bool = False
    pointer: bool = False
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message type by its field numbers."""

    fields: Mapping[int, ProtoField]


@functools.cache
def _rows() -> Mapping[str, str]:
    text = resources.files("podrole.cluster.wire").joinpath("messages.txt").read_text()
    return {name: row.strip() for name, _, row in (line.partition(":") for line in text.splitlines())}


_FIELD = re.compile(r"(\d+) (\w+)(?::([\w.]+))?(\[\]|\{\})?(\*?)(=?)")


@functools.lru_cache(maxsize=256)
def message(name: str) -> Message | None:
    """Return the message of that name, None for one that is not decoded here."""
    row = _rows().get(name)
    if row is None:
        return None
    fields = {}
    for entry in row.split(", ") if row else ():
        match = _FIELD.fullmatch(entry)
        if match is None:
            raise ValueError(f"a field of {name} is not in the notation: {entry!r}")
        number, field, kind, plural, pointer, inline = match.groups()
        fields[int(number)] = ProtoField(
            field,
            kind or "",
            repeated=plural == "[]",
            map=plural == "{}",
            pointer=bool(pointer),
            inline=bool(inline),
        )
    return Message(fields)
