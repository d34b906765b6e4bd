"""What all controllers do: watch, queue the keys that changed, reconcile one after the other, try again on failure.

A controller reads what it needs anew each time it reconciles: the API is in the same process, so there is no cache that
could be behind.
"""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.timing import Time

Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""
KeysOf = Callable[[WatchEvent], Iterable[Key]]
"""Which keys an event is about."""

FIRST_RETRY_SECONDS = 0.02
MAX_RETRY_SECONDS = 30.0
WATCH_RETRY_SECONDS = 0.5
NO_SUCH_RESOURCE = frozenset({"NotFound", "BadRequest"})
"""How an API server answers a list or watch of a resource that it does not have."""

_log = logging.getLogger(__name__)


class Controller(abc.ABC):
    """One controller. ``run`` never returns; several may run in one event loop."""

    name: ClassVar[str]
    """As in kube-controller-manager, whose service account of that name acts: ``replicaset-controller``."""

    def __init__(self, client: ClusterClient, time: Time) -> None:
        self.client = client
        self.time = time
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: dict[Key, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @abc.abstractmethod
    def watched(self) -> Mapping[str, KeysOf]:
        """Return the resources to watch, each with what an event of it is about."""

    @abc.abstractmethod
    async def reconcile(self, key: Key) -> float | None:
        """Bring one object to what it asks for; return when to look again (epoch seconds) though nothing changes."""

    def enqueue(self, key: Key) -> None:
        """Reconcile ``key`` soon; once, however often it is asked for."""
        if key not in self._queued:
            self._queued.add(key)
            self._queue.put_nowait(key)

    async def run(self) -> None:
        """Watch and reconcile until cancelled."""
        watching = [asyncio.create_task(self._watch(resource, keys)) for resource, keys in self.watched().items()]
        try:
            while True:
                key = await self._queue.get()
                self._queued.discard(key)
                await self._reconcile(key)
        finally:
            tasks = [*watching, *self._later.values(), *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reconcile(self, key: Key) -> None:
        if (later := self._later.pop(key, None)) is not None:
            later.cancel()
        try:
            again = await self.reconcile(key)
        except StatusError as problem:
            # A conflict only means that something changed meanwhile; the watch says what.
            level = logging.DEBUG if problem.reason in {"Conflict", "NotFound", "AlreadyExists"} else logging.WARNING
            _log.log(level, "%s could not reconcile %s: %s", self.name, "/".join(key), problem)
            self._retry(key)
        except Exception:  # noqa: BLE001 - one object must not stop the controller for all others
            _log.exception("%s failed at %s", self.name, "/".join(key))
            self._retry(key)
        else:
            self._failures.pop(key, None)
            if again is not None:
                self._later[key] = asyncio.create_task(self._enqueue_at(key, again))

    def _retry(self, key: Key) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(FIRST_RETRY_SECONDS * 2 ** min(failures, 20), MAX_RETRY_SECONDS)
        asyncio.get_running_loop().call_later(delay, self.enqueue, key)

    async def _enqueue_at(self, key: Key, moment: float) -> None:
        await self.time.sleep_until(moment)
        self._later.pop(key, None)
        self.enqueue(key)

    async def _watch(self, resource: str, keys_of: KeysOf) -> None:
        while True:
            try:
                async for event in self.client.watch(resource):
                    for key in keys_of(event):
                        self.enqueue(key)
            except StatusError as problem:
                if problem.reason in NO_SUCH_RESOURCE:
                    return
                _log.warning("%s lost sight of %s: %s", self.name, resource, problem)
            await asyncio.sleep(WATCH_RETRY_SECONDS)


def key_of(obj: Object) -> Key:
    """Return an object's key."""
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def itself(event: WatchEvent) -> Iterable[Key]:
    """Be about the very object of the event."""
    return [key_of(event.object)]


def controller_of(obj: Object, kind: str) -> Mapping[str, Any] | None:
    """Return the owner reference of the controller, if it is of that kind."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((each for each in references if each.get("controller") and each["kind"] == kind), None)


def its_controller(kind: str) -> KeysOf:
    """Be about the object's controller, if it has one of that kind."""

    def keys(event: WatchEvent) -> Iterable[Key]:
        reference = controller_of(event.object, kind)
        return [(event.object["metadata"].get("namespace") or "", reference["name"])] if reference else []

    return keys


async def find(client: ClusterClient, resource: str, key: Key) -> Object | None:
    """Get an object; None where there is none."""
    try:
        return await client.get(resource, key[0] or None, key[1])
    except StatusError as problem:
        if problem.reason == "NotFound":
            return None
        raise
