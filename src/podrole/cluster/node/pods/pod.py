"""One pod on the node: its volumes, init containers, containers, status and end.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from podrole.base.files import make_private_directory
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventType
from podrole.cluster.core.timing import Deadline, first
from podrole.cluster.node.containers.container import Container
from podrole.cluster.node.content.pod_volumes import PodVolumes, VolumeProblem, remove_tree
from podrole.cluster.node.host import Host
from podrole.cluster.node.pods.status import OWN_CONDITIONS, Ended, Kind, Terminated, status_of

MOUNT_RETRY_SECONDS = 0.5
MAX_MOUNT_RETRY_SECONDS = 122.0
"""The kubelet's delays between attempts to set up a volume double from the first to the second."""
STATUS_RETRY_SECONDS = 1.0
FINISHED = ("Succeeded", "Failed")

_log = logging.getLogger(__name__)


class Pod:
    """A pod bound to this node. ``run`` lives until the pod has ended and, if it was deleted, is gone from the API."""

    def __init__(self, host: Host, pod: Object) -> None:
        self._host = host
        self._object = pod
        self._directory = host.pods / pod["metadata"]["uid"]
        self._volumes = PodVolumes(
            self._directory,
            host.client,
            host.time,
            node_resources=host.resources,
            randomness=host.randomness,
        )
        self._started_at = host.time.now()
        self._dirty = asyncio.Event()
        self._writing = asyncio.Lock()
        self._written: Object | None = None
        self._ending: Deadline | None = None
        self._end_wanted = asyncio.Event()
        self._ended: Ended | None = None
        self._deletion_wanted = asyncio.Event()
        self._has_ip = False
        self._restarting: set[asyncio.Task[None]] = set()
        self._spec_changed = asyncio.Event()
        self.stopped = asyncio.Event()
        """Set once nothing of the pod runs any more and nothing of it is on disk but its logs."""
        self.containers = self._make_containers()

    @property
    def object(self) -> Object:
        """Return the pod as last seen."""
        return self._object

    def update(self, pod: Object) -> None:
        """Take note of a change to the object: a deletion, another image, another deadline, a readiness gate."""
        before, self._object = self._object, pod
        if pod["metadata"].get("deletionTimestamp"):
            seconds = pod["metadata"].get("deletionGracePeriodSeconds") or 0
            self._deletion_wanted.set()
            self.end(self._host.time.now() + seconds)
        elif before["spec"] != pod["spec"]:
            self._spec_changed.set()
            self._take_images(pod)
        if _conditions_of_others(before) != _conditions_of_others(pod):
            self._dirty.set()

    def end(self, moment: float) -> None:
        """Stop the containers, killing them at ``moment`` (epoch seconds)."""
        if self._ending is None:
            self._ending = Deadline(moment)
            self._end_wanted.set()
        else:
            self._ending.bring_forward(moment)

    async def run(self) -> None:
        """Run the pod to its end. Raises nothing; whatever happens, no process of it is left."""
        helpers = [asyncio.create_task(self._write_statuses()), asyncio.create_task(self._watch_deadline())]
        try:
            make_private_directory(self._directory)
            await self._run_to_end()
            await self._write_status_surely()
        except Exception as problem:  # noqa: BLE001 - a fault in one pod is that pod's: a full disk, a bug
            _log.exception("the pod %s failed", self._object["metadata"]["name"])
            self._ended = Ended("NodeError", f"The node could not run the pod: {problem}")
            self._record("Warning", "FailedSync", self._ended.message)
            await self._write_status_surely()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await asyncio.to_thread(remove_tree, self._directory)
            self.stopped.set()
        await self._deletion_wanted.wait()
        await self._delete()

    def forget(self) -> None:
        """Delete what is kept for an ended pod: its logs."""
        for container in self.containers:
            container.forget()
        metadata = self._object["metadata"]
        remove_tree(self._host.logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}")

    async def _run_to_end(self) -> None:
        life = asyncio.create_task(self._life())
        try:
            await first(_outcome(life), self._end_wanted.wait())
            if not life.done():
                await self._stop_containers()
                await life
            life.result()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    async def _life(self) -> None:
        self._dirty.set()
        if not await self._set_up_volumes():
            return
        self._has_ip = True
        self._dirty.set()
        refreshing = asyncio.create_task(self._refresh_volumes())
        sidecars: list[asyncio.Task[None]] = []
        try:
            if await self._initialise(sidecars):
                await asyncio.gather(*(container.run() for container in self.containers if container.kind == "main"))
            grace = Deadline(self._host.time.now() + self._grace())
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

    async def _set_up_volumes(self) -> bool:
        delay = MOUNT_RETRY_SECONDS
        while self._ending is None:
            try:
                await self._volumes.set_up(self._with_address())
            except VolumeProblem as problem:
                self._record("Warning", "FailedMount", problem.what)
            else:
                return True
            await first(self._host.time.sleep_until(self._host.time.now() + delay), self._end_wanted.wait())
            delay = min(delay * 2, MAX_MOUNT_RETRY_SECONDS)
        return False

    async def _refresh_volumes(self) -> None:
        """Keep files and tokens fresh. What cannot be renewed stays as it is, and an event says so."""
        while (due := self._volumes.next_refresh(self._object)) is not None:
            await self._host.time.sleep_until(due)
            try:
                await self._volumes.set_up(self._with_address())
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
        while True:
            self._spec_changed.clear()
            seconds = self._object["spec"].get("activeDeadlineSeconds")
            if seconds is None:
                await self._spec_changed.wait()
            elif await first(self._host.time.sleep_until(self._started_at + seconds), self._spec_changed.wait()) == 0:
                break
        if self._ending is None:
            message = "Pod was active on the node longer than the specified deadline"
            self._ended = Ended("DeadlineExceeded", message)
            self._record("Normal", "DeadlineExceeded", message)
            self.end(self._host.time.now() + self._grace())

    async def _delete(self) -> None:
        metadata = self._object["metadata"]
        try:
            await self._host.client.delete(
                "pods", metadata["namespace"], metadata["name"], grace_seconds=0, uid=metadata["uid"]
            )
        except StatusError as problem:
            if problem.reason not in {"NotFound", "Conflict"}:
                _log.warning("the pod %s could not be removed: %s", metadata["name"], problem)

    async def _write_statuses(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if not await self._write_status():
                await asyncio.sleep(STATUS_RETRY_SECONDS)
                self._dirty.set()

    async def _write_status_surely(self) -> None:
        for _ in range(3):
            if await self._write_status():
                return
            await asyncio.sleep(STATUS_RETRY_SECONDS)

    async def _write_status(self) -> bool:
        """Write the status if it is another one; False if that should be tried again."""
        async with self._writing:
            status = status_of(
                self._with_own_conditions(),
                [container.view() for container in self.containers],
                ip=self._host.settings.address if self._has_ip else None,
                host_ip=self._host.settings.address,
                started_at=self._started_at,
                now=self._host.time.now(),
                ended=self._ended,
            )
            if status == self._written:
                return True
            metadata = self._object["metadata"]
            # The uid makes it a conflict, not another pod's status, if this one was replaced meanwhile.
            patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
            try:
                written = await self._host.client.merge_patch(
                    "pods", metadata["namespace"], metadata["name"], patch, subresource="status"
                )
            except StatusError as problem:
                if problem.reason in {"NotFound", "Conflict"}:
                    return True
                _log.warning("the status of pod %s could not be written: %s", metadata["name"], problem)
                return False
            self._written = status
            self._object = self._object | {"status": written.get("status") or {}}
            return True

    def _with_own_conditions(self) -> Object:
        """Return the pod with this node's conditions as last written: what a watch shows may be older."""
        status = self._object.get("status") or {}
        if self._written is None:
            return self._object
        own = [each for each in self._written["conditions"] if each["type"] in OWN_CONDITIONS]
        return self._object | {"status": status | {"conditions": [*own, *_conditions_of_others(self._object)]}}

    def _with_address(self) -> Object:
        """Return the pod as its containers see it: with its address, whether or not that was written yet."""
        address = self._host.settings.address
        addresses = {"podIP": address, "podIPs": [{"ip": address}], "hostIP": address, "hostIPs": [{"ip": address}]}
        return self._object | {"status": (self._object.get("status") or {}) | addresses}

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
                    task = asyncio.create_task(container.restart(why, self._grace()))
                    self._restarting.add(task)
                    task.add_done_callback(self._restarting.discard)

    def _make_containers(self) -> list[Container]:
        spec = self._object["spec"]
        kinds: list[tuple[Object, Kind]] = [
            (each, "sidecar" if each.get("restartPolicy") == "Always" else "init")
            for each in spec.get("initContainers") or ()
        ]
        kinds += [(each, "main") for each in spec["containers"]]
        return [
            Container(self._host, self._with_address, each, kind, self._volumes, self._dirty.set)
            for each, kind in kinds
        ]

    def _grace(self) -> float:
        seconds = self._object["spec"].get("terminationGracePeriodSeconds")
        return 30.0 if seconds is None else float(seconds)

    def _record(self, type_: EventType, reason: str, message: str) -> None:
        self._host.recorder.record(self._object, type_, reason, message)


def is_finished(pod: Object) -> bool:
    """Whether a pod has run to its end: nothing of it runs again."""
    return (pod.get("status") or {}).get("phase") in FINISHED


def _conditions_of_others(pod: Object) -> list[Object]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return [each for each in conditions if each["type"] not in OWN_CONDITIONS]


async def _outcome(task: asyncio.Task[None]) -> None:
    """Wait for a task that others wait for too: cancelling this does not cancel it."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(task)
