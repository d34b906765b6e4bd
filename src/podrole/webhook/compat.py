"""The two ways to answer the same questions: podrole's own, and the EKS webhook's bit by bit.

A personality holds the ConfigMap's bindings as it understands them; everything else is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from podrole.webhook.identity import resolution as identity
from podrole.webhook.identity.config_map import CONFIG_KEY, parse_bindings
from podrole.webhook.identity.resolution import NO_BINDINGS, SILENT, Binding, Bindings, Identity
from podrole.webhook.settings import Compat, InjectionSettings
from podrole.webhook.strict import resolution as strict

Annotations = Mapping[str, str | None]


class Personality(Protocol):
    """How a service account comes to its identity."""

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return what a service account's annotations say."""
        ...

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Take over the ConfigMap's ``data``, None once it is gone; return in words what was not understood."""
        ...

    def resolve(
        self, namespace: str, name: str, annotated: Binding | None, pod_identities: frozenset[tuple[str, str]]
    ) -> Identity | None:
        """Return a service account's identity; ``annotated`` is None for one that does not exist."""
        ...


class PodrolePersonality:
    """podrole's own."""

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings
        self._bindings: Bindings = NO_BINDINGS

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return what a service account's annotations say."""
        return identity.read_annotations(annotations, self._settings) if annotations else SILENT

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Take over the ConfigMap; one whose config is no JSON object leaves the bindings as they are."""
        if data is None:
            self._bindings = NO_BINDINGS
            return []
        bindings, faults = parse_bindings(data)
        if bindings is not None:
            self._bindings = bindings
        return faults

    def resolve(
        self, namespace: str, name: str, annotated: Binding | None, pod_identities: frozenset[tuple[str, str]]
    ) -> Identity | None:
        """Return a service account's identity."""
        said = SILENT if annotated is None else annotated
        return identity.resolve(namespace, name, said, self._bindings, pod_identities, self._settings)


class StrictPersonality:
    """The EKS webhook's."""

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings
        self._bindings = strict.StrictBindings(settings)

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return what a service account's annotations say, defaults filled in."""
        return strict.read_annotations(annotations, self._settings)

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Take over the ConfigMap; one that is gone leaves its bindings behind."""
        return [] if data is None else self._bindings.update(data.get(CONFIG_KEY) or "")

    def resolve(
        self, namespace: str, name: str, annotated: Binding | None, pod_identities: frozenset[tuple[str, str]]
    ) -> Identity | None:
        """Return a service account's identity."""
        return strict.resolve(namespace, name, annotated, self._bindings, pod_identities, self._settings)


def personality_of(compat: Compat, settings: InjectionSettings) -> Personality:
    """Return the personality of that name."""
    return StrictPersonality(settings) if compat == "strict" else PodrolePersonality(settings)
