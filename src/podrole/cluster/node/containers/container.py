"""One container of a pod: started, watched, restarted, stopped.

The container outlives its runs and holds what the status shows.
"""

from __future__ import annotations

import asyncio
import collections
import signal
from collections.abc import Callable
from typing import Any

from podrole.cluster.core.timing import Deadline, first
from podrole.cluster.node.containers.backoff import Backoff
from podrole.cluster.node.containers.creation import Creation
from podrole.cluster.node.containers.earlier import Earlier
from podrole.cluster.node.containers.handlers import Handlers
from podrole.cluster.node.containers.logs import ContainerLog
from podrole.cluster.node.containers.probing import Probing
from podrole.cluster.node.containers.report import ContainerReport, EnclosingPod
from podrole.cluster.node.containers.run import ContainerRun
from podrole.cluster.node.containers.states import (
    ContainerView,
    Kind,
    Running,
    State,
    Terminated,
    Waiting,
    should_restart,
)
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.errors import StartProblem
from podrole.cluster.node.runtime import ContainerConfig, RunningContainer


class Container:
    """A container of a pod. ``run`` lives as long as it does; ``stop`` ends it."""

    def __init__(
        self,
        context: NodeContext,
        pod: EnclosingPod,
        spec: dict[str, Any],
        kind: Kind,
        changed: Callable[[], None],
        earlier: Earlier,
    ) -> None:
        self.name: str = spec["name"]
        self.kind: Kind = kind
        self.current: ContainerRun | None = None
        """The present run, or the last one."""
        self._context = context
        self._pod = pod
        self._report = ContainerReport(pod, spec, kind, context.recorder, changed, earlier)
        self._starts = earlier.state is None
        self._creation = Creation(context, pod, self._report, self._pause)
        self._stopping = asyncio.Event()
        self._deadline: Deadline | None = None
        self._up = asyncio.Event()
        self._logs: collections.deque[ContainerLog] = collections.deque()

    @property
    def spec(self) -> dict[str, Any]:
        """The container's spec. A new one takes effect with the next run."""
        return self._report.spec

    @spec.setter
    def spec(self, spec: dict[str, Any]) -> None:
        self._report.spec = spec

    @property
    def state(self) -> State:
        """What the container is doing."""
        return self._report.state

    @property
    def policy(self) -> str:
        """The restart policy that holds for this container."""
        if self.kind == "sidecar":
            return "Always"
        policy = self._pod.with_address()["spec"].get("restartPolicy") or "Always"
        return "OnFailure" if self.kind == "init" and policy == "Always" else policy

    @property
    def running(self) -> RunningContainer | None:
        """The run that has not ended, if there is one."""
        running = self.current.running if self.current else None
        return running if running is not None and running.running else None

    def view(self) -> ContainerView:
        """Return what the status shows."""
        return self._report.view()

    async def run(self) -> None:
        """Run until the container has ended and is not restarted, or was stopped.

        Nothing is run of a container that ended for good before the node was restarted.
        """
        backoff = Backoff()
        while self._starts and not self._stopping.is_set():
            ended = await self._attempt()
            if ended is None or self._stopping.is_set() or not should_restart(self.policy, ended.exit_code):
                return
            if not await self._back_off(ended, backoff.delay(ended.finished_at)):
                return
            backoff.attempted(self._context.time.now())
            self._report.last = ended
            self._report.restarts += 1

    async def until_up(self) -> None:
        """Wait until a sidecar has started (its startup probe, if any, has succeeded)."""
        await self._up.wait()

    async def stop(self, deadline: Deadline) -> None:
        """End the container for good: hook and SIGTERM now, SIGKILL at ``deadline``. ``run`` returns soon after."""
        self._deadline = deadline
        self._stopping.set()
        if (running := self.running) is not None:
            self._report.record("Normal", "Killing", f"Stopping container {self.name}")
            await self._terminate(running, deadline)

    async def restart(self, why: str, grace: float) -> None:
        """End this run, with a grace of so many seconds; ``run`` goes on by the restart policy."""
        if (running := self.running) is not None:
            self._report.record("Normal", "Killing", why)
            await self._terminate(running, Deadline(self._context.time.now() + grace))

    def log(self, *, previous: bool) -> ContainerLog | None:
        """Return the log of the current run or the one before; while waiting to restart, both are the last."""
        waiting = isinstance(self.state, Waiting)
        age = 2 if previous and not waiting else 1
        if len(self._logs) < age or (previous and self._report.last is None):
            return None
        return self._logs[-age]

    def forget(self) -> None:
        """Delete the container's logs."""
        while self._logs:
            self._logs.popleft().remove()

    async def _attempt(self) -> Terminated | None:
        """Start the container, with retries, and wait until it has ended; None if it was stopped before it started."""
        created = await self._creation.create()
        if created is None:
            return None
        config, container = created
        now = self._context.time.now()
        log = None
        try:
            log = self._new_log()
            run = ContainerRun(config, log)
            self._report.record("Normal", "Created", "Container created")
            running = await container.start(run.output)
        except (StartProblem, OSError) as problem:
            what = problem.what if isinstance(problem, StartProblem) else str(problem)
            self._report.record("Warning", "Failed", f"Error: {what}")
            if log is not None:
                log.close()
            ended = Terminated(128, "StartError", 0.0, now, self._id_of(config), what)
            self._report.set_state(ended)
            return ended
        run.running = running
        self.current = run
        self._report.container_id = self._id_of(config)
        self._report.record("Normal", "Started", "Container started")
        return await self._live(run, running)

    async def _live(self, run: ContainerRun, running: RunningContainer) -> Terminated:
        report, spec, started_at = self._report, self._report.spec, self._context.time.now()
        report.started = not spec.get("startupProbe")
        report.ready = report.started and not spec.get("readinessProbe")
        report.set_state(Running(started_at))
        if report.started:
            self._up.set()
        handlers = Handlers(self._context, self._pod, report, running)
        probing = Probing(self._context, report, handlers, restart=self.restart, started=self._up.set)
        # The container may have been stopped while it was being started.
        beside = asyncio.create_task(
            probing.run() if self._deadline is None else self._terminate(running, self._deadline)
        )
        try:
            code = await _wait(running, beside)
        except BaseException:  # podrole gives up on the pod: nothing may keep running
            await asyncio.shield(running.kill())
            raise
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
            run.close()
            report.ready = report.started = False
        reason, message = "Completed" if code == 0 else "Error", run.termination_message(code)
        now = self._context.time.now()
        ended = Terminated(code, reason, started_at, now, self._id_of(run.config), message)
        report.set_state(ended)
        return ended

    async def _back_off(self, ended: Terminated, delay: float) -> bool:
        """Wait until the container may be restarted; False if it was stopped meanwhile."""
        until = ended.finished_at + delay
        if until <= self._context.time.now():
            return True
        report, pod = self._report, self._report.pod_name()
        report.last = ended
        report.record("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {pod}")
        message = f"back-off {_go_duration(delay)} restarting failed container={self.name} pod={pod}"
        report.set_state(Waiting("CrashLoopBackOff", message))
        return await self._pause(until)

    async def _pause(self, moment: float) -> bool:
        """Wait until a moment; False if the container is stopped before it."""
        return await first(self._context.time.sleep_until(moment), self._stopping.wait()) == 0

    async def _terminate(self, running: RunningContainer, deadline: Deadline) -> None:
        time = self._context.time
        handlers = Handlers(self._context, self._pod, self._report, running)
        await first(handlers.hook("preStop"), deadline.reached(time), running.wait())
        await running.signal(signal.SIGTERM)
        if await first(running.wait(), deadline.reached(time)) == 1:
            await running.kill()

    def _new_log(self) -> ContainerLog:
        directory = self._context.directory.logs_of(self._pod.with_address())
        path = directory / self.name / f"{self._report.restarts}.log"
        log = ContainerLog(path, self._context.time.now, max_bytes=self._context.settings.max_log_bytes)
        self._logs.append(log)
        while len(self._logs) > 2:  # this one and the one before it, for `kubectl logs --previous`
            self._logs.popleft().remove()
        return log

    def _id_of(self, config: ContainerConfig) -> str:
        return f"{self._context.runtime.name}://{config.identity}"


async def _wait(running: RunningContainer, beside: asyncio.Task[None]) -> int:
    """Return the exit code. If the task beside it fails first, raise its exception."""
    waiting = asyncio.ensure_future(running.wait())
    try:
        await asyncio.wait({waiting, beside}, return_when=asyncio.FIRST_COMPLETED)
        if beside.done() and not waiting.done():
            beside.result()
        return await waiting
    finally:
        waiting.cancel()


def _go_duration(seconds: float) -> str:
    """Write a duration as Go does: 40s, 1m20s, 5m0s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
