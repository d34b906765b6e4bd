"""The node itself: its Node object, the pods bound to it, and what the API asks of it (logs, exec, attach).

It knows the cluster only as any client does. ``async with`` starts it; leaving the context ends every process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Self

from podrole.base.files import make_private_directory
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError, bad_request
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.node_api import LogOptions, StreamOptions, StreamSession
from podrole.cluster.core.timing import SystemTime, Time
from podrole.cluster.node.containers.container import Container, Instance
from podrole.cluster.node.containers.logs import read_log
from podrole.cluster.node.content.pod_volumes import remove_tree
from podrole.cluster.node.errors import NodeBusy
from podrole.cluster.node.host import Host, NodeSettings
from podrole.cluster.node.node_object import labels, node_object, node_status, resources
from podrole.cluster.node.pods.pod import Pod, is_finished
from podrole.cluster.node.pods.simulated import SimulatedPod
from podrole.cluster.node.pods.status import Waiting
from podrole.cluster.node.runtimes.process.images import Images
from podrole.cluster.node.runtimes.process.process_table import end_recorded
from podrole.cluster.node.runtimes.process.processes import MARK
from podrole.cluster.node.scheduling.binding import Binder
from podrole.cluster.node.scheduling.decision import SCHEDULER, is_simulated, processes_of
from podrole.cluster.node.sessions import AttachSession, ExecSession

HEARTBEAT_SECONDS = 300.0
"""How often the Node's status is renewed though nothing changed; the kubelet's nodeStatusReportFrequency."""
WATCH_RETRY_SECONDS = 0.5
KILL_SECONDS = 5.0
"""How long killed processes may take to be gone when the node stops."""
WAITING_TO_START = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
"""How the kubelet words these reasons to a reader of logs."""

_log = logging.getLogger(__name__)


class Node:
    """Runs the pods of a cluster as local processes; implements ``node_api.Node``.

    ``client`` is used as ``system:node:<name>`` would be, ``scheduler`` (by default the same) as the scheduler.
    ``directory`` is private to this node: files, logs and the pids of its processes lie there.
    """

    def __init__(
        self,
        client: ClusterClient,
        directory: Path,
        settings: NodeSettings | None = None,
        *,
        scheduler: ClusterClient | None = None,
        time: Time | None = None,
        images: Images | None = None,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings or NodeSettings()
        self._client = client
        self._time = time or SystemTime()
        self._recorder = EventRecorder(client, "kubelet", self._time.now, host=self._settings.name)
        self._scheduler_recorder = EventRecorder(scheduler or client, SCHEDULER, self._time.now)
        self._host = Host(
            client=client,
            recorder=self._recorder,
            time=self._time,
            settings=self._settings,
            images=images or Images(),
            directory=directory.absolute(),
            resources=resources(self._settings),
            randomness=randomness,
        )
        self._binder = Binder(
            scheduler or client,
            self._scheduler_recorder,
            self._time,
            self._settings,
            used=self._used,
            bound=self._see_pod,
        )
        self._pods: dict[str, Pod | SimulatedPod] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sessions: set[ExecSession] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock: int | None = None
        self._ready_since = self._time.now()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """End what an earlier podrole left running here, register the Node and begin to run pods.

        Raises NodeBusy where another podrole runs pods in the same directory, FileProblem where it is not writable.
        """
        make_private_directory(self._host.directory)
        self._take_directory()
        try:
            for directory in (self._host.processes, self._host.logs, self._host.pods):
                make_private_directory(directory)
            await asyncio.to_thread(self._clean_up)
            await self._register()
        except BaseException:
            self._release_directory()
            raise
        await self._recorder.__aenter__()
        await self._scheduler_recorder.__aenter__()
        for work in (self._watch(), self._binder.run(), self._beat()):
            self._background(work)

    async def stop(self) -> None:
        """End every process: asked first, killed after ``stop_grace_seconds``. Takes a few seconds at most."""
        background = tuple(self._tasks)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.gather(*(session.close() for session in tuple(self._sessions)), return_exceptions=True)
        grace = self._settings.stop_grace_seconds
        await self._end_pods(self._time.now() + grace, wait_seconds=grace)
        await self._end_pods(self._time.now(), wait_seconds=KILL_SECONDS)
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=KILL_SECONDS)
        await self._recorder.__aexit__()
        await self._scheduler_recorder.__aexit__()
        await asyncio.to_thread(self._clean_up)
        self._release_directory()

    async def _end_pods(self, kill_at: float, *, wait_seconds: float) -> None:
        """End all pods, waiting in real time: the node's own clock may stand still."""
        for pod in self._pods.values():
            pod.end(kill_at)
        waiting = [asyncio.create_task(pod.stopped.wait()) for pod in self._pods.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=wait_seconds)
            for each in late:
                each.cancel()

    # What the API asks (node_api.Node).

    async def logs(self, pod: Object, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Return a container's output. Raises StatusError, worded as the kubelet does, where there is none (yet)."""
        name = pod["metadata"]["name"]
        found = self._container(pod, container)
        state = found.state if found else Waiting("ContainerCreating")
        log = found.log(previous=options.previous) if found else None
        if options.previous and log is None:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        if log is None:
            why = state.reason if isinstance(state, Waiting) else "ContainerCreating"
            why = WAITING_TO_START.get(why, why)
            raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')
        return read_log(log, options, now=self._time.now())

    async def exec(self, pod: Object, container: str, command: Sequence[str], options: StreamOptions) -> StreamSession:
        """Run ``command`` inside a running container."""
        found, instance = self._running_instance(pod, container)
        if self._used() + len(self._sessions) >= self._settings.max_processes:
            raise StatusError(
                429, "TooManyRequests", f"this node runs {self._settings.max_processes} processes, which is its limit"
            )
        session = await ExecSession.start(found, instance, command, options, self._sessions.discard)
        self._sessions.add(session)
        return session

    async def attach(self, pod: Object, container: str, options: StreamOptions) -> StreamSession:
        """Join the streams of a running container."""
        found, instance = self._running_instance(pod, container)
        return AttachSession(found, instance, options)

    def _container(self, pod: Object, name: str) -> Container | None:
        known = self._pods.get(pod["metadata"]["uid"])
        if isinstance(known, SimulatedPod):
            raise bad_request(f'pod "{pod["metadata"]["name"]}" is only simulated (annotation podrole.dev/simulate)')
        return next((each for each in known.containers if each.name == name), None) if known else None

    def _running_instance(self, pod: Object, name: str) -> tuple[Container, Instance]:
        found = self._container(pod, name)
        if found is None or found.instance is None or not found.running:
            raise StatusError(404, "NotFound", f'container not found ("{name}")')
        return found, found.instance

    # The pods.

    async def _watch(self) -> None:
        while True:
            try:
                listed = await self._client.list("pods")
                present = {pod["metadata"]["uid"] for pod in listed}
                for uid in [uid for uid in self._pods if uid not in present]:
                    self._see_gone(uid)
                async for event in self._client.watch("pods"):
                    if event.type == "DELETED":
                        self._see_gone(event.object["metadata"]["uid"])
                    else:
                        self._see_pod(event.object)
            except StatusError as problem:
                _log.warning("the node lost sight of its pods: %s", problem)
            await asyncio.sleep(WATCH_RETRY_SECONDS)

    def _see_pod(self, pod: Object) -> None:
        self._binder.see(pod)
        uid = pod["metadata"]["uid"]
        if pod["spec"].get("nodeName") != self._settings.name:
            return
        if (known := self._pods.get(uid)) is not None:
            known.update(pod)
        elif not is_finished(pod):
            self._begin(uid, SimulatedPod(self._host, pod) if is_simulated(pod) else Pod(self._host, pod))

    def _begin(self, uid: str, pod: Pod | SimulatedPod) -> None:
        self._pods[uid] = pod
        task = asyncio.create_task(pod.run())
        self._running[uid] = task
        task.add_done_callback(lambda _: self._running.pop(uid, None))
        self._background(self._make_room(pod))
        pod.update(pod.object)

    async def _make_room(self, pod: Pod | SimulatedPod) -> None:
        await pod.stopped.wait()
        self._binder.room_made()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _see_gone(self, uid: str) -> None:
        self._binder.forget(uid)
        pod = self._pods.get(uid)
        if pod is None:
            return
        pod.end(self._time.now())  # it was deleted by force, or its deletion is complete
        self._background(self._bury(uid, pod))

    async def _bury(self, uid: str, pod: Pod | SimulatedPod) -> None:
        await pod.stopped.wait()
        if (task := self._running.get(uid)) is not None:
            task.cancel()
        self._pods.pop(uid, None)
        await asyncio.to_thread(pod.forget)

    def _used(self) -> int:
        return sum(processes_of(pod.object) for pod in self._pods.values() if not pod.stopped.is_set())

    # The node's own object and directory.

    async def _register(self) -> None:
        with contextlib.suppress(StatusError):  # one of an earlier run may be there
            await self._client.create("nodes", None, node_object(self._settings))
        await self._client.merge_patch(
            "nodes", None, self._settings.name, {"metadata": {"labels": labels(self._settings)}}
        )
        self._ready_since = self._time.now()
        await self._report()

    async def _report(self) -> None:
        now = self._time.now()
        status = node_status(self._settings, self._host.resources, since=self._ready_since, now=now)
        await self._client.merge_patch("nodes", None, self._settings.name, {"status": status}, subresource="status")

    async def _beat(self) -> None:
        while True:
            await self._time.sleep_until(self._time.now() + HEARTBEAT_SECONDS)
            try:
                await self._report()
            except StatusError as problem:
                _log.warning("the node's status could not be written: %s", problem)

    def _take_directory(self) -> None:
        descriptor = os.open(self._host.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise NodeBusy(
                f"Another podrole runs pods in {self._host.directory}.",
                next_step="stop it, or choose another directory with --dir",
            ) from None
        self._lock = descriptor

    def _release_directory(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _clean_up(self) -> None:
        if ended := end_recorded(self._host.processes, MARK):
            _log.info("ended %d processes that were left running", ended)
        for leftover in self._host.pods.iterdir():
            remove_tree(leftover)
        for leftover in self._host.logs.iterdir():
            remove_tree(leftover)
