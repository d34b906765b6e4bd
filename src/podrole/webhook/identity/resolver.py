"""How the identity of a service account is found: the Protocol, and its implementation for the mode ``podrole``.

A resolver keeps the bindings of the ConfigMap. Everything else is passed in.
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
    """Finds the identity of a service account."""

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return the binding of a service account's annotations."""
        ...

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Use the ConfigMap's ``data`` from now on, None if it was deleted. Return a sentence about each problem."""
        ...

    def resolve(
        self, namespace: str, name: str, annotated: Binding | None, pod_identities: frozenset[tuple[str, str]]
    ) -> Identity | None:
        """Return a service account's identity. ``annotated`` is None if the service account does not exist."""
        ...


class PodroleIdentityResolver:
    """The resolver of the mode ``podrole``."""

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings
        self._bindings = EMPTY_CONFIG_MAP

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return the binding of a service account's annotations."""
        return read_annotations(annotations, self._settings)

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Use the ConfigMap from now on. If its config is not a JSON object, the bindings do not change."""
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
