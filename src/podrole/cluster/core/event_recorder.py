"""Kubernetes Events, as controllers and the node write them: repeated ones are counted, not repeated.

Recording never delays its caller and never raises. https://kubernetes.io/docs/reference/kubernetes-api/core/event-v1/
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import secrets
from dataclasses import dataclass
from typing import Literal, Self

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError

REMEMBERED = 4096
"""How many distinct events are counted; an older one is written as a new event."""
MAX_WAITING = 1000
MAX_MESSAGE = 1024
"""The API's limit on an event's message."""

_log = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class _Occurrence:
    subject: Object
    type: EventType
    reason: str
    message: str
    time: float

    @property
    def key(self) -> tuple[str, ...]:
        subject = self.subject
        return (subject.get("uid", ""), subject.get("fieldPath", ""), self.type, self.reason, self.message)


def reference(obj: Object, *, field_path: str = "") -> Object:
    """Return the ObjectReference of an object; ``field_path`` as ``spec.containers{name}``."""
    metadata = obj["metadata"]
    fields = {
        "kind": obj.get("kind", ""),
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "apiVersion": obj.get("apiVersion", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "fieldPath": field_path,
    }
    return {key: value for key, value in fields.items() if value}


class EventRecorder:
    """Writes events for one component. An async context manager: what waits is written before it closes."""

    def __init__(self, client: ClusterClient, component: str, clock: Clock, *, host: str = "") -> None:
        self._client = client
        self._component = component
        self._clock = clock
        self._host = host
        self._known: collections.OrderedDict[tuple[str, ...], tuple[str, int]] = collections.OrderedDict()
        self._waiting: asyncio.Queue[_Occurrence] = asyncio.Queue(MAX_WAITING)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._waiting.join()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def record(self, subject: Object, type_: EventType, reason: str, message: str, *, field_path: str = "") -> None:
        """Record that something happened to ``subject``, an object as the API gave it."""
        about = reference(subject, field_path=field_path)
        with contextlib.suppress(asyncio.QueueFull):  # a flood of events costs events, nothing else
            self._waiting.put_nowait(_Occurrence(about, type_, reason, message[:MAX_MESSAGE], self._clock()))

    async def _work(self) -> None:
        while True:
            occurrence = await self._waiting.get()
            try:
                await self._write(occurrence)
            except StatusError as problem:  # the namespace may be gone
                _log.debug("an event %s could not be written: %s", occurrence.reason, problem)
            except Exception:  # noqa: BLE001 - the next event is to be written all the same
                _log.exception("an event %s could not be written", occurrence.reason)
            finally:
                self._waiting.task_done()

    async def _write(self, occurrence: _Occurrence) -> None:
        namespace = occurrence.subject.get("namespace") or "default"
        when = rfc3339(occurrence.time)
        if known := self._known.get(occurrence.key):
            name, count = known
            try:
                patch = {"count": count + 1, "lastTimestamp": when}
                await self._client.merge_patch("events", namespace, name, patch)
                self._known[occurrence.key] = (name, count + 1)
                self._known.move_to_end(occurrence.key)
                return
            except StatusError as problem:
                if problem.reason != "NotFound":
                    raise
        # As in client-go the name goes up with time, so that events of one second are listed in their order.
        name = f"{occurrence.subject['name']}.{int(occurrence.time * 1e6):x}{secrets.token_hex(4)}"
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        await self._client.create(
            "events",
            namespace,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": occurrence.subject,
                "reason": occurrence.reason,
                "message": occurrence.message,
                "type": occurrence.type,
                "source": source,
                "firstTimestamp": when,
                "lastTimestamp": when,
                "count": 1,
                "reportingComponent": self._component,
                "reportingInstance": self._host,
            },
        )
        self._known[occurrence.key] = (name, 1)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
