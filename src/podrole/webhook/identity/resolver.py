"""How a service account comes to its identity: the Protocol, and podrole's own way.

A resolver holds the ConfigMap's bindings as it reads them; everything else is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from podrole.webhook.identity.annotations import read_annotations
from podrole.webhook.identity.binding import EMPTY_BINDING, Binding, Identity
from podrole.webhook.identity.config_map import EMPTY_CONFIG_MAP, parse_bindings
from podrole.webhook.identity.resolution import resolve
from podrole.webhook.settings import InjectionSettings

Annotations = Mapping[str, str | None]


class IdentityResolver(Protocol):
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


class PodroleIdentityResolver:
    """podrole's own."""

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings
        self._bindings = EMPTY_CONFIG_MAP

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return what a service account's annotations say."""
        return read_annotations(annotations, self._settings) if annotations else EMPTY_BINDING

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Take over the ConfigMap; one whose config is no JSON object leaves the bindings as they are."""
        if data is None:
            self._bindings = EMPTY_CONFIG_MAP
            return []
        bindings, warnings = parse_bindings(data)
        if bindings is not None:
            self._bindings = bindings
        return warnings

    def resolve(
        self, namespace: str, name: str, annotated: Binding | None, pod_identities: frozenset[tuple[str, str]]
    ) -> Identity | None:
        """Return a service account's identity."""
        said = EMPTY_BINDING if annotated is None else annotated
        return resolve(namespace, name, said, self._bindings, pod_identities, self._settings)
