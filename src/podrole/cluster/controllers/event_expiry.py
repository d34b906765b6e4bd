"""Events last an hour after they were last written, as with kube-apiserver's ``--event-ttl``; the newest ones only.

https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
"""

from __future__ import annotations

from collections.abc import Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, delete_all
from podrole.cluster.controllers.workloads import parse_time
from podrole.cluster.core.client import Object

LIFE_SECONDS = 3600.0
SWEEP_SECONDS = 60.0
MOST = 2_000
"""How many events are left by a sweep: kube-apiserver has them on disk, podrole in memory."""
_ALL: Key = ("", "")


class EventExpiry(Controller):
    """Removes old events, a minute late at most. Its one key stands for all of them."""

    name = "event-ttl"

    def watched(self) -> Mapping[str, KeysOf]:
        self.enqueue(_ALL)
        return {}

    async def reconcile(self, key: Key) -> float:  # noqa: ARG002 - there is only one
        oldest = self.time.now() - LIFE_SECONDS
        events = sorted(await self.client.list("events"), key=_written)
        old = [event for number, event in enumerate(events) if number < len(events) - MOST or _written(event) <= oldest]
        await delete_all(self.client, "events", old)
        return self.time.now() + SWEEP_SECONDS


def _written(event: Object) -> float:
    """Return when the API server last stored the event; ``lastTimestamp`` is what the event's writer says."""
    metadata = event["metadata"]
    times = [
        metadata["creationTimestamp"],
        *(entry["time"] for entry in metadata.get("managedFields", ()) if "time" in entry),
    ]
    return max(map(parse_time, times))
