"""The end of a deleted pod: nothing of it runs, and the API may forget it."""

from __future__ import annotations

import asyncio
import logging

from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.timing import retry_delay
from podrole.cluster.node.context import NodeContext

_log = logging.getLogger(__name__)


async def remove_from_api(context: NodeContext, pod: Object) -> None:
    """Remove a pod that has ended from the API; try again until it is gone."""
    metadata, failures = pod["metadata"], 0
    while True:
        try:
            await context.client.delete(
                "pods", metadata["namespace"], metadata["name"], grace_seconds=0, uid=metadata["uid"]
            )
        except StatusError as problem:
            if problem.reason in {"NotFound", "Conflict"}:
                return
            _log.warning("the pod %s could not be removed: %s", metadata["name"], problem)
            context.recorder.record(pod, "Warning", "FailedSync", f"The pod could not be removed: {problem.what}")
        else:
            return
        await asyncio.sleep(retry_delay(failures))
        failures += 1
