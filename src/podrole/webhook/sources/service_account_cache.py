"""A cache of the cluster's service accounts, so that a review does not wait for the API server.

Only the bindings of the annotations are kept. A service account that is not in the cache may be new: it is looked up
once for all reviews that wait for it, within a limit. While the watch is interrupted, a cached one may be out of date:
it is looked up too, and the cached binding is used if the API server does not answer.
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
"""How long the answer counts that a service account does not exist."""

LIVE_SECONDS = 1.0
"""How long the answer of a look-up counts, unless the watch reports a change before."""

UNANSWERED_SECONDS = 5.0
"""After a look-up without an answer, cached service accounts are not looked up again for this time."""

MAX_LIVE = 10_000
"""The most answers of look-ups that are kept: anyone who sends reviews can choose the names."""

MAX_AT_ONCE = 16
"""The most look-ups at the same time. Others wait, within their limit."""

MAX_WAITING = 1_000
"""The most service accounts that are waited for at the same time. Beyond it a look-up fails at once."""


class LookupFailed(WebhookError):
    """A service account could not be read in time."""

    code = "lookup-failed"


class ServiceAccountCache:
    """The bindings of all service accounts.

    ``changed`` is called with namespace and name when the binding of a service account may have changed.
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
        self._unanswered_until = 0.0
        self.reflector = Reflector(
            client, "/api/v1/serviceaccounts", self, PartialObject, metadata_only=True, back_off=back_off
        )

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def get(self, namespace: str, name: str) -> Binding | None:
        """Return a service account's binding, None if it is not in the cache."""
        names = self._held.get(namespace)
        return None if names is None else names.get(name)

    def snapshot(self) -> dict[str, Binding]:
        """Return all bindings by ``namespace/name``."""
        return {
            f"{namespace}/{name}": binding for namespace, names in self._held.items() for name, binding in names.items()
        }

    async def look_up(self, namespace: str, name: str) -> Binding | None:
        """Ask the API server for a service account's binding. Returns None if the service account does not exist.

        Raises LookupFailed if the API server does not answer within the limit.
        """
        if not is_label(namespace) or not is_subdomain(name):
            return None  # not a valid name, and so not put into a URL
        if not self.reflector.connected:
            self.reflector.hurry()  # the review shows that an API server is reachable
        key = (namespace, name)
        known = self._live.get(key)
        if known is not None and known[0] > self._now():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            if len(self._asking) >= MAX_WAITING:
                raise LookupFailed(f"Too many service accounts are being looked up; {namespace}/{name} is not.")
            asking = self._asking[key] = asyncio.create_task(self._ask(namespace, name))
            asking.add_done_callback(lambda task: self._asked(key, task))
        done, _ = await asyncio.wait({asking}, timeout=self._limit)
        if not done:
            raise self._too_slow(namespace, name)
        return asking.result()

    async def current(self, namespace: str, name: str, held: Binding) -> Binding | None:
        """Return the current binding of a cached service account, None if it no longer exists.

        Returns ``held`` if the API server does not answer. For use while the watch is interrupted.
        """
        if self._unanswered_until > self._now():
            return held
        try:
            return await self.look_up(namespace, name)
        except LookupFailed:
            self._unanswered_until = self._now() + UNANSWERED_SECONDS
            return held

    async def start_over(self) -> None:
        """Empty the cache and list all service accounts again. Raises KubeError if the API server does not answer."""
        self._held.clear()
        self._live.clear()
        await self.reflector.list_now()

    def upsert(self, item: PartialObject, /) -> None:
        """Store a service account from the watch."""
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
        """Remove a service account."""
        self._live.pop((namespace, name), None)
        names = self._held.get(namespace)
        if names is not None and names.pop(name, None) is not None:
            if not names:
                del self._held[namespace]
            self._changed(namespace, name)

    def retain(self, listed: Mapping[str, AbstractSet[str]], /) -> None:
        """Remove every service account that is not in a complete list."""
        for namespace, names in list(self._held.items()):
            for name in names.keys() - listed.get(namespace, set()):
                self.delete(namespace, name)

    async def _ask(self, namespace: str, name: str) -> Binding | None:
        path = path_of("api", "v1", "namespaces", namespace, "serviceaccounts", name)
        try:
            # Twice the limit of one review, so that a review that joins late can wait for its own limit.
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
            task.exception()  # marks it as seen: the reviews that waited have it

    def _remember(self, namespace: str, name: str, seconds: float, binding: Binding | None) -> None:
        if len(self._live) >= MAX_LIVE:
            self._live.clear()
        self._live[namespace, name] = (self._now() + seconds, binding)

    def _too_slow(self, namespace: str, name: str) -> LookupFailed:
        return LookupFailed(
            f"Service account {namespace}/{name} could not be read within {self._limit:g} s.",
            next_step="check that the API server answers; the limit is --service-account-lookup-grace-period",
        )

    def _failed(self, namespace: str, name: str, problem: KubeError) -> LookupFailed:
        return LookupFailed(f"Service account {namespace}/{name} could not be read: {problem.what}", got=problem.got)
