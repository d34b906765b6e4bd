"""The mutation: the JSON Patch that gives a pod its identity.

The patch only adds entries; the label of EKS Pod Identity is the only value that it replaces. A pod that has everything
gets no patch, so a second pass changes nothing. Entries, their order and their conditions are those of Amazon's EKS pod
identity webhook. Problems that the EKS webhook does not report are in ``warnings``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from podrole.webhook.identity.annotations import SKIP_CONTAINERS, TOKEN_EXPIRATION, Annotation
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import (
    CA_FILE,
    REGION,
    STS,
    InjectionPlan,
    clean_path,
    plan_injection,
    session_name_group,
    token_volume,
)
from podrole.webhook.patch.pod import (
    Container,
    Pod,
    PodMetadata,
    Volume,
    VolumeMount,
    holds_config_map_file,
    runs_on_windows,
    token_in,
)
from podrole.webhook.patch.pod_warnings import environment_warnings, mount_warnings, volume_warnings
from podrole.webhook.settings import (
    DEFAULT_TOKEN_EXPIRATION,
    MAX_CONTAINERS,
    POD_IDENTITY_JITTER,
    POD_IDENTITY_LABEL,
    InjectionSettings,
)
from podrole.webhook.text import one_line

Kind = Literal["containers", "initContainers", "ephemeralContainers"]

Reason = Literal[
    "injected",  # what was missing was added
    "complete",  # it had everything already
    "skipped",  # an annotation of the pod names it
    "own-credentials",  # it has its own identity, region and STS setting, and is not changed
    "mount-path-taken",  # another volume is mounted at the token's path
    "no-volume",  # an ephemeral container of a pod without the token volume
    "not-a-container",  # null in the list of containers
]

MOUNT = "volumeMount"
"""Stands for the mount in ``ContainerOutcome.added``, among the names of variables."""

MAX_NAME = 63
"""Kubernetes refuses a longer name of a container later. Until then it is shown cut."""

T = TypeVar("T")

_LABEL_POINTER = POD_IDENTITY_LABEL.replace("~", "~0").replace("/", "~1")


class ContainerOutcome(msgspec.Struct, frozen=True):
    """What one container got, and why."""

    name: str
    kind: Kind
    reason: Reason
    added: tuple[str, ...] = ()


class Mutation(msgspec.Struct, frozen=True):
    """What to change in a pod, and why.

    ``patch`` is a JSON Patch (RFC 6902) as JSON, empty if nothing has to change. ``warnings`` are sentences for the
    user who created the pod.
    """

    identity: Identity
    patch: bytes
    containers: list[ContainerOutcome]
    warnings: list[str]

    @property
    def operations(self) -> list[dict[str, Any]]:
        """The patch's operations."""
        operations: list[dict[str, Any]] = msgspec.json.decode(self.patch) if self.patch else []
        return operations

    @property
    def injected(self) -> bool:
        """Whether at least one container has the identity with this patch."""
        return any(outcome.reason in ("injected", "complete") for outcome in self.containers)

    def summary(self) -> str:
        """Return one line about the identity and every container, for audit annotations and logs."""
        subject = self.identity.role_arn or "EKS Pod Identity"
        outcomes = ", ".join([f"{outcome.name}: {outcome.reason}" for outcome in self.containers])
        return f"{subject} ({self.identity.source}); {outcomes or 'no containers'}"


def mutate(pod: Pod, identity: Identity, settings: InjectionSettings, *, jitter: int = 0) -> Mutation:
    """Return the patch that gives ``identity`` to a pod that is being created.

    ``jitter`` seconds, 0 to POD_IDENTITY_JITTER, are subtracted from the default lifetime of an EKS Pod Identity token,
    so that the tokens of pods that are created together are not renewed together. Does not look at ``envFrom``, which
    ``env`` overrides, nor at variables of the image.
    """
    spec = pod.spec
    if spec is None or not spec.containers:
        return Mutation(identity, b"", [], identity.warning_texts)
    number = len(spec.containers) + len(spec.init_containers or ())
    if number > MAX_CONTAINERS:
        warning = f"the pod gets no AWS identity: it has {number} containers, more than {MAX_CONTAINERS}"
        return Mutation(identity, b"", [], [*identity.warning_texts, warning])
    work = _PatchBuilder.on(pod, identity, settings)
    work.visit("containers", spec.containers)
    if spec.init_containers:
        work.visit("initContainers", spec.init_containers)
    operations: list[bytes] = []
    if identity.method == "container_credentials" and any(
        outcome.reason in ("injected", "complete", "own-credentials") for outcome in work.outcomes
    ):
        operations += _label(pod)
    if work.volume is None and work.volume_is_used:
        expiration = _expiration(pod, identity, settings, jitter, work.warnings)
        volume = token_volume(identity, work.plan, expiration)
        if spec.volumes is None:
            operations.append(b'{"op":"add","path":"/spec/volumes","value":[%b]}' % volume)
        else:
            operations.append(b'{"op":"add","path":"/spec/volumes/0","value":%b}' % volume)
    return work.result([*operations, *work.operations])


def mutate_ephemeral(
    pod: Pod, identity: Identity, settings: InjectionSettings, *, existing: frozenset[str] = frozenset()
) -> Mutation:
    """Return the patch that gives ``identity`` to new ephemeral containers of a running pod.

    Kubernetes only allows changes to the containers that the request adds. So containers in ``existing`` are not
    changed, and a pod without the token volume cannot get the identity.
    """
    spec = pod.spec
    if spec is None or not spec.ephemeral_containers:
        return Mutation(identity, b"", [], [])
    if len(spec.ephemeral_containers) > MAX_CONTAINERS + len(existing):
        return Mutation(
            identity,
            b"",
            [],
            [f"the pod gets no AWS identity: at most {MAX_CONTAINERS} ephemeral containers are supported"],
        )
    work = _PatchBuilder.on(pod, identity, settings)
    work.visit("ephemeralContainers", spec.ephemeral_containers, besides=existing)
    return work.result(work.operations)


@dataclass(slots=True)
class _PatchBuilder:
    """Builds the patch of one pod."""

    identity: Identity
    plan: InjectionPlan
    volumes: Sequence[Volume | None]
    volume: Volume | None
    """The pod's own volume with the name of the token volume."""
    skip: frozenset[str]
    warnings: list[str]
    operations: list[bytes] = field(default_factory=list)
    outcomes: list[ContainerOutcome] = field(default_factory=list)
    volume_is_used: bool = False
    token_volumes: frozenset[str | None] | None = None
    """The names of volumes that hold such a token; None until they are needed."""

    @classmethod
    def on(cls, pod: Pod, identity: Identity, settings: InjectionSettings) -> _PatchBuilder:
        spec = pod.spec
        assert spec is not None  # noqa: S101 - both callers check it
        warnings = identity.warning_texts
        plan = plan_injection(identity, settings, runs_on_windows(spec))
        volumes: Sequence[Volume | None] = spec.volumes or ()
        volume = None
        for candidate in volumes:
            if candidate is not None and candidate.name == plan.volume_name:
                volume = candidate
        if volume is not None:
            warnings += volume_warnings(volume, identity, plan)
            if identity.ca_bundle is not None and not holds_config_map_file(volume, CA_FILE):
                # A bundle that does not exist would break every TLS connection, not only those to AWS.
                plan = plan.without_ca_bundle()
                warnings.append(f"volume {plan.volume_name!r} of the pod holds no {CA_FILE}; AWS_CA_BUNDLE is not set")
        if identity.session_name:
            plan = plan.with_group(session_name_group(pod.metadata or PodMetadata()))
        return cls(identity, plan, volumes, volume, _containers_to_skip(pod, settings, warnings), warnings)

    def result(self, operations: list[bytes]) -> Mutation:
        patch = b"[%b]" % b",".join(operations) if operations else b""
        return Mutation(self.identity, patch, self.outcomes, self.warnings)

    def visit(
        self, kind: Kind, containers: Sequence[Container | None], *, besides: frozenset[str] = frozenset()
    ) -> None:
        """Add what is missing to each container except those named in ``besides``."""
        for position, container in enumerate(containers):
            if container is None:
                self.outcomes.append(ContainerOutcome("", kind, "not-a-container"))
                continue
            name = container.name or ""
            if name in besides:
                continue
            skipped = name in self.skip
            name = one_line(name, MAX_NAME)
            if skipped:
                reason: Reason = "skipped"
                added: tuple[str, ...] = ()
            elif kind == "ephemeralContainers" and self.volume is None:
                reason, added = "no-volume", ()
                self.warnings.append(
                    f"container {name!r} gets no AWS identity: the pod has no volume {self.plan.volume_name!r}, "
                    "and a running pod cannot get one; recreate the pod"
                )
            else:
                reason, added = self._inject(name, container, b"/spec/%b/%d" % (kind.encode(), position))
            self.outcomes.append(ContainerOutcome(name, kind, reason, added))

    def _inject(self, name: str, container: Container, path: bytes) -> tuple[Reason, tuple[str, ...]]:
        plan = self.plan
        present: dict[str, str | None] = {}
        if container.env:
            present = {entry.name: entry.value for entry in container.env if entry is not None and entry.name}
            self.warnings += environment_warnings(name, present, self.identity, plan)
        mount, in_its_place = self._mounts(container)
        if mount is not None:
            self.volume_is_used = True
            self.warnings += mount_warnings(name, mount, plan)
        if _has_own_credentials(present, plan):
            # As in the EKS webhook: the container gets no mount, but the pod gets the volume.
            self.volume_is_used = True
            complete = mount is not None and all(present.get(key) == value for key, value in plan.credentials)
            return ("complete" if complete else "own-credentials"), ()
        if in_its_place == "other":
            self.warnings.append(
                f"container {name!r} gets no AWS identity: another volume is mounted at {plan.mount_path}"
            )
            return "mount-path-taken", ()
        added = self._add_variables(container, present, path)
        if mount is None and in_its_place is None:
            self.volume_is_used = True
            added = (*added, MOUNT)
            if container.volume_mounts is None:
                self.operations.append(b'{"op":"add","path":"%b/volumeMounts","value":[%b]}' % (path, plan.mount))
            else:
                self.operations.append(b'{"op":"add","path":"%b/volumeMounts/-","value":%b}' % (path, plan.mount))
        return ("injected" if added else "complete"), added

    def _add_variables(self, container: Container, present: dict[str, str | None], path: bytes) -> tuple[str, ...]:
        entries: list[bytes] = []
        names: list[str] = []
        for group in self.plan.groups:
            if group.unless.isdisjoint(present):
                entries += group.entries
                names += group.names
        if container.env is None:
            self.operations.append(b'{"op":"add","path":"%b/env","value":[%b]}' % (path, b",".join(entries)))
        else:
            self.operations += [b'{"op":"add","path":"%b/env/-","value":%b}' % (path, entry) for entry in entries]
        return tuple(names)

    def _mounts(self, container: Container) -> tuple[VolumeMount | None, Literal["token", "other"] | None]:
        """Return the mount of the token volume, or which kind of volume is mounted at its path."""
        in_its_place: Literal["token", "other"] | None = None
        for mount in container.volume_mounts or ():
            if mount is None:
                continue
            if mount.name == self.plan.volume_name:
                return mount, None
            if mount.mount_path and clean_path(mount.mount_path) == self.plan.mount_path:
                in_its_place = "token" if self._holds_token(mount.name) else "other"
        return None, in_its_place

    def _holds_token(self, volume_name: str | None) -> bool:
        if self.token_volumes is None:
            self.token_volumes = frozenset(
                [volume.name for volume in self.volumes if volume and token_in(volume, self.plan.token_path)]
            )
        return volume_name in self.token_volumes


def _has_own_credentials(present: dict[str, str | None], plan: InjectionPlan) -> bool:
    return (
        STS in present
        and any(name in present for name in REGION)
        and any(name in present for name, _ in plan.credentials)
    )


def _containers_to_skip(pod: Pod, settings: InjectionSettings, warnings: list[str]) -> frozenset[str]:
    return _pod_annotation(SKIP_CONTAINERS, pod, settings, warnings) or frozenset()


def _expiration(pod: Pod, identity: Identity, settings: InjectionSettings, jitter: int, warnings: list[str]) -> int:
    """Return the token's lifetime: that of the pod's annotation, else that of the binding or the default."""
    seconds = _pod_annotation(TOKEN_EXPIRATION, pod, settings, warnings)
    if seconds is not None:
        return seconds
    if (
        identity.method == "container_credentials"
        and not identity.explicit_expiration
        and identity.token_expiration == DEFAULT_TOKEN_EXPIRATION
    ):
        return DEFAULT_TOKEN_EXPIRATION - min(max(jitter, 0), POD_IDENTITY_JITTER)
    return identity.token_expiration


def _pod_annotation(annotation: Annotation[T], pod: Pod, settings: InjectionSettings, warnings: list[str]) -> T | None:
    annotations = None if pod.metadata is None else pod.metadata.annotations
    if not annotations:
        return None
    return annotation.read(annotations, settings.annotation_prefix, lambda warning: warnings.append(warning.text))


def _label(pod: Pod) -> list[bytes]:
    metadata = pod.metadata
    if metadata is None:
        return [b'{"op":"add","path":"/metadata","value":{"labels":{"%b":"enabled"}}}' % POD_IDENTITY_LABEL.encode()]
    if metadata.labels is None:
        return [b'{"op":"add","path":"/metadata/labels","value":{"%b":"enabled"}}' % POD_IDENTITY_LABEL.encode()]
    if metadata.labels.get(POD_IDENTITY_LABEL) == "enabled":
        return []
    return [b'{"op":"add","path":"/metadata/labels/%b","value":"enabled"}' % _LABEL_POINTER.encode()]
