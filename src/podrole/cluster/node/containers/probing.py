"""What happens during one run of a container: the hook after its start, then its probes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from podrole.base.errors import outline
from podrole.cluster.core.errors import shown
from podrole.cluster.core.timing import first
from podrole.cluster.node.containers.handlers import Handlers
from podrole.cluster.node.containers.probes import ProbeKind, Result, watch
from podrole.cluster.node.containers.report import ContainerReport
from podrole.cluster.node.context import NodeContext

Restart = Callable[[str, float], Awaitable[None]]
"""Ends the run: (the text of the Killing event, the grace in seconds)."""

_log = logging.getLogger(__name__)


class Probing:
    """Runs the postStart hook and the probes of one run of a container. ``started`` is called once it has started."""

    def __init__(
        self,
        context: NodeContext,
        report: ContainerReport,
        handlers: Handlers,
        *,
        restart: Restart,
        started: Callable[[], None],
    ) -> None:
        self._context = context
        self._report = report
        self._handlers = handlers
        self._restart = restart
        self._started = started

    async def run(self) -> None:
        """Run the hook, then the startup probe, then the others. Cancelled at the end of the run."""
        problem = await self._handlers.hook("postStart")
        if problem:
            self._report.record("Warning", "FailedPostStartHook", f"PostStartHook failed: {problem}")
            await self._restart("FailedPostStartHook", self._handlers.grace({}))
            return
        spec = self._report.spec
        if probe := spec.get("startupProbe"):
            begun = asyncio.Event()
            await first(self._probe("Startup", probe, begun), begun.wait())
        kinds: tuple[tuple[ProbeKind, str], ...] = (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"))
        await asyncio.gather(*(self._probe(kind, probe) for kind, field in kinds if (probe := spec.get(field))))

    async def _probe(self, kind: ProbeKind, probe: dict[str, Any], begun: asyncio.Event | None = None) -> None:
        failed = asyncio.Event()

        async def checking(seconds: float) -> Result | None:
            try:
                return await self._handlers.check(probe, seconds)
            except Exception as problem:  # noqa: BLE001 - the next check of it may succeed, and other probes go on
                # As in the kubelet, an event is recorded and the check does not count.
                _log.error("a %s probe of container %s failed: %s", kind.lower(), self._report.name, outline(problem))
                message = f"{kind} probe errored and resulted in unknown state: {shown(problem)}"
                self._report.record("Warning", "Unhealthy", message)
                return None

        def take(counts: bool, result: Result) -> None:
            if not result.healthy:
                self._report.record("Warning", "Unhealthy", f"{kind} probe failed: {result.message}")
            if not counts:
                return
            if kind == "Readiness":
                self._report.set_ready(result.healthy)
            elif not result.healthy:
                failed.set()
            elif begun is not None:
                self._report.started = True
                self._started()
                self._report.set_ready(not self._report.spec.get("readinessProbe"))
                begun.set()

        if await first(watch(probe, checking, self._context.time, take), failed.wait()) == 1:
            # In a task of its own: the end of the run cancels the probing.
            why = f"Container {self._report.name} failed {kind.lower()} probe, will be restarted"
            restarting = asyncio.ensure_future(self._restart(why, self._handlers.grace(probe)))
            await asyncio.shield(restarting)
