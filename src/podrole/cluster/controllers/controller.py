"""What all controllers do: watch, queue the keys that changed, reconcile one after the other, try again on failure.

A controller reads what it needs each time it reconciles: the API is in the same process, so there is no cache that
could be out of date. A failure at one object is that object's: it is logged, an event tells about it, and it is tried
again. A loop that dies is a failure of the owner's ``BackgroundTasks``.
"""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from podrole.base.errors import outline
from podrole.base.tasks import BackgroundTasks
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError, shown
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time, retry_delay

Key = tuple[str, str]
"""Namespace (empty for a cluster-wide object) and name."""
KeysOf = Callable[[WatchEvent], Iterable[Key]]
"""Returns the keys to reconcile after an event."""

WATCH_RETRY_SECONDS = 0.5
EXPECTED = frozenset({"Conflict", "NotFound", "AlreadyExists"})
"""Reasons of the API that mean: something changed meanwhile, and the watch shows what."""

_log = logging.getLogger(__name__)


class AlreadyReported(Exception):
    """Raised by ``reconcile`` if it has recorded an event about the failure itself. The object is tried again."""


class Controller(abc.ABC):
    """One controller. ``start`` starts its loops; several may run in one event loop."""

    name: ClassVar[str]
    """As in kube-controller-manager, whose service account of that name acts: ``replicaset-controller``."""
    reconciles: ClassVar[str] = ""
    """The resource whose objects the keys name, empty if they name no object."""

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        self.client = client
        self.time = time
        self.recorder = recorder
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: dict[Key, asyncio.TimerHandle | asyncio.Task[None]] = {}

    @abc.abstractmethod
    def watched(self) -> Mapping[str, KeysOf]:
        """Return the resources to watch, each with the function that returns the keys of an event."""

    @abc.abstractmethod
    async def reconcile(self, key: Key) -> float | None:
        """Bring an object to what it asks for; return when to do so again (epoch seconds) if nothing changes."""

    async def subject(self, key: Key) -> Object | None:
        """Return the object that an event about a failure is recorded for; None if there is none."""
        return await find(self.client, self.reconciles, key) if self.reconciles and key[1] else None

    def enqueue(self, key: Key) -> None:
        """Reconcile ``key`` soon; once, however often it is asked for."""
        if key not in self._queued:
            self._queued.add(key)
            self._queue.put_nowait(key)

    def start(self, tasks: BackgroundTasks) -> None:
        """Watch and reconcile until ``tasks`` are closed."""
        for resource, keys_of in self.watched().items():
            tasks.run_forever(f"{self.name}'s watch of {resource}", self._watch(resource, keys_of))
        tasks.run_forever(self.name, self._work(tasks))

    async def _work(self, tasks: BackgroundTasks) -> None:
        try:
            while True:
                key = await self._queue.get()
                self._queued.discard(key)
                again = await self._reconcile(key)
                if again is not None:
                    name = f"{self.name}'s next look at {'/'.join(key)}"
                    self._later[key] = tasks.run(name, self._enqueue_at(key, again))
        finally:
            for later in self._later.values():
                later.cancel()

    async def _reconcile(self, key: Key) -> float | None:
        if (later := self._later.pop(key, None)) is not None:
            later.cancel()
        try:
            again = await self.reconcile(key)
        except Exception as problem:  # noqa: BLE001 - one object must not stop the controller for all others
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            self._later[key] = asyncio.get_running_loop().call_later(retry_delay(failures), self.enqueue, key)
            await self._report_failure(key, problem, failures)
            return None
        self._failures.pop(key, None)
        return again

    async def _report_failure(self, key: Key, problem: Exception, failures: int) -> None:
        if isinstance(problem, AlreadyReported):
            return
        if isinstance(problem, StatusError):
            level = logging.DEBUG if problem.reason in EXPECTED else logging.WARNING
            _log.log(level, "%s could not reconcile %s: %s", self.name, "/".join(key), problem)
            if problem.reason in EXPECTED or not failures:  # the API may be back at the next attempt
                return
        else:
            _log.error("%s failed at %s: %s", self.name, "/".join(key), outline(problem))
        try:
            subject = await self.subject(key)
        except Exception as another:  # noqa: BLE001 - the log has the first problem
            _log.warning("%s cannot record an event about %s: %s", self.name, "/".join(key), outline(another))
            return
        if subject is not None:
            message = f"{self.name} could not reconcile it: {shown(problem)}; it is tried again"
            self.recorder.record(subject, "Warning", "FailedSync", message)

    async def _enqueue_at(self, key: Key, moment: float) -> None:
        await self.time.sleep_until(moment)
        self._later.pop(key, None)
        self.enqueue(key)

    async def _watch(self, resource: str, keys_of: KeysOf) -> None:
        while True:
            try:
                async for event in self.client.watch(resource):
                    self._take(resource, keys_of, event)
            except StatusError as problem:
                _log.warning("%s's watch of %s failed and is started again: %s", self.name, resource, problem)
            await asyncio.sleep(WATCH_RETRY_SECONDS)

    def _take(self, resource: str, keys_of: KeysOf, event: WatchEvent) -> None:
        """Queue the keys of an event. One that cannot be understood is left out, until its object changes."""
        try:
            keys = list(keys_of(event))
        except Exception as problem:  # noqa: BLE001 - one object must not stop the watch for all others
            where = "/".join(key_of(event.object))
            _log.error("%s failed at %s %s: %s", self.name, resource, where, outline(problem))
            message = f"{self.name} could not take note of its change: {shown(problem)}"
            self.recorder.record(event.object, "Warning", "FailedSync", message)
            return
        for key in keys:
            self.enqueue(key)


def is_ending(obj: Object) -> bool:
    """Whether an object is being deleted."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def key_of(obj: Object) -> Key:
    """Return an object's key."""
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def itself(event: WatchEvent) -> Iterable[Key]:
    """Return the key of the event's own object."""
    return [key_of(event.object)]


def controller_of(obj: Object, kind: str) -> Mapping[str, Any] | None:
    """Return the owner reference of the controller, if it is of that kind."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((each for each in references if each.get("controller") and each["kind"] == kind), None)


def its_controller(kind: str) -> KeysOf:
    """Return a function that returns the key of the object's controller, if it has one of that kind."""

    def keys(event: WatchEvent) -> Iterable[Key]:
        reference = controller_of(event.object, kind)
        return [(event.object["metadata"].get("namespace") or "", reference["name"])] if reference else []

    return keys


async def delete_all(client: ClusterClient, resource: str, objects: Iterable[Object]) -> None:
    """Delete objects. One that cannot be deleted does not keep the others; then raises the last StatusError."""
    refused: StatusError | None = None
    for each in objects:
        metadata = each["metadata"]
        try:
            await client.delete(resource, metadata.get("namespace"), metadata["name"], uid=metadata["uid"])
        except StatusError as problem:
            if problem.reason not in {"NotFound", "Conflict"}:
                refused = problem
    if refused is not None:
        raise refused


async def find(client: ClusterClient, resource: str, key: Key) -> Object | None:
    """Get an object; None if it does not exist."""
    try:
        return await client.get(resource, key[0] or None, key[1])
    except StatusError as problem:
        if problem.reason == "NotFound":
            return None
        raise
