"""The service accounts of the cluster: held here, so that a review does not wait for the API server.

Of a service account only what its annotations say is kept, and nothing for one that says nothing but its name. One that
is not held is asked for once, by all reviews that wait for it together, within a limit: it may have been made a moment
ago. So is one that is held while the watch is interrupted, as it may have changed; there what is held counts where the
API server does not answer.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from podrole.kube.client import METADATA, KubernetesClient, path_of
from podrole.kube.errors import APIRefusal, APIUnavailable, KubeconfigProblem, KubeError
from podrole.kube.names import is_label, is_subdomain
from podrole.kube.reflector import BackOff, PartialObject, Reflector
from podrole.webhook.errors import WebhookError
from podrole.webhook.identity.binding import Binding

ABSENT_SECONDS = 1.0
"""How long a service account that does not exist is not asked for again."""

LIVE_SECONDS = 1.0
"""How long an answer of a live look-up holds, unless the watch tells of the service account before."""

SILENT_SECONDS = 5.0
"""How long an API server that gave no answer is not asked again about service accounts that are held."""

MAX_LIVE = 10_000
"""Live answers kept at most: names come from whoever may ask, and memory must not grow with them."""

MAX_AT_ONCE = 16
"""Live look-ups under way at the same time; others wait their turn, within their limit."""

MAX_WAITING = 1_000
"""Service accounts that are waited for at most: more at once come from nobody who means well."""


class LookupFailed(WebhookError):
    """It could not be found out whether a service account exists, and what it says."""

    code = "lookup-failed"


class ServiceAccountCache:
    """What every service account of the cluster says.

    ``changed`` is called with namespace and name whenever that may be something else than before.
    """

    def __init__(
        self,
        client: KubernetesClient,
        read: Callable[[Mapping[str, str | None]], Binding],
        *,
        changed: Callable[[str, str], None] = lambda _namespace, _name: None,
        lookup_limit: float = 1.0,
        back_off: BackOff | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._read = read
        self._changed = changed
        self._limit = lookup_limit
        self._now = now
        self._held: dict[str, dict[str, Binding]] = {}
        self._live: dict[tuple[str, str], tuple[float, Binding | None]] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[Binding | None]] = {}
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._silent_until = 0.0
        self.reflector = Reflector(
            client, "/api/v1/serviceaccounts", self, PartialObject, metadata_only=True, back_off=back_off
        )

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def get(self, namespace: str, name: str) -> Binding | None:
        """Return what a service account says, or None where it is not held."""
        names = self._held.get(namespace)
        return None if names is None else names.get(name)

    def snapshot(self) -> dict[str, Binding]:
        """Return everything held, by ``namespace/name``."""
        return {
            f"{namespace}/{name}": binding for namespace, names in self._held.items() for name, binding in names.items()
        }

    async def look_up(self, namespace: str, name: str) -> Binding | None:
        """Return what a service account says by the API server itself, or None where it does not exist.

        Raises LookupFailed where the API server gives no answer within the limit.
        """
        if not is_label(namespace) or not is_subdomain(name):
            return None  # no service account can be called so, and the name is not put into a path
        if not self.reflector.connected:
            self.reflector.hurry()  # whoever sends a review is an API server that is there
        key = (namespace, name)
        known = self._live.get(key)
        if known is not None and known[0] > self._now():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            if len(self._asking) >= MAX_WAITING:
                raise LookupFailed(f"Too many service accounts are waited for; {namespace}/{name} is not asked for.")
            asking = self._asking[key] = asyncio.create_task(self._ask(namespace, name))
            asking.add_done_callback(lambda task: self._asked(key, task))
        done, _ = await asyncio.wait({asking}, timeout=self._limit)
        if not done:
            raise self._too_slow(namespace, name)
        return asking.result()

    async def current(self, namespace: str, name: str, held: Binding) -> Binding | None:
        """Return what a service account that is held says now, or None where it is gone; ``held`` where nobody tells.

        To be asked while the watch is interrupted: what is held may be out of date.
        """
        if self._silent_until > self._now():
            return held
        try:
            return await self.look_up(namespace, name)
        except LookupFailed:
            self._silent_until = self._now() + SILENT_SECONDS
            return held

    async def start_over(self) -> None:
        """Forget everything and list it anew. Raises KubeError where the API server does not answer."""
        self._held.clear()
        self._live.clear()
        await self.reflector.list_now()

    def upsert(self, item: PartialObject, /) -> None:
        """Take over a service account that the API server tells of."""
        metadata = item.metadata
        # Names repeat: every namespace has its "default".
        name = sys.intern(metadata.name)
        names = self._held.get(metadata.namespace)
        if names is None:
            names = self._held[metadata.namespace] = {}
        binding = self._read(metadata.annotations or {})
        if self._live:
            self._live.pop((metadata.namespace, name), None)
        if names.get(name) != binding:
            names[name] = binding
            self._changed(metadata.namespace, name)

    def delete(self, namespace: str, name: str, /) -> None:
        """Forget a service account."""
        self._live.pop((namespace, name), None)
        names = self._held.get(namespace)
        if names is not None and names.pop(name, None) is not None:
            if not names:
                del self._held[namespace]
            self._changed(namespace, name)

    def retain(self, listed: Mapping[str, AbstractSet[str]], /) -> None:
        """Forget every service account that a complete list does not have."""
        for namespace, names in list(self._held.items()):
            for name in names.keys() - listed.get(namespace, set()):
                self.delete(namespace, name)

    async def _ask(self, namespace: str, name: str) -> Binding | None:
        path = path_of("api", "v1", "namespaces", namespace, "serviceaccounts", name)
        try:
            # Twice the limit of one who waits: who joins late still has his own.
            async with asyncio.timeout(2 * self._limit), self._turns:
                item = await self._client.get(path, PartialObject, accept=METADATA)
        except APIRefusal as refusal:
            if refusal.status != 404:
                raise self._failed(namespace, name, refusal) from refusal
            self._remember(namespace, name, ABSENT_SECONDS, None)
            return None
        except (APIUnavailable, KubeconfigProblem) as problem:
            raise self._failed(namespace, name, problem) from problem
        except TimeoutError:
            raise self._too_slow(namespace, name) from None
        binding = self._read(item.metadata.annotations or {})
        self._remember(namespace, name, LIVE_SECONDS, binding)
        return binding

    def _asked(self, key: tuple[str, str], task: asyncio.Task[Binding | None]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody waits any more it is of no use

    def _remember(self, namespace: str, name: str, seconds: float, binding: Binding | None) -> None:
        if len(self._live) >= MAX_LIVE:
            self._live.clear()
        self._live[namespace, name] = (self._now() + seconds, binding)

    def _too_slow(self, namespace: str, name: str) -> LookupFailed:
        return LookupFailed(
            f"Service account {namespace}/{name} was not found out about within {self._limit:g} s.",
            next_step="check that the API server answers; the limit is --service-account-lookup-grace-period",
        )

    def _failed(self, namespace: str, name: str, problem: KubeError) -> LookupFailed:
        return LookupFailed(f"Service account {namespace}/{name} could not be read: {problem.what}", got=problem.got)
