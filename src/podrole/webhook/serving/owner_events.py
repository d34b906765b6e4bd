"""Events about pods that did not get their identity as they should: on the ReplicaSet, Job or other owner.

Who creates a pod by hand reads the warnings in the terminal; who created a Deployment reads its events. They are
written beside the reviews, never within one: a full queue, a refusal or an outage costs Events and nothing else.
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
"""The same is not said twice within ten minutes: a ReplicaSet tries over and over."""

QUEUE = 200
REMEMBERED = 5_000
MAX_MESSAGE = 1_024
"""Kubernetes refuses a longer message."""

MAX_REFERENCE = 317
"""Characters of the longest thing that a reference can hold: a group with its version. A pod's owners are not validated
yet, and must not fill our memory."""

_log = logging.getLogger(__name__)


class OwnerEvents:
    """Writes Events. ``run`` does the writing."""

    def __init__(self, client: KubernetesClient, metrics: Metrics, *, clock: Clock = system_clock) -> None:
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE)
        self._said: dict[tuple[str, str, str], float] = {}

    def report_warnings(self, pod: Pod, namespace: str, mutation: Mutation, /) -> None:
        """Have it said of ``pod`` what was wrong with its identity."""
        subject = _subject(pod)
        if subject is None:
            return
        message = one_line("; ".join(mutation.warnings), MAX_MESSAGE)
        now = self._clock()
        key = (namespace, subject.get("uid") or subject["name"], message)
        if self._said.get(key, -REPEAT_SECONDS) + REPEAT_SECONDS > now:
            return
        if len(self._said) >= REMEMBERED:
            self._said.clear()
        self._said[key] = now
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
                _log.info("an Event was not written: %s", problem.what)
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
    """Return what an Event about the pod is attached to: its controller, else the pod itself if it has a name."""
    metadata = pod.metadata
    if metadata is None:
        return None
    owners = [owner for owner in metadata.owner_references or () if owner is not None and owner.name and owner.kind]
    owner = next((owner for owner in owners if owner.controller), owners[0] if owners else None)
    if owner is None:
        owner = OwnerReference(api_version="v1", kind="Pod", name=metadata.name)
    reference = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    told = {name: value for name, value in reference.items() if value}
    return told if "name" in told and max(map(len, told.values())) <= MAX_REFERENCE else None
