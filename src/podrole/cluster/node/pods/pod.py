"""One pod on the node: its volumes, init containers, containers, status and end.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from podrole.base.errors import outline
from podrole.base.files import make_private_directory
from podrole.base.tasks import BackgroundTasks
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import shown
from podrole.cluster.core.event_recorder import EventType
from podrole.cluster.core.node_api import Connected
from podrole.cluster.core.timing import Deadline, first
from podrole.cluster.node.containers.container import Container
from podrole.cluster.node.containers.earlier import earlier_pod
from podrole.cluster.node.containers.handlers import grace_seconds
from podrole.cluster.node.containers.states import Kind, Terminated
from podrole.cluster.node.content.volumes_on_disk import PodVolumes, VolumeProblem
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.directories import remove_tree
from podrole.cluster.node.errors import NodeError, SandboxProblem
from podrole.cluster.node.pods.deletion import remove_from_api
from podrole.cluster.node.pods.status import Ended, ended_by_restart
from podrole.cluster.node.pods.status_writer import StatusWriter, conditions_of_others
from podrole.cluster.node.runtime import Sandbox

FIRST_RETRY_SECONDS = 0.5
MAX_RETRY_SECONDS = 122.0
"""The kubelet's delays between attempts to set up a volume double from the first to the second."""

_log = logging.getLogger(__name__)


class Pod:
    """A pod bound to this node. ``run`` lives until the pod has ended and, if it was deleted, is gone from the API."""

    def __init__(self, context: NodeContext, pod: Object) -> None:
        self._context = context
        self._directory = context.directory.pod(pod)
        self.volumes = PodVolumes(
            self._directory,
            context.client,
            context.time,
            node_resources=context.resources,
            randomness=context.randomness,
            host_paths=context.settings.host_paths,
        )
        self._sandbox: Sandbox | None = None
        self._ending: Deadline | None = None
        self._end_wanted = asyncio.Event()
        self._deletion_wanted = asyncio.Event()
        self._spec_changed = asyncio.Event()
        self.stopped = asyncio.Event()
        """Set once nothing of the pod runs any more and nothing of it is on disk but its logs."""
        self._status = StatusWriter(context, pod, lambda: [container.view() for container in self.containers])
        self._tasks = BackgroundTasks(f"the pod {pod['metadata']['namespace']}/{pod['metadata']['name']}")
        self._earlier = earlier_pod(pod, now=context.time.now())
        self.containers = self._make_containers()

    @property
    def object(self) -> Object:
        """The pod as last seen."""
        return self._status.object

    @property
    def sandbox(self) -> Sandbox:
        """The pod's sandbox. Made before any container runs."""
        assert self._sandbox is not None  # noqa: S101 - `_life` makes it first
        return self._sandbox

    async def connect(self, port: int) -> Connected:
        """Connect to a port of the pod. Raises OSError, also where the pod does not run."""
        if self._sandbox is None or self.stopped.is_set():
            raise ConnectionRefusedError("the pod has ended" if self.stopped.is_set() else "the pod has not begun yet")
        return await self._sandbox.connect(port)

    def with_address(self) -> Object:
        """Return the pod as its containers see it: with its address, whether or not that was written to the API yet."""
        host = self._context.settings.address
        status = (self.object.get("status") or {}) | {"hostIP": host, "hostIPs": [{"ip": host}]}
        if self._sandbox is not None:
            address = self._sandbox.address
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        return self.object | {"status": status}

    def update(self, pod: Object) -> None:
        """Take note of a change to the object: a deletion, another image, another deadline, a readiness gate."""
        before, self._status.object = self.object, pod
        if pod["metadata"].get("deletionTimestamp"):
            seconds = pod["metadata"].get("deletionGracePeriodSeconds") or 0
            self._deletion_wanted.set()
            self.end(self._context.time.now() + seconds)
        elif before["spec"] != pod["spec"]:
            self._spec_changed.set()
            self._take_images(pod)
        if conditions_of_others(before) != conditions_of_others(pod):
            self._status.changed()

    def end(self, moment: float) -> None:
        """Stop the containers, killing them at ``moment`` (epoch seconds)."""
        if self._ending is None:
            self._ending = Deadline(moment)
            self._end_wanted.set()
        else:
            self._ending.bring_forward(moment)

    def leave(self, moment: float) -> None:
        """Stop the containers as ``end`` does, because the node stops: the API is not told that the pod has ended."""
        self._status.hold()
        self.end(moment)

    async def run(self) -> None:
        """Run the pod to its end. A failure ends the pod and nothing else; no process of the pod is left."""
        try:
            self._tasks.run_forever("the writing of its status", self._status.run())
            self._tasks.run("its deadline", self._watch_deadline())
            if self._earlier.runs:
                make_private_directory(self._directory)
                await self._run_to_end()
            else:
                views = [container.view() for container in self.containers]
                self._status.ended = ended_by_restart(self.object["spec"]["restartPolicy"], views)
            await self._status.write_last()
        except Exception as problem:  # noqa: BLE001 - a fault in one pod is that pod's: a full disk, a bug
            await self._fail(problem)
        finally:
            await self._tasks.aclose()
            await asyncio.to_thread(remove_tree, self._directory)
            self.stopped.set()
        await self._deletion_wanted.wait()
        await remove_from_api(self._context, self.object)

    def forget(self) -> None:
        """Delete what is kept for an ended pod: its logs."""
        for container in self.containers:
            container.forget()
        remove_tree(self._context.directory.logs_of(self.object))

    async def _fail(self, problem: Exception) -> None:
        name = self.object["metadata"]["name"]
        _log.error("the pod %s failed: %s", name, outline(problem))
        self._status.ended = Ended("NodeError", f"The node could not run the pod: {shown(problem)}")
        self._record("Warning", "FailedSync", self._status.ended.message)
        try:
            await self._status.write_last()
        except Exception as another:  # noqa: BLE001 - the pod is to end all the same
            _log.error("the status of pod %s could not be written: %s", name, outline(another))

    async def _run_to_end(self) -> None:
        life = asyncio.create_task(self._life())
        try:
            if await first(_outcome(life), self._end_wanted.wait(), self._tasks.failed()) == 2:
                failure = await self._tasks.failed()
                raise NodeError(f"{failure.task} failed ({type(failure.problem).__name__})")
            if not life.done():
                await self._stop_containers()
                await life
            life.result()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            if self._sandbox is not None:
                await self._sandbox.remove()

    async def _life(self) -> None:
        if self._earlier.began:
            self._record("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
        self._status.changed()
        if not await self._set_up():
            return
        self._status.address = self.sandbox.address
        self._status.changed()
        refreshing = self._tasks.run("the refresh of its volumes", self._refresh_volumes())
        sidecars: list[asyncio.Task[None]] = []
        try:
            if await self._initialise(sidecars):
                await asyncio.gather(*(container.run() for container in self.containers if container.kind == "main"))
            grace = Deadline(self._context.time.now() + grace_seconds(self.object["spec"]))
            if self._ending is None:
                await self._stop_sidecars(grace)
            await asyncio.gather(*sidecars)
        finally:
            for task in (refreshing, *sidecars):
                task.cancel()
            await asyncio.gather(refreshing, *sidecars, return_exceptions=True)

    async def _initialise(self, sidecars: list[asyncio.Task[None]]) -> bool:
        """Run the init containers in order; False if the containers are not to be started."""
        for container in self.containers:
            if container.kind == "sidecar":
                task = asyncio.create_task(container.run())
                sidecars.append(task)
                await first(container.until_up(), _outcome(task))
            elif container.kind == "init":
                await container.run()
                if not (isinstance(container.state, Terminated) and container.state.exit_code == 0):
                    return False
            if self._ending is not None:
                return False
        return True

    async def _set_up(self) -> bool:
        """Make volumes and sandbox, as often as it takes; False if the pod is to end first."""
        delay = FIRST_RETRY_SECONDS
        while self._ending is None:
            try:
                await self.volumes.set_up(self.with_address())
                self._sandbox = await self._context.runtime.create_sandbox(self.object, self._directory)
            except VolumeProblem as problem:
                self._record("Warning", "FailedMount", problem.what)
            except (SandboxProblem, OSError) as problem:
                what = problem.what if isinstance(problem, SandboxProblem) else str(problem)
                self._record("Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {what}")
            else:
                return True
            await first(self._context.time.sleep_until(self._context.time.now() + delay), self._end_wanted.wait())
            delay = min(delay * 2, MAX_RETRY_SECONDS)
        return False

    async def _refresh_volumes(self) -> None:
        """Keep files and tokens up to date. What cannot be renewed stays as it is, and an event says so."""
        while (due := self.volumes.next_refresh(self.object)) is not None:
            await self._context.time.sleep_until(due)
            try:
                await self.volumes.set_up(self.with_address())
            except VolumeProblem as problem:
                self._record("Warning", "FailedMount", problem.what)

    async def _stop_containers(self) -> None:
        assert self._ending is not None  # noqa: S101 - it is what led here
        ending = self._ending
        others = [container for container in self.containers if container.kind != "sidecar"]
        await asyncio.gather(*(container.stop(ending) for container in others))
        await self._stop_sidecars(ending)

    async def _stop_sidecars(self, deadline: Deadline) -> None:
        for container in reversed(self.containers):
            if container.kind == "sidecar":
                await container.stop(deadline)

    async def _watch_deadline(self) -> None:
        """End the pod at its activeDeadlineSeconds, which an update may set or shorten."""
        time, status = self._context.time, self._status
        while True:
            self._spec_changed.clear()
            seconds = self.object["spec"].get("activeDeadlineSeconds")
            if seconds is None:
                await self._spec_changed.wait()
            elif await first(time.sleep_until(status.started_at + seconds), self._spec_changed.wait()) == 0:
                break
        if self._ending is None:
            message = "Pod was active on the node longer than the specified deadline"
            status.ended = Ended("DeadlineExceeded", message)
            self._record("Normal", "DeadlineExceeded", message)
            self.end(time.now() + grace_seconds(self.object["spec"]))

    def _take_images(self, pod: Object) -> None:
        """Restart the containers whose image was changed, which is all that a pod update may change of them."""
        specs = {
            spec["name"]: spec for spec in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
        }
        for container in self.containers:
            spec = specs.get(container.name)
            if spec is not None and spec["image"] != container.spec["image"]:
                container.spec = spec
                if container.kind != "init":
                    why = f"Container {container.name} definition changed, will be restarted"
                    restart = container.restart(why, grace_seconds(pod["spec"]))
                    self._tasks.run(f"the restart of container {container.name}", restart)

    def _make_containers(self) -> list[Container]:
        spec = self.object["spec"]
        kinds: list[tuple[Object, Kind]] = [
            (each, "sidecar" if each.get("restartPolicy") == "Always" else "init")
            for each in spec.get("initContainers") or ()
        ]
        kinds += [(each, "main") for each in spec["containers"]]
        return [
            Container(self._context, self, each, kind, self._status.changed, self._earlier.of(each["name"]))
            for each, kind in kinds
        ]

    def _record(self, type_: EventType, reason: str, message: str) -> None:
        self._context.recorder.record(self.object, type_, reason, message)


async def _outcome(task: asyncio.Task[None]) -> None:
    """Wait for a task that others wait for too: cancelling this does not cancel it."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(task)
