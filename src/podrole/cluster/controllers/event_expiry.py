"""Events last an hour after they were last written, as with kube-apiserver's ``--event-ttl``.

https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
"""

from __future__ import annotations

from collections.abc import Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf
from podrole.cluster.controllers.workloads import parse_time
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError

LIFE_SECONDS = 3600.0
SWEEP_SECONDS = 60.0
_ALL: Key = ("", "")


class EventExpiry(Controller):
    """Removes old events, a minute late at most. Its one key stands for all of them."""

    name = "event-ttl"

    def watched(self) -> Mapping[str, KeysOf]:
        self.enqueue(_ALL)
        return {}

    async def reconcile(self, key: Key) -> float:  # noqa: ARG002 - there is only one
        oldest = self.time.now() - LIFE_SECONDS
        for event in await self.client.list("events"):
            if _written(event) <= oldest:
                metadata = event["metadata"]
                try:
                    await self.client.delete("events", metadata["namespace"], metadata["name"], uid=metadata["uid"])
                except StatusError as problem:
                    if problem.reason not in {"NotFound", "Conflict"}:
                        raise
        return self.time.now() + SWEEP_SECONDS


def _written(event: Object) -> float:
    """Return when the server last stored it: the times that an event tells of itself are its writer's."""
    metadata = event["metadata"]
    times = [
        metadata["creationTimestamp"],
        *(one["time"] for one in metadata.get("managedFields", ()) if "time" in one),
    ]
    return max(map(parse_time, times))
