"""The fields of a pod that the webhook reads.

The types have only the fields that a decision needs. All others are skipped when a review is decoded, so new fields of
Kubernetes do no harm. Every field, and every element of a list, may be absent or null: a pod in a review is not
validated yet.
"""

from __future__ import annotations

from typing import Any

import msgspec


class EnvVar(msgspec.Struct, gc=False):
    """One entry of a container's environment; ``value`` is None for ``valueFrom`` too."""

    name: str | None = None
    value: str | None = None


class VolumeMount(msgspec.Struct, rename="camel", gc=False):
    """One mount of a container."""

    name: str | None = None
    mount_path: str | None = None


class Container(msgspec.Struct, rename="camel"):
    """A container of any of a pod's three lists."""

    name: str | None = None
    env: list[EnvVar | None] | None = None
    volume_mounts: list[VolumeMount | None] | None = None


class TokenProjection(msgspec.Struct, rename="camel", gc=False):
    """A projected service-account token."""

    audience: str | None = None
    expiration_seconds: int | None = None
    path: str | None = None


class KeyToPath(msgspec.Struct, gc=False):
    """One key of a projected ConfigMap, and its file."""

    key: str | None = None
    path: str | None = None


class ConfigMapProjection(msgspec.Struct):
    """A projected ConfigMap."""

    name: str | None = None
    items: list[KeyToPath | None] | None = None


class Projection(msgspec.Struct, rename="camel"):
    """One source of a projected volume; both fields are None for another kind of source."""

    service_account_token: TokenProjection | None = None
    config_map: ConfigMapProjection | None = None


class ProjectedVolume(msgspec.Struct):
    """A projected volume's sources."""

    sources: list[Projection | None] | None = None


class Volume(msgspec.Struct):
    """A volume; ``projected`` is None for every other kind."""

    name: str | None = None
    projected: ProjectedVolume | None = None


class NodeSelectorRequirement(msgspec.Struct):
    """One condition on a node's labels."""

    key: str | None = None
    operator: str | None = None
    values: list[str | None] | None = None


class NodeSelectorTerm(msgspec.Struct, rename="camel"):
    """Conditions that must all hold."""

    match_expressions: list[NodeSelectorRequirement | None] | None = None


class NodeSelector(msgspec.Struct, rename="camel"):
    """Terms, of which one must hold."""

    node_selector_terms: list[NodeSelectorTerm | None] | None = None


class NodeAffinity(msgspec.Struct):
    """What a node must have so that the pod can run there."""

    required: NodeSelector | None = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(msgspec.Struct, rename="camel"):
    """Where the pod may run."""

    node_affinity: NodeAffinity | None = None


class OperatingSystem(msgspec.Struct, gc=False):
    """``spec.os``."""

    name: str | None = None


class PodSpec(msgspec.Struct, rename="camel"):
    """A pod's specification."""

    service_account_name: str | None = None
    service_account: str | None = None
    volumes: list[Volume | None] | None = None
    containers: list[Container | None] | None = None
    init_containers: list[Container | None] | None = None
    ephemeral_containers: list[Container | None] | None = None
    node_selector: dict[str, str | None] | None = None
    os: OperatingSystem | None = None
    affinity: Affinity | None = None


class OwnerReference(msgspec.Struct, rename="camel"):
    """An owner of the pod, for example its ReplicaSet."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class PodMetadata(msgspec.Struct, rename="camel"):
    """A pod's metadata."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None
    owner_references: list[OwnerReference | None] | None = None
    deletion_timestamp: str | None = None


class PodStatus(msgspec.Struct):
    """A pod's status."""

    phase: str | None = None


class Pod(msgspec.Struct):
    """A pod."""

    metadata: PodMetadata | None = None
    spec: PodSpec | None = None
    status: PodStatus | None = None


def service_account_of(pod: Pod) -> str:
    """Return the name of the pod's service account.

    As the API server reads it: ``serviceAccountName``, else its deprecated alias ``serviceAccount``, else ``default``.
    """
    spec = pod.spec
    if spec is None:
        return "default"
    return spec.service_account_name or spec.service_account or "default"


def is_mirror(pod: Pod) -> bool:
    """Return whether the pod is the mirror of a static pod of a kubelet. Kubernetes refuses one with a token volume."""
    metadata = pod.metadata
    return metadata is not None and _MIRROR in (metadata.annotations or ())


def runs_on_windows(spec: PodSpec) -> bool:
    """Return whether the pod can run only on Windows: by ``os``, node selector or required node affinity."""
    if spec.os is not None and spec.os.name == "windows":
        return True
    selector = spec.node_selector
    if selector and any(selector.get(label) == "windows" for label in _OS_LABELS):
        return True
    affinity = spec.affinity
    if affinity is None or affinity.node_affinity is None or affinity.node_affinity.required is None:
        return False
    terms = affinity.node_affinity.required.node_selector_terms
    if not terms:
        return False
    return all(term is not None and _requires_windows(term) for term in terms)


def token_in(volume: Volume, path: str) -> TokenProjection | None:
    """Return the service account token at ``path`` of a volume, or None."""
    for source in _sources(volume):
        token = source.service_account_token
        if token is not None and token.path == path:
            return token
    return None


def holds_config_map_file(volume: Volume, path: str) -> bool:
    """Return whether a projected volume holds a key of a ConfigMap at ``path``."""
    return any(
        item is not None and item.path == path
        for source in _sources(volume)
        if source.config_map is not None
        for item in source.config_map.items or ()
    )


def _sources(volume: Volume) -> list[Projection]:
    if volume.projected is None:
        return []
    return [source for source in volume.projected.sources or () if source is not None]


_MIRROR = "kubernetes.io/config.mirror"
_OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")


def _requires_windows(term: NodeSelectorTerm) -> bool:
    return any(
        condition is not None
        and condition.key in _OS_LABELS
        and condition.operator == "In"
        and condition.values == ["windows"]
        for condition in term.match_expressions or []
    )


_decoder = msgspec.json.Decoder(Pod)


def decode_pod(document: bytes | msgspec.Raw) -> Pod:
    """Decode a pod from JSON. Raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError."""
    return _decoder.decode(document)


def read_pod(manifest: Any) -> Pod:
    """Read a pod from parsed JSON or YAML. Raises msgspec.ValidationError."""
    return msgspec.convert(manifest, Pod)
