"""How the identity of a service account is found in strict mode."""

from __future__ import annotations

from podrole.webhook.identity.binding import Binding, Identity
from podrole.webhook.identity.config_map import CONFIG_KEY
from podrole.webhook.identity.resolver import Annotations
from podrole.webhook.settings import InjectionSettings
from podrole.webhook.strict import resolution


class StrictIdentityResolver:
    """The resolver of the mode ``strict``."""

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings
        self._bindings = resolution.StrictBindings(settings)

    def read_annotations(self, annotations: Annotations) -> Binding:
        """Return the binding of a service account's annotations, with defaults."""
        return resolution.read_annotations(annotations, self._settings)

    def take_config_map(self, data: Annotations | None) -> list[str]:
        """Use the ConfigMap from now on. If it was deleted, the bindings do not change."""
        return [] if data is None else self._bindings.update(data.get(CONFIG_KEY) or "")

    def resolve(
        self, namespace: str, name: str, annotated: Binding | None, pod_identities: frozenset[tuple[str, str]]
    ) -> Identity | None:
        """Return a service account's identity."""
        return resolution.resolve(namespace, name, annotated, self._bindings, pod_identities, self._settings)
