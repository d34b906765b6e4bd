"""Events about problems with a pod's identity, on its ReplicaSet, Job or other owner.

A user who creates a pod sees the warnings of the review in the terminal. A user who creates a Deployment sees Events.
They are written in the background: a full queue, a refusal or an outage only loses Events.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any

from podrole.base.clock import Clock, rfc3339, system_clock
from podrole.kube.client import KubernetesClient, path_of
from podrole.kube.errors import KubeError
from podrole.webhook.metrics import Metrics
from podrole.webhook.patch.mutation import Mutation
from podrole.webhook.patch.pod import OwnerReference, Pod
from podrole.webhook.text import one_line

COMPONENT = "podrole-webhook"
REPEAT_SECONDS = 600
"""The same Event is not written twice within ten minutes, because a ReplicaSet retries often."""

QUEUE = 200
REMEMBERED = 5_000
MAX_MESSAGE = 1_024
"""Kubernetes refuses a longer message."""

MAX_REFERENCE = 317
"""Characters of the longest value in a reference, a group with its version. Namespace and owners of a pod in a review
are not validated yet, so longer values must not take memory."""

_log = logging.getLogger(__name__)


class OwnerEvents:
    """Writes Events. ``run`` must run in the background."""

    def __init__(self, client: KubernetesClient, metrics: Metrics, *, clock: Clock = system_clock) -> None:
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE)
        self._written: dict[tuple[str, str, str], float] = {}

    def report_warnings(self, pod: Pod, namespace: str, mutation: Mutation, /) -> None:
        """Write an Event with the warnings of ``mutation``, unless it was written recently."""
        subject = _subject(pod)
        if subject is None or len(namespace) > MAX_REFERENCE:
            return
        message = one_line("; ".join(mutation.warnings), MAX_MESSAGE)
        now = self._clock()
        key = (namespace, subject.get("uid") or subject["name"], message)
        if self._written.get(key, -REPEAT_SECONDS) + REPEAT_SECONDS > now:
            return
        if len(self._written) >= REMEMBERED:
            self._written.clear()
        self._written[key] = now
        reason = "AWSIdentityIncomplete" if mutation.injected else "AWSIdentityNotInjected"
        event = event_about(subject, namespace, reason=reason, message=message, now=now)
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._metrics.count("podrole_webhook_events_total", "dropped")

    async def run(self) -> None:
        """Write Events until cancelled."""
        while True:
            event = await self._queue.get()
            namespace = event["metadata"]["namespace"]
            try:
                await self._client.send("POST", path_of("api", "v1", "namespaces", namespace, "events"), event)
            except KubeError as problem:
                self._metrics.count("podrole_webhook_events_total", "failed")
                _log.info("an Event could not be written: %s", problem.what)
            else:
                self._metrics.count("podrole_webhook_events_total", "written")


def event_about(subject: dict[str, str], namespace: str, *, reason: str, message: str, now: float) -> dict[str, Any]:
    """Return a core/v1 Event of type Warning about ``subject``, an object reference without its namespace."""
    timestamp = rfc3339(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{subject['name'][:200]}.{secrets.token_hex(8)}", "namespace": namespace},
        "involvedObject": {**subject, "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": timestamp,
        "lastTimestamp": timestamp,
        "count": 1,
    }


def _subject(pod: Pod) -> dict[str, str] | None:
    """Return the object of an Event about the pod: its controller, else another owner, else the pod if it has a
    name."""
    metadata = pod.metadata
    if metadata is None:
        return None
    owners = [owner for owner in metadata.owner_references or () if owner is not None and owner.name and owner.kind]
    owner = next((owner for owner in owners if owner.controller), owners[0] if owners else None)
    if owner is None:
        owner = OwnerReference(api_version="v1", kind="Pod", name=metadata.name)
    reference = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    values = {name: value for name, value in reference.items() if value}
    return values if "name" in values and max(map(len, values.values())) <= MAX_REFERENCE else None
