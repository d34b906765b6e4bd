"""One container of a pod: started, watched, started again, stopped.

An *instance* is one run of its process. The container outlives its instances and holds what the status shows.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import secrets
import signal
from collections.abc import Callable, Sequence
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.core.event_recorder import EventType
from podrole.cluster.core.timing import Deadline, first
from podrole.cluster.node.containers import probes
from podrole.cluster.node.containers.backoff import Backoff
from podrole.cluster.node.containers.logs import ContainerLog
from podrole.cluster.node.content.pod_volumes import PodVolumes
from podrole.cluster.node.errors import ContainerProblem, ImageProblem, StartProblem
from podrole.cluster.node.host import Host
from podrole.cluster.node.pods.status import ContainerView, Kind, Running, State, Terminated, Waiting, should_restart
from podrole.cluster.node.runtimes.process import processes
from podrole.cluster.node.runtimes.process.prepare import Prepared, prepare

PULL_ERROR_SECONDS = 2.0
"""How long ErrImagePull shows before ImagePullBackOff does."""
CONFIG_RETRY_SECONDS = 10.0
MAX_TERMINATION_MESSAGE = 4096
MAX_LOG_MESSAGE = 2048
"""How much of the log stands in for a termination message (FallbackToLogsOnError)."""
SCHEME = "podrole://"

Listener = Callable[[str, bytes], None]
"""Gets ``stdout`` or ``stderr`` and what was written; ``b""`` at the end of the instance."""


class Instance:
    """One run of the container's process."""

    def __init__(self, identity: str, log: ContainerLog, prepared: Prepared) -> None:
        self.identity = identity
        self.log = log
        self.prepared = prepared
        self.process: processes.Process | None = None
        self.listeners: set[Listener] = set()

    def output(self, stream: str, data: bytes) -> None:
        """Take what the process wrote."""
        if data:
            self.log.write(stream, data)
            for listener in tuple(self.listeners):
                listener(stream, data)


class Container:
    """A container of a pod. ``run`` lives as long as it does; ``stop`` ends it."""

    def __init__(
        self,
        host: Host,
        pod: Callable[[], Object],
        spec: dict[str, Any],
        kind: Kind,
        volumes: PodVolumes,
        changed: Callable[[], None],
    ) -> None:
        self.name: str = spec["name"]
        self.spec = spec
        self.kind: Kind = kind
        self.state: State = Waiting("PodInitializing" if _has_init(pod()) else "ContainerCreating")
        self.last: Terminated | None = None
        self.restarts = 0
        self.ready = False
        self.started = False
        self.instance: Instance | None = None
        self._host = host
        self._pod = pod
        self._volumes = volumes
        self._changed = changed
        self._image_id = ""
        self._stopping = asyncio.Event()
        self._deadline: Deadline | None = None
        self._up = asyncio.Event()
        self._logs: collections.deque[ContainerLog] = collections.deque()

    @property
    def policy(self) -> str:
        """Return the restart policy that holds for this container."""
        if self.kind == "sidecar":
            return "Always"
        policy = self._pod()["spec"].get("restartPolicy") or "Always"
        return "OnFailure" if self.kind == "init" and policy == "Always" else policy

    @property
    def running(self) -> bool:
        """Whether a process of it runs."""
        return self.instance is not None and self.instance.process is not None and self.instance.process.running

    def view(self) -> ContainerView:
        """Return what the status shows."""
        return ContainerView(
            name=self.name,
            image=self.spec["image"],
            kind=self.kind,
            state=self.state,
            last=self.last,
            restarts=self.restarts,
            ready=self.ready,
            started=self.started,
            image_id=self._image_id,
            container_id=SCHEME + self.instance.identity if self.instance else "",
        )

    async def run(self) -> None:
        """Run until it has ended and is not to be started again, or was stopped."""
        backoff = Backoff()
        while not self._stopping.is_set():
            ended = await self._attempt()
            if ended is None or self._stopping.is_set() or not should_restart(self.policy, ended.exit_code):
                return
            if not await self._back_off(ended, backoff.delay(ended.finished_at)):
                return
            backoff.attempted(self._host.time.now())
            self.last = ended
            self.restarts += 1

    async def until_up(self) -> None:
        """Wait until a sidecar has started (its startup probe, if any, has succeeded)."""
        await self._up.wait()

    async def stop(self, deadline: Deadline) -> None:
        """End it for good: hook and SIGTERM now, SIGKILL at ``deadline``. ``run`` returns soon after."""
        self._deadline = deadline
        self._stopping.set()
        if self.running:
            self._record("Normal", "Killing", f"Stopping container {self.name}")
            await self._terminate(deadline)

    async def restart(self, why: str, grace: float) -> None:
        """End this run of it, with a grace of so many seconds; ``run`` goes on by the restart policy."""
        if self.running:
            self._record("Normal", "Killing", why)
            await self._terminate(Deadline(self._host.time.now() + grace))

    async def run_command(self, command: Sequence[str], seconds: float) -> tuple[int | None, bytes]:
        """Run a command inside, for a probe or hook; return its exit code (None if it took too long) and output."""
        output = bytearray()
        instance = self.instance
        if instance is None:
            return 1, b""

        def collect(_: str, data: bytes) -> None:
            if len(output) < probes.MAX_OUTPUT:
                output.extend(data)

        try:
            process = await self.start_inside(instance, command, collect)
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

    async def start_inside(
        self,
        instance: Instance,
        command: Sequence[str],
        output: processes.Output,
        *,
        stdin: bool = False,
        terminal: bool = False,
    ) -> processes.Process:
        """Start a command with the container's environment, files and rewriting. Raises ContainerProblem."""
        prepared = instance.prepared
        environment = prepared.environment | ({"TERM": "xterm"} if terminal else {})
        return await processes.start(
            prepared.translate(command),
            environment=environment,
            directory=prepared.directory,
            mark=instance.identity,
            output=output,
            stdin=stdin,
            terminal=terminal,
            records=self._host.processes,
            guest=True,
        )

    def log(self, *, previous: bool) -> ContainerLog | None:
        """Return the log of the current instance or the one before; while waiting to restart, both are the last."""
        waiting = isinstance(self.state, Waiting)
        age = 2 if previous and not waiting else 1
        if len(self._logs) < age or (previous and self.last is None):
            return None
        return self._logs[-age]

    def forget(self) -> None:
        """Delete its logs."""
        while self._logs:
            self._logs.popleft().remove()

    async def _attempt(self) -> Terminated | None:
        """Start it, as often as it takes, and wait until it has ended; None if it was stopped before it ran."""
        prepared = await self._prepare()
        if prepared is None:
            return None
        now = self._host.time.now()
        identity = secrets.token_hex(32)
        instance = None
        try:
            instance = Instance(identity, self._new_log(), prepared)
            self._record("Normal", "Created", "Container created")
            instance.process = await processes.start(
                prepared.command,
                environment=prepared.environment | ({"TERM": "xterm"} if self.spec.get("tty") else {}),
                directory=prepared.directory,
                mark=identity,
                output=instance.output,
                stdin=bool(self.spec.get("stdin")),
                terminal=bool(self.spec.get("tty")),
                records=self._host.processes,
            )
        except (StartProblem, OSError) as problem:
            what = problem.what if isinstance(problem, StartProblem) else str(problem)
            self._record("Warning", "Failed", f"Error: {what}")
            if instance is not None:
                instance.log.close()
            ended = Terminated(128, "StartError", 0.0, now, SCHEME + identity, what)
            self._set(ended)
            return ended
        self.instance = instance
        self._record("Normal", "Started", "Container started")
        return await self._live(instance, instance.process)

    async def _live(self, instance: Instance, process: processes.Process) -> Terminated:
        started_at = self._host.time.now()
        self.started = not self.spec.get("startupProbe")
        self.ready = self.started and not self.spec.get("readinessProbe")
        self._set(Running(started_at))
        if self.started:
            self._up.set()
        # A container that was stopped while it started has missed its end.
        watching = asyncio.create_task(self._watch() if self._deadline is None else self._terminate(self._deadline))
        try:
            code = await process.wait()
        except BaseException:  # podrole gives up on the pod: nothing may keep running
            await asyncio.shield(process.kill())
            raise
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            instance.log.close()
            for listener in tuple(instance.listeners):
                listener("stdout", b"")
            self.ready = False
            self.started = False
        ended = Terminated(
            code,
            "Completed" if code == 0 else "Error",
            started_at,
            self._host.time.now(),
            SCHEME + instance.identity,
            self._termination_message(instance, code),
        )
        self._set(ended)
        return ended

    async def _prepare(self) -> Prepared | None:
        """Get image, environment and directories; on a problem show it, wait, try again. None if stopped meanwhile."""
        backoff = Backoff()
        pulled = False
        while not self._stopping.is_set():
            try:
                image = self._host.images.resolve(self.spec["image"])
                if not pulled:
                    pulled = True
                    self._image_id = f"local:{image.runs}"
                    self._record(
                        "Normal", "Pulled", f'Image "{self.spec["image"]}" stands for {image.runs}; nothing was pulled'
                    )
                return await prepare(self._host, self._pod(), self.spec, image, self._volumes)
            except ImageProblem as problem:
                if not await self._pull_back_off(problem, backoff):
                    return None
            except (ContainerProblem, OSError) as problem:
                what = problem.what if isinstance(problem, ContainerProblem) else str(problem)
                reason = problem.reason if isinstance(problem, ContainerProblem) else "CreateContainerError"
                self._record("Warning", "Failed", f"Error: {what}")
                self._set(Waiting(reason, what))
                if not await self._wait_until(self._host.time.now() + CONFIG_RETRY_SECONDS):
                    return None
        return None

    async def _pull_back_off(self, problem: ImageProblem, backoff: Backoff) -> bool:
        image, now = self.spec["image"], self._host.time.now()
        if problem.reason == "ErrImagePull":
            self._record("Warning", "Failed", f'Failed to pull image "{image}": {problem.what}')
        else:
            self._record("Warning", "InspectFailed", problem.what)
        self._record("Warning", "Failed", f"Error: {problem.reason}")
        self._set(Waiting(problem.reason, problem.what))
        backoff.attempted(now)
        again = now + backoff.delay(now)
        if problem.reason == "ErrImagePull":
            if not await self._wait_until(min(now + PULL_ERROR_SECONDS, again)):
                return False
            message = f'Back-off pulling image "{image}"'
            self._record("Normal", "BackOff", message)
            self._record("Warning", "Failed", "Error: ImagePullBackOff")
            self._set(Waiting("ImagePullBackOff", f"{message}: ErrImagePull: {problem.what}"))
        return await self._wait_until(again)

    async def _back_off(self, ended: Terminated, delay: float) -> bool:
        """Wait until the container may be started again; False if it was stopped meanwhile."""
        until = ended.finished_at + delay
        if until <= self._host.time.now():
            return True
        self.last = ended
        whose = f"pod {self._pod_name()}"
        self._record("Warning", "BackOff", f"Back-off restarting failed container {self.name} in {whose}")
        message = f"back-off {_go_duration(delay)} restarting failed container={self.name} pod={self._pod_name()}"
        self._set(Waiting("CrashLoopBackOff", message))
        return await self._wait_until(until)

    async def _wait_until(self, moment: float) -> bool:
        return await first(self._host.time.sleep_until(moment), self._stopping.wait()) == 0

    async def _terminate(self, deadline: Deadline) -> None:
        process = self.instance.process if self.instance else None
        if process is None:
            return
        await first(self._hook("preStop"), deadline.reached(self._host.time), process.wait())
        process.send_signal(signal.SIGTERM)
        if await first(process.wait(), deadline.reached(self._host.time)) == 1:
            await process.kill()

    async def _watch(self) -> None:
        """Run the hook after the start and the probes; readiness and liveness begin once it has started."""
        problem = await self._hook("postStart")
        if problem:
            self._record("Warning", "FailedPostStartHook", f"PostStartHook failed: {problem}")
            await self.restart("FailedPostStartHook", self._grace({}))
            return
        if probe := self.spec.get("startupProbe"):
            begun = asyncio.Event()
            await first(self._probe("Startup", probe, begun), begun.wait())
        running = [
            self._probe(kind, probe)
            for kind, field in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"))
            if (probe := self.spec.get(field))
        ]
        await asyncio.gather(*running)

    async def _probe(self, kind: str, probe: dict[str, Any], begun: asyncio.Event | None = None) -> None:
        failed = asyncio.Event()

        async def checking(seconds: float) -> probes.Result:
            address = self._host.settings.address
            return await probes.check(probe, self.spec, address=address, seconds=seconds, run=self.run_command)

        def report(counts: bool, result: probes.Result) -> None:
            if not result.healthy:
                self._record("Warning", "Unhealthy", f"{kind} probe failed: {result.message}")
            if not counts:
                return
            if kind == "Readiness":
                self._set_ready(result.healthy)
            elif not result.healthy:
                failed.set()
            elif begun is not None:
                self.started = True
                self._up.set()
                self._set_ready(not self.spec.get("readinessProbe"))
                begun.set()

        if await first(probes.watch(probe, checking, self._host.time, report), failed.wait()) == 1:
            # Apart from the watching that it ends.
            why = f"Container {self.name} failed {kind.lower()} probe, will be restarted"
            restarting = asyncio.create_task(self.restart(why, self._grace(probe)))
            await asyncio.shield(restarting)

    def _set_ready(self, ready: bool) -> None:
        self.ready = ready
        self._changed()

    async def _hook(self, which: str) -> str:
        """Run a lifecycle hook; return what went wrong with it."""
        hook = (self.spec.get("lifecycle") or {}).get(which)
        if not hook:
            return ""
        if seconds := (hook.get("sleep") or {}).get("seconds"):
            await self._host.time.sleep_until(self._host.time.now() + seconds)
            return ""
        address = self._host.settings.address
        grace = self._grace({})
        result = await probes.check(hook, self.spec, address=address, seconds=grace or 1, run=self.run_command)
        if not result.healthy and which == "preStop":
            self._record("Warning", "FailedPreStopHook", f"PreStopHook failed: {result.message}")
        return "" if result.healthy else result.message or "the command failed"

    def _grace(self, probe: dict[str, Any]) -> float:
        for source in (probe, self._pod()["spec"]):
            if (seconds := source.get("terminationGracePeriodSeconds")) is not None:
                return float(seconds)
        return 30.0

    def _termination_message(self, instance: Instance, code: int) -> str:
        text = b""
        with contextlib.suppress(OSError), instance.prepared.termination_log.open("rb") as file:
            text = file.read(MAX_TERMINATION_MESSAGE)
        if not text and code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            text = instance.log.last_text(MAX_LOG_MESSAGE)
        return text.decode(errors="replace")

    def _new_log(self) -> ContainerLog:
        metadata = self._pod()["metadata"]
        folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        path = self._host.logs / folder / self.name / f"{self.restarts}.log"
        log = ContainerLog(path, self._host.time.now, max_bytes=self._host.settings.max_log_bytes)
        self._logs.append(log)
        while len(self._logs) > 2:  # this one and the one before it, for `kubectl logs --previous`
            self._logs.popleft().remove()
        return log

    def _set(self, state: State) -> None:
        self.state = state
        self._changed()

    def _record(self, type_: EventType, reason: str, message: str) -> None:
        field = "containers" if self.kind == "main" else "initContainers"
        self._host.recorder.record(self._pod(), type_, reason, message, field_path=f"spec.{field}{{{self.name}}}")

    def _pod_name(self) -> str:
        metadata = self._pod()["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"


def _has_init(pod: Object) -> bool:
    return bool(pod["spec"].get("initContainers"))


def _go_duration(seconds: float) -> str:
    """Write a duration as Go does: 40s, 1m20s, 5m0s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
