"""The pods that are bound to the node: run from when they appear until they are gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from podrole.base.errors import outline
from podrole.base.tasks import BackgroundTasks
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError, shown
from podrole.cluster.core.pods import is_finished
from podrole.cluster.core.timing import retry_delay
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.pods.deletion import remove_from_api
from podrole.cluster.node.pods.pod import Pod
from podrole.cluster.node.pods.simulated import SimulatedPod
from podrole.cluster.node.scheduling.binding import Binder
from podrole.cluster.node.scheduling.decision import is_simulated, processes_of

WATCH_RETRY_SECONDS = 0.5
KILL_SECONDS = 5.0
"""How long killed containers may take to be gone when the node stops."""

_log = logging.getLogger(__name__)


class BoundPods:
    """Follows the pods of the cluster and runs those of this node. ``tasks`` are the node's."""

    def __init__(
        self, context: NodeContext, tasks: BackgroundTasks, make_binder: Callable[[BoundPods], Binder]
    ) -> None:
        self.binder = make_binder(self)
        self._context = context
        self._tasks = tasks
        self._pods: dict[str, Pod | SimulatedPod] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, tuple[int, Object]] = {}

    def get(self, uid: str) -> Pod | SimulatedPod | None:
        """Return the pod with that uid, if it is bound to this node."""
        return self._pods.get(uid)

    def used(self) -> int:
        """Return how many processes the pods take."""
        return sum(processes_of(pod.object) for pod in self._pods.values() if not pod.stopped.is_set())

    async def ended(self) -> None:
        """Wait until nothing runs of pods that the API no longer shows."""
        present = {pod["metadata"]["uid"] for pod in await self._context.client.list("pods")}
        for uid, pod in list(self._pods.items()):
            if uid not in present:
                await pod.stopped.wait()

    async def watch(self) -> None:
        """Follow the pods until cancelled."""
        client = self._context.client
        while True:
            try:
                present = {pod["metadata"]["uid"] for pod in await client.list("pods")}
                for uid in [uid for uid in self._pods if uid not in present]:
                    self._see_gone(uid)
                async for event in client.watch("pods"):
                    if event.type == "DELETED":
                        self._see_gone(event.object["metadata"]["uid"])
                    else:
                        self.see(event.object)
            except StatusError as problem:
                _log.warning("the node's watch of pods failed and is started again: %s", problem)
            await asyncio.sleep(WATCH_RETRY_SECONDS)

    def see(self, pod: Object) -> None:
        """Take note of a pod that was made, changed or bound. What fails for one pod is tried again later."""
        uid = pod["metadata"]["uid"]
        try:
            self._see(uid, pod)
        except Exception as problem:  # noqa: BLE001 - one pod must not stop the node for all others
            _log.error("the node failed at pod %s: %s", pod["metadata"]["name"], outline(problem))
            message = f"The node could not run the pod: {shown(problem)}"
            self._context.recorder.record(pod, "Warning", "FailedSync", message)
            failures, _ = self._failed.get(uid, (0, pod))
            self._failed[uid] = (failures + 1, pod)
            self._tasks.run(f"the retry of pod {uid}", self._see_again(uid, retry_delay(failures)))
        else:
            self._failed.pop(uid, None)

    async def end(self, grace_seconds: float) -> None:
        """End all pods: asked first, killed after so many seconds of real time (a node's own clock may stand still).

        The API goes on to show them as they were, so that the next start finds what is to run again.
        """
        now = self._context.time.now()
        await self._end(now + grace_seconds, wait_seconds=grace_seconds)
        await self._end(self._context.time.now(), wait_seconds=KILL_SECONDS)
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=KILL_SECONDS)

    def _see(self, uid: str, pod: Object) -> None:
        self.binder.see(pod)
        if pod["spec"].get("nodeName") != self._context.settings.name:
            return
        if (known := self._pods.get(uid)) is not None:
            known.update(pod)
        elif is_finished(pod):
            if pod["metadata"].get("deletionTimestamp"):  # it ended, and the node stopped before it was removed
                self._tasks.run(f"the removal of pod {uid}", remove_from_api(self._context, pod))
        else:
            self._begin(uid, SimulatedPod(self._context, pod) if is_simulated(pod) else Pod(self._context, pod))

    async def _see_again(self, uid: str, delay: float) -> None:
        await asyncio.sleep(delay)
        if uid in self._failed:
            self.see(self._failed[uid][1])

    def _begin(self, uid: str, pod: Pod | SimulatedPod) -> None:
        self._pods[uid] = pod
        task = asyncio.create_task(pod.run())
        self._running[uid] = task
        task.add_done_callback(lambda _: self._ended(uid, pod, task))
        self._tasks.run("the count of running pods", self._make_room(pod))
        pod.update(pod.object)

    def _ended(self, uid: str, pod: Pod | SimulatedPod, task: asyncio.Task[None]) -> None:
        self._running.pop(uid, None)
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            _log.error("the pod %s failed: %s", pod.object["metadata"]["name"], outline(problem))
            message = f"The node could not run the pod: {shown(problem)}"
            self._context.recorder.record(pod.object, "Warning", "FailedSync", message)

    async def _make_room(self, pod: Pod | SimulatedPod) -> None:
        await pod.stopped.wait()
        self.binder.room_made()

    def _see_gone(self, uid: str) -> None:
        self.binder.forget(uid)
        self._failed.pop(uid, None)
        pod = self._pods.get(uid)
        if pod is None:
            return
        pod.end(self._context.time.now())  # it was deleted by force, or its deletion is complete
        self._tasks.run("the removal of a pod", self._remove(uid, pod))

    async def _remove(self, uid: str, pod: Pod | SimulatedPod) -> None:
        await pod.stopped.wait()
        if (task := self._running.get(uid)) is not None:
            task.cancel()
        self._pods.pop(uid, None)
        await asyncio.to_thread(pod.forget)

    async def _end(self, kill_at: float, *, wait_seconds: float) -> None:
        for pod in self._pods.values():
            pod.leave(kill_at)
        waiting = [asyncio.create_task(pod.stopped.wait()) for pod in self._pods.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=wait_seconds)
            for each in late:
                each.cancel()
