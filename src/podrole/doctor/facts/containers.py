"""A container with its environment, in the pod that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.doctor.facts.pods import PodFacts, containers


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable of a container's environment. ``value`` is None if it comes from the object that ``source`` names: a
    kind, a name and a key."""

    name: str
    value: str | None
    source: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """A container with its environment, in the pod that it belongs to."""

    pod: PodFacts
    kind: str
    position: int
    manifest: dict[str, Any]
    variables: Mapping[str, EnvironmentVariable]

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.manifest.get("name", ""))

    def __str__(self) -> str:
        return f"container {self.name!r} of pod {self.pod.name}"

    def included(self, name: str) -> list[tuple[str, str, str]]:
        """Return the kind, name and key of every object that envFrom takes this variable from."""
        return [
            variable.source
            for variable in _included(self.pod, self.manifest)
            if variable.name == name and variable.source
        ]


def containers_of(pod: PodFacts) -> Iterator[ContainerFacts]:
    """Yield a pod's containers with their environments."""
    for kind, position, manifest in containers(pod.manifest):
        yield ContainerFacts(
            pod, kind, position, manifest, {variable.name: variable for variable in _variables(pod, manifest)}
        )


def _included(pod: PodFacts, container: Mapping[str, Any]) -> Iterator[EnvironmentVariable]:
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for field, resource, kind in (("configMapRef", "configmaps", "ConfigMap"), ("secretRef", "secrets", "Secret")):
            name = str((source.get(field) or {}).get("name") or "")
            keys = pod.references.get((resource, name))
            if isinstance(keys, frozenset):
                yield from (EnvironmentVariable(prefix + key, None, (kind, name, key)) for key in sorted(keys))


def _variables(pod: PodFacts, container: Mapping[str, Any]) -> Iterator[EnvironmentVariable]:
    """Yield a container's variables. If two have the same name, the later one counts, as in Kubernetes."""
    yield from _included(pod, container)
    for entry in container.get("env") or ():
        origin = entry.get("valueFrom") or {}
        source = None
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if field in origin:
                source = (kind, str(origin[field].get("name", "")), str(origin[field].get("key", "")))
        value = entry.get("value")
        yield EnvironmentVariable(str(entry.get("name", "")), None if origin else str(value or ""), source)
