"""What the test process can ask of its world, one method for each request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from podrole.base.clock import AdjustableClock
from podrole.testing.server.errors import RequestRefused
from podrole.testing.server.identities import Identities, IdentityRequest
from podrole.testing.server.pods import PodRequest, Pods
from podrole.world.world import World

MAX_WAIT_SECONDS = 1.0
"""How long one request may wait: other requests wait behind it."""
_FIELDS = ("id", "time", "kind", "who", "what", "on", "outcome", "status", "code", "why", "explanation")


class Handler:
    """Answers the requests of the test process, one after the other."""

    def __init__(self, world: World, directory: Path, clock: AdjustableClock) -> None:
        self._world = world
        self._files = directory
        self._clock = clock
        self._identities = Identities(world, directory, clock)
        self._pods = Pods(world)
        self._first_event = world.events.recorded
        self._requests: Mapping[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "advance": self._advance,
            "calls": self._calls,
            "identity": self._identity,
            "pod": self._pod,
            "pod state": self._pod_state,
            "reset": self._reset,
        }

    def description(self) -> dict[str, Any]:
        """Return where the world is, and the administrator's credentials."""
        world, directory = self._world, self._world.directory
        key_id, secret = directory.admin_credentials()
        described = world.description
        return {
            "pid": described.pid,
            "account": described.account,
            "region": described.region,
            "cluster": described.cluster,
            "issuer": described.issuer,
            "aws_url": described.aws_tls_url,
            "directory": str(directory.path),
            "files": str(self._files),
            "kubeconfig": str(directory.kubeconfig),
            "authority": str(directory.authority),
            "administrator": {"access_key_id": key_id, "secret_access_key": secret},
            "environment": dict(world.environment),
            "services": described.services,
        }

    async def answer(self, request: dict[str, Any]) -> Any:
        """Return the result. Raises PodroleError."""
        name = request.pop("request", None)
        handler = self._requests.get(name) if isinstance(name, str) else None
        if handler is None:
            raise RequestRefused(
                "There is no such request.", got=repr(name), expected=", ".join(sorted(self._requests))
            )
        try:
            return await handler(request)
        except msgspec.ValidationError as problem:
            raise RequestRefused(f"The request {name!r} is malformed: {problem}") from problem

    async def _identity(self, request: dict[str, Any]) -> Any:
        return await self._identities.make(msgspec.convert(request, IdentityRequest))

    async def _reset(self, _: dict[str, Any]) -> None:
        self._clock.reset()
        self._identities.forget()
        await self._world.reset()
        self._first_event = self._world.events.recorded

    async def _advance(self, request: dict[str, Any]) -> float:
        try:
            self._clock.advance(float(request["seconds"]))
        except ValueError as problem:
            raise RequestRefused(f"The clock cannot be moved: {problem}.") from problem
        if request.get("refresh", True):
            await self._identities.refresh()
        return self._clock.moved_seconds

    async def _calls(self, request: dict[str, Any]) -> Any:
        """Return the AWS calls after the first ``after`` since the last reset, and how many there were."""
        events = self._world.events
        calls = [
            {name: getattr(event, name) for name in _FIELDS}
            for event in events.since(self._first_event + int(request.get("after", 0)))
            if event.kind == "aws" and not event.probe and event.id not in self._identities.own_calls
        ]
        return {"calls": calls, "recorded": events.recorded - self._first_event}

    async def _pod(self, request: dict[str, Any]) -> str:
        return await self._pods.make(msgspec.convert(request, PodRequest))

    async def _pod_state(self, request: dict[str, Any]) -> Any:
        wait = min(float(request.get("wait_seconds", 0.0)), MAX_WAIT_SECONDS)
        return await self._pods.state(request["namespace"], request["name"], wait)
