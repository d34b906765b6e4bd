"""A watch over HTTP: one JSON document a line, until the client or the server ends it.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import msgspec

from podrole.cluster.api.reading import Reads, Watch
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import StatusError, expired
from podrole.cluster.http.requests import Request

Object = dict[str, Any]

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_encode = msgspec.json.Encoder().encode
_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
_AT_ONCE = 500
"""Events that are written before others have their turn."""


class WatchStream:
    """Sends one watch's events. ``shape`` turns an object into what the client asked for (itself, a Table)."""

    def __init__(
        self,
        request: Request,
        call: Call,
        reads: Reads,
        *,
        shape: Callable[[Object], Object],
        bookmarks: bool,
        bookmark_seconds: float,
        seconds: float,
    ) -> None:
        self._request = request
        self._call = call
        self._reads = reads
        self._shape = shape
        self._bookmarks = bookmarks
        self._bookmark_seconds = bookmark_seconds
        self._deadline = time.monotonic() + seconds

    async def run(self, watch: Watch) -> None:
        """Send events until the time is up, the client hangs up, or the watch ends; then end the answer cleanly."""
        gone = asyncio.create_task(self._wait_for_disconnect(watch))
        try:
            await self._begin()
            await self._send_events(watch.initial)
            if watch.marks_end:
                await self._send([self._bookmark(watch.revision, {INITIAL_EVENTS_END: "true"})])
            await self._follow(watch)
            if not gone.done():
                await self._request.send({"type": "http.response.body", "body": b""})
        finally:
            watch.watcher.close()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _follow(self, watch: Watch) -> None:
        watcher = watch.watcher
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                return
            covered = self._reads.revision
            events = await watcher.batch(min(left, self._bookmark_seconds) if self._bookmarks else left)
            if events:
                await self._send_events(events)
            if watcher.ended == "too slow":
                await self._send([error_event(expired("the watch has fallen too far behind and is closed"))])
                return
            if watcher.ended:
                return
            if not events and self._bookmarks and time.monotonic() < self._deadline:
                # Nothing waited, so all that happened up to then has been sent.
                await self._send([self._bookmark(covered)])

    async def fail(self, error: StatusError) -> None:
        """Answer with one ERROR event: the watch cannot begin at the requested revision."""
        await self._begin()
        await self._send([error_event(error)])
        await self._request.send({"type": "http.response.body", "body": b""})

    async def _begin(self) -> None:
        await self._request.send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        # An empty chunk makes the headers go now, before there is any event.
        await self._request.send({"type": "http.response.body", "body": b"", "more_body": True})

    async def _send_events(self, events: list[tuple[Any, Object]]) -> None:
        for first in range(0, len(events), _AT_ONCE):
            if first:
                await asyncio.sleep(0)
            some = events[first : first + _AT_ONCE]
            await self._send([{"type": kind, "object": self._shape(obj)} for kind, obj in some])

    async def _send(self, events: list[Object]) -> None:
        body = b"".join(_encode(event) + b"\n" for event in events)
        await self._request.send({"type": "http.response.body", "body": body, "more_body": True})

    def _bookmark(self, revision: int, annotations: Object | None = None) -> Object:
        metadata: Object = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        resource = self._call.resource
        obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return {"type": "BOOKMARK", "object": obj}

    async def _wait_for_disconnect(self, watch: Watch) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        watch.watcher.close()


def error_event(error: StatusError) -> Object:
    """Return the event that tells a watch why it ends."""
    return {"type": "ERROR", "object": error.status()}
