"""The identities of a cluster's service accounts, from all sources, kept up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, Literal, final

import msgspec

from podrole.base.tasks import BackgroundTasks
from podrole.kube.client import KubernetesClient, path_of
from podrole.kube.reflector import BackOff, Metadata, Reflector
from podrole.webhook.identity.binding import Binding, Identity
from podrole.webhook.identity.config_map import CONFIG_MAP
from podrole.webhook.identity.resolver import IdentityResolver
from podrole.webhook.logs import log_warnings
from podrole.webhook.settings import SourceSettings
from podrole.webhook.sources.pod_identity_file import PodIdentityFile
from podrole.webhook.sources.service_account_cache import LookupFailed, ServiceAccountCache

MAX_REMEMBERED = 10_000
"""The most resolved identities that are kept. One takes about half a kilobyte, and is resolved in microseconds."""

_log = logging.getLogger(__name__)


@final
class Unknown:
    """Stands for an identity that only the API server knows."""


UNKNOWN: Final = Unknown()


class _ConfigMap(msgspec.Struct):
    metadata: Metadata
    data: dict[str, str | None] | None = None


class IdentityCache:
    """The identities of service accounts. ``start`` keeps them up to date.

    ``ask`` says when the API server is asked for a service account that is not in the cache: *first*, before any
    decision; *last*, as the EKS webhook does, if no other source binds it; or *never*.
    """

    def __init__(
        self,
        client: KubernetesClient,
        resolver: IdentityResolver,
        settings: SourceSettings,
        *,
        ask: Literal["first", "last", "never"] = "first",
        back_off: BackOff | None = None,
    ) -> None:
        """Raises BadSettings if the directory of the list of EKS Pod Identity does not exist."""
        self._resolver = resolver
        self._settings = settings
        self._ask = ask
        self._remembered: dict[tuple[str, str], Identity | None] = {}
        self.service_accounts = ServiceAccountCache(
            client,
            resolver.read_annotations,
            changed=self._changed,
            lookup_limit=settings.lookup_limit,
            back_off=back_off,
        )
        path = settings.container_credentials_config
        self._list = PodIdentityFile(Path(path)) if path else None
        self._reflectors: list[Reflector[Any]] = [self.service_accounts.reflector]
        self._config_map: Reflector[_ConfigMap] | None = None
        if settings.watch_config_map:
            self._config_map = Reflector(
                client,
                path_of("api", "v1", "namespaces", settings.namespace, "configmaps"),
                _ConfigMapFollower(self._take_config_map),
                _ConfigMap,
                parameters={"fieldSelector": f"metadata.name={CONFIG_MAP}"},
                back_off=back_off,
            )
            self._reflectors.append(self._config_map)

    @property
    def synced(self) -> bool:
        """Whether every source has been read completely at least once."""
        return all(reflector.synced.is_set() for reflector in self._reflectors)

    @property
    def _config_map_synced(self) -> bool:
        return self._config_map is None or self._config_map.synced.is_set()

    @property
    def connected(self) -> bool:
        """Whether every source is being watched now."""
        return all(reflector.connected for reflector in self._reflectors)

    async def wait_synced(self) -> None:
        """Wait until ``synced``."""
        for reflector in self._reflectors:
            await reflector.synced.wait()

    def start(self, background: BackgroundTasks) -> None:
        """Watch all sources until ``background`` is closed."""
        background.run_forever("the watch of service accounts", self.service_accounts.reflector.run())
        if self._config_map is not None:
            background.run_forever("the watch of the ConfigMap", self._config_map.run())

    async def read_once(self) -> None:
        """Read all sources once, instead of watching them. Raises KubeError if one cannot be read."""
        for reflector in self._reflectors:
            await reflector.read_once()

    def refresh_files(self) -> None:
        """Read the list of EKS Pod Identity again if it has changed. Call this about once a second."""
        if self._list is not None and self._list.refresh():
            self._remembered.clear()

    def known(self, namespace: str, name: str) -> Identity | Unknown | None:
        """Return a service account's identity, None if it has none, or UNKNOWN if ``find`` must be used."""
        if self._ask == "first" and not self.service_accounts.reflector.connected:
            return UNKNOWN
        key = (namespace, name)
        try:
            return self._remembered[key]
        except KeyError:
            pass
        binding = self.service_accounts.get(namespace, name)
        if self._ask == "first" and (binding is None or not self._config_map_synced):
            return UNKNOWN
        identity = self._resolve(namespace, name, binding)
        if binding is None:
            return identity or UNKNOWN
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = identity
        return identity

    def held(self, namespace: str, name: str) -> Identity | None:
        """Return the identity of a cached service account, None if it is not cached or has none."""
        binding = self.service_accounts.get(namespace, name)
        return None if binding is None else self._resolve(namespace, name, binding)

    async def find(self, namespace: str, name: str) -> tuple[Identity | None, bool]:
        """Return a service account's identity, and whether the service account exists. Asks the API server if needed.

        Raises LookupFailed if the API server does not answer within the limit.
        """
        binding = self.service_accounts.get(namespace, name)
        if binding is None and self._ask != "never":
            binding = await self.service_accounts.look_up(namespace, name)
        elif binding is not None and self._ask == "first" and not self.service_accounts.reflector.connected:
            binding = await self.service_accounts.current(namespace, name, binding)
        if self._config_map is not None and self._ask == "first":
            try:
                await asyncio.wait_for(self._config_map.synced.wait(), self._settings.lookup_limit)
            except TimeoutError:
                raise LookupFailed(
                    f"ConfigMap {CONFIG_MAP} of namespace {self._settings.namespace} has not been read yet.",
                    next_step="check that the API server answers, and that the webhook may list and watch configmaps",
                ) from None
        return self._resolve(namespace, name, binding), binding is not None

    def _resolve(self, namespace: str, name: str, binding: Binding | None) -> Identity | None:
        pairs = self._list.pairs if self._list is not None else frozenset()
        return self._resolver.resolve(namespace, name, binding, pairs)

    def _changed(self, namespace: str, name: str) -> None:
        self._remembered.pop((namespace, name), None)

    def _take_config_map(self, data: Mapping[str, str | None] | None) -> None:
        log_warnings(_log, self._resolver.take_config_map(data))
        self._remembered.clear()


class _ConfigMapFollower:
    """Takes the changes of the one ConfigMap."""

    def __init__(self, take: Callable[[Mapping[str, str | None] | None], None]) -> None:
        self._take = take

    def upsert(self, item: _ConfigMap, /) -> None:
        if item.metadata.name == CONFIG_MAP:
            self._take(item.data or {})

    def delete(self, namespace: str, name: str, /) -> None:  # noqa: ARG002 - the Protocol's
        if name == CONFIG_MAP:
            self._take(None)

    def retain(self, listed: Mapping[str, AbstractSet[str]], /) -> None:
        if not any(CONFIG_MAP in names for names in listed.values()):
            self._take(None)
