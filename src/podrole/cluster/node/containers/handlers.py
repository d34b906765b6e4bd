"""The handlers of probes and lifecycle hooks, carried out against one run of a container."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from podrole.cluster.node.containers.probes import MAX_OUTPUT, Result, check
from podrole.cluster.node.containers.report import ContainerReport, EnclosingPod
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.errors import ContainerProblem
from podrole.cluster.node.runtime import RunningContainer, Stream

DEFAULT_GRACE_SECONDS = 30.0


class Handlers:
    """Carries out the handlers of one run of a container."""

    def __init__(
        self, context: NodeContext, pod: EnclosingPod, report: ContainerReport, container: RunningContainer
    ) -> None:
        self._context = context
        self._pod = pod
        self._report = report
        self._container = container

    def grace(self, probe: Mapping[str, Any]) -> float:
        """Return how many seconds the container has to end after this probe has failed."""
        return grace_seconds(probe, self._pod.with_address()["spec"])

    async def check(self, handler: Mapping[str, Any], seconds: float) -> Result:
        """Carry out a handler within so many seconds."""
        address = self._pod.sandbox.address
        return await check(handler, self._report.spec, address=address, seconds=seconds, run=self._run)

    async def hook(self, which: Literal["postStart", "preStop"]) -> str:
        """Run a lifecycle hook; return what went wrong with it, or an empty text."""
        hook = (self._report.spec.get("lifecycle") or {}).get(which)
        if not hook:
            return ""
        if seconds := (hook.get("sleep") or {}).get("seconds"):
            await self._context.time.sleep_until(self._context.time.now() + seconds)
            return ""
        result = await self.check(hook, self.grace({}) or 1)
        if not result.healthy and which == "preStop":
            self._report.record("Warning", "FailedPreStopHook", f"PreStopHook failed: {result.message}")
        return "" if result.healthy else result.message or "the command failed"

    async def _run(self, command: Sequence[str], seconds: float) -> tuple[int | None, bytes]:
        output = bytearray()

        def collect(_: Stream, data: bytes) -> None:
            if len(output) < MAX_OUTPUT:
                output.extend(data)

        try:
            process = await self._container.exec(command, collect)
        except ContainerProblem as problem:
            return 126, problem.what.encode()
        try:
            async with asyncio.timeout(seconds):
                return await process.wait(), bytes(output)
        except TimeoutError:
            await process.kill()
            return None, bytes(output)
        except BaseException:
            await asyncio.shield(process.kill())
            raise


def grace_seconds(*sources: Mapping[str, Any]) -> float:
    """Return the terminationGracePeriodSeconds of the first source (a probe, a pod's spec) that has one."""
    for source in sources:
        if (seconds := source.get("terminationGracePeriodSeconds")) is not None:
            return float(seconds)
    return DEFAULT_GRACE_SECONDS
