"""The Node object in the API: created at the start, its status written every few minutes."""

from __future__ import annotations

import contextlib
import logging

from podrole.cluster.core.errors import StatusError
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.node_object import labels, node_object, node_status

HEARTBEAT_SECONDS = 300.0
"""How often the Node's status is renewed though nothing changed; the kubelet's nodeStatusReportFrequency."""

_log = logging.getLogger(__name__)


class Registration:
    """Registers the node and keeps its status up to date."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._ready_since = context.time.now()

    async def register(self) -> None:
        """Create the Node, or take over the one of an earlier run."""
        client, settings = self._context.client, self._context.settings
        with contextlib.suppress(StatusError):  # one of an earlier run may be there
            await client.create("nodes", None, node_object(settings))
        await client.merge_patch("nodes", None, settings.name, {"metadata": {"labels": labels(settings)}})
        self._ready_since = self._context.time.now()
        await self._report()

    async def heartbeat(self) -> None:
        """Write the Node's status at each interval, until cancelled."""
        while True:
            await self._context.time.sleep_until(self._context.time.now() + HEARTBEAT_SECONDS)
            try:
                await self._report()
            except StatusError as problem:
                _log.warning("the node's status could not be written: %s", problem)

    async def _report(self) -> None:
        context = self._context
        status = node_status(
            context.settings, context.runtime, context.resources, since=self._ready_since, now=context.time.now()
        )
        await context.client.merge_patch("nodes", None, context.settings.name, {"status": status}, subresource="status")
