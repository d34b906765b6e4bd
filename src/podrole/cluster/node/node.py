"""The node itself: started and stopped, and what the API asks of it (logs, exec, attach, port-forward).

It knows the cluster only as any client does, and what runs containers only as a ``Runtime``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Self

from podrole.base.tasks import BackgroundTasks, TaskFailure
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError, bad_request
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.node_api import Dial, LogOptions, StreamOptions, StreamSession
from podrole.cluster.core.pods import is_finished
from podrole.cluster.core.timing import SystemTime, Time
from podrole.cluster.node.bound_pods import BoundPods
from podrole.cluster.node.containers.container import Container
from podrole.cluster.node.containers.logs import read_log
from podrole.cluster.node.containers.run import ContainerRun
from podrole.cluster.node.containers.states import Waiting
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.directories import NodeDirectory
from podrole.cluster.node.node_object import resources
from podrole.cluster.node.pods.pod import Pod
from podrole.cluster.node.pods.simulated import SimulatedPod
from podrole.cluster.node.registration import Registration
from podrole.cluster.node.runtime import RunningContainer, Runtime
from podrole.cluster.node.scheduling.binding import Binder
from podrole.cluster.node.scheduling.decision import SCHEDULER
from podrole.cluster.node.sessions import AttachSession, ExecSession
from podrole.cluster.node.settings import NodeSettings

WAITING_TO_START = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
"""How the kubelet words these reasons to a reader of logs."""


class Node:
    """Runs the pods of a cluster; implements ``node_api.Node``. ``async with`` starts it; leaving ends every container.

    ``client`` is used as ``system:node:<name>`` would be, ``scheduler`` (by default the same) as the scheduler.
    ``directory`` is private to this node: files of pods and logs lie there. ``failed`` returns if a loop of the node
    has died: then it is to be stopped.
    """

    def __init__(
        self,
        client: ClusterClient,
        directory: Path,
        runtime: Runtime,
        settings: NodeSettings | None = None,
        *,
        scheduler: ClusterClient | None = None,
        time: Time | None = None,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings or NodeSettings()
        time = time or SystemTime()
        scheduler = scheduler or client
        self._recorders = (
            EventRecorder(client, "kubelet", time.now, host=self._settings.name),
            EventRecorder(scheduler, SCHEDULER, time.now),
        )
        self._context = NodeContext(
            client=client,
            recorder=self._recorders[0],
            time=time,
            settings=self._settings,
            runtime=runtime,
            directory=NodeDirectory(directory),
            resources=resources(self._settings),
            randomness=randomness,
        )
        self._tasks = BackgroundTasks("the node")

        def make_binder(pods: BoundPods) -> Binder:
            return Binder(scheduler, self._recorders[1], time, self._settings, used=pods.used, bound=pods.see)

        self._pods = BoundPods(self._context, self._tasks, make_binder)
        self._registration = Registration(self._context)
        self._sessions: set[ExecSession] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """End what an earlier podrole left running here, register the Node and begin to run pods.

        Raises NodeBusy if another podrole runs pods in the same directory, FileProblem if it is not writable.
        """
        directory = self._context.directory
        directory.take()
        try:
            await self._context.runtime.start()
            await asyncio.to_thread(directory.empty)
            await self._registration.register()
        except BaseException:
            directory.release()
            raise
        for recorder in self._recorders:
            await recorder.__aenter__()
        self._tasks.run_forever("the watch of pods", self._pods.watch())
        self._tasks.run_forever("the scheduler", self._pods.binder.run())
        self._tasks.run_forever("the heartbeat", self._registration.heartbeat())

    async def stop(self) -> None:
        """End every container: asked first, killed after ``stop_grace_seconds``. Takes a few seconds at most."""
        await self._tasks.aclose()
        await asyncio.gather(*(session.close() for session in tuple(self._sessions)), return_exceptions=True)
        await self._pods.end(self._settings.stop_grace_seconds)
        for recorder in self._recorders:
            await recorder.__aexit__()
        await self._context.runtime.stop()
        await asyncio.to_thread(self._context.directory.empty)
        self._context.directory.release()

    async def ended(self) -> None:
        """Wait until nothing runs of pods that were removed from the API."""
        await self._pods.ended()

    async def failed(self) -> TaskFailure:
        """Wait until a loop of the node dies. The node does not work any more then."""
        return await self._tasks.failed()

    # What the API asks (node_api.Node).

    async def logs(self, pod: Object, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Return a container's output. Raises StatusError, worded as the kubelet does, if there is none (yet)."""
        name = pod["metadata"]["name"]
        target = self._container(pod, container)
        state = target.state if target else Waiting("ContainerCreating")
        log = target.log(previous=options.previous) if target else None
        if log is None and is_finished(pod):
            raise bad_request(f'the log of container "{container}" in pod "{name}" was removed when the node stopped')
        if options.previous and log is None:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        if log is None:
            why = state.reason if isinstance(state, Waiting) else "ContainerCreating"
            why = WAITING_TO_START.get(why, why)
            raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')
        return read_log(log, options, now=self._context.time.now())

    async def exec(self, pod: Object, container: str, command: Sequence[str], options: StreamOptions) -> StreamSession:
        """Run ``command`` inside a running container."""
        _, _, running = self._running(pod, container)
        if self._pods.used() + len(self._sessions) >= self._settings.max_processes:
            raise StatusError(
                429,
                "TooManyRequests",
                f"this node runs at most {self._settings.max_processes} processes, and they run already",
            )
        session = await ExecSession.start(running, command, options, self._sessions.discard)
        self._sessions.add(session)
        return session

    async def attach(self, pod: Object, container: str, options: StreamOptions) -> StreamSession:
        """Join the streams of a running container."""
        target, run, running = self._running(pod, container)
        return AttachSession(run, running, target.spec, options)

    async def port_forward(self, pod: Object) -> Dial:
        """Return what connects to the ports of a pod: it raises OSError once the pod has ended."""
        known = self._pod(pod)
        if known is None:
            metadata = pod["metadata"]
            raise StatusError(404, "NotFound", f'pod not found ("{metadata["name"]}_{metadata["namespace"]}")')
        return known.connect

    def _pod(self, pod: Object) -> Pod | None:
        """Return a pod of this node that is really run, None if there is none. Raises StatusError (400)."""
        known = self._pods.get(pod["metadata"]["uid"])
        if isinstance(known, SimulatedPod):
            raise bad_request(
                f'pod "{pod["metadata"]["name"]}" is only simulated: it has the annotation podrole.dev/simulate'
            )
        return known

    def _container(self, pod: Object, name: str) -> Container | None:
        known = self._pod(pod)
        return next((each for each in known.containers if each.name == name), None) if known else None

    def _running(self, pod: Object, name: str) -> tuple[Container, ContainerRun, RunningContainer]:
        container = self._container(pod, name)
        running = container.running if container else None
        if container is None or container.current is None or running is None:
            raise StatusError(404, "NotFound", f'container not found ("{name}")')
        return container, container.current, running
