"""Runs the pods of tests in the cluster: made, waited for, their output read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.node_api import LogOptions
from podrole.cluster.core.pods import is_finished
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.testing.server.errors import RequestRefused
from podrole.world.world import World

CONTAINER = "test"
POLL_SECONDS = 0.01
_NOT_STARTED = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "CreateContainerError", "StartError"}
)


class PodRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pod as a test wants it."""

    namespace: str
    account: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str] = {}


class Pods:
    """The pods of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cluster: ClusterClient = world.cluster.client(ADMINISTRATOR, "podrole")

    async def make(self, wanted: PodRequest) -> str:
        """Make a pod that runs once; return its name. Raises RequestRefused if the API server refuses it."""
        container = {
            "name": CONTAINER,
            "image": wanted.image,
            "command": list(wanted.command),
            "env": [{"name": name, "value": value} for name, value in wanted.environment.items()],
        }
        body = {
            "metadata": {"generateName": f"{wanted.account[:50]}-"},
            "spec": {"serviceAccountName": wanted.account, "restartPolicy": "Never", "containers": [container]},
        }
        try:
            made = await self._cluster.create("pods", wanted.namespace, body)
        except StatusError as problem:
            raise RequestRefused(f"The API server refuses the pod: {problem.message}") from problem
        return str(made["metadata"]["name"])

    async def state(self, namespace: str, name: str, wait_seconds: float) -> dict[str, Any]:
        """Return the phase, the exit code once there is one, and the output so far; wait for the end up to so long.

        Raises RequestRefused if the container cannot start.
        """
        try:
            async with asyncio.timeout(wait_seconds):
                while not is_finished(pod := await self._cluster.get("pods", namespace, name)):
                    _require_startable(pod)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            pod = await self._cluster.get("pods", namespace, name)
        _require_startable(pod)
        ended = _container_state(pod).get("terminated") or {}
        return {
            "phase": (pod.get("status") or {}).get("phase", "Pending"),
            "exit_code": ended.get("exitCode"),
            "logs": await self._logs(pod),
        }

    async def _logs(self, pod: Object) -> str:
        node = self._world.cluster.node
        if node is None:
            return ""
        try:
            lines = await node.logs(pod, CONTAINER, LogOptions())
        except StatusError:
            return ""  # it has not started yet
        return b"".join([piece async for piece in lines]).decode(errors="replace")


def _container_state(pod: Object) -> Mapping[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    state: Mapping[str, Any] = statuses[0].get("state") or {}
    return state


def _require_startable(pod: Object) -> None:
    state = _container_state(pod)
    problem = state.get("waiting") or state.get("terminated") or {}
    if problem.get("reason") in _NOT_STARTED:
        raise RequestRefused(
            f"The pod {pod['metadata']['name']} cannot start: {problem['reason']}.", got=problem.get("message")
        )
