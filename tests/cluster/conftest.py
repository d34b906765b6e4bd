"""What the tests of the node and the controllers share: a cluster in this process and a clock that the test turns."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time as real_time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from podrole.cluster.assembly.in_process import InProcessClient
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.kinds.custom import CustomKinds
from support.cluster import make_cluster


class TurnedTime:
    """A clock that stands still until it is turned; implements ``podrole.cluster.core.timing.Time``."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, moment: float) -> None:
        if moment > self._now:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (moment, next(self._numbers), future))
            await future

    def waiting(self) -> int:
        """Return how many sleep: work that a turn began is done once all sleep again."""
        return sum(1 for _, _, future in self._sleepers if not future.done())

    def turn(self, seconds: float) -> None:
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)


class Client(InProcessClient):
    """The administrator's client inside the process, with what tests ask of it."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.verbs, ADMINISTRATOR, "test", CustomKinds(cluster.store))
        self.token_requests: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.refuse_tokens: StatusError | None = None

    async def create_token(self, namespace: str, service_account: str, spec: Mapping[str, Any]) -> Object:
        if self.refuse_tokens is not None:
            raise self.refuse_tokens
        self.token_requests.append({"namespace": namespace, "account": service_account, **spec})
        answer = await super().create_token(namespace, service_account, spec)
        self.tokens.append(answer["status"]["token"])
        return answer

    async def until(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        fulfilled: Callable[[Object], bool],
        *,
        seconds: float = 20,
    ) -> Object:
        """Return the object once ``fulfilled``; fail with what it is instead after so many seconds of real time."""
        last: Object = {}
        try:
            async with asyncio.timeout(seconds):
                async for event in self.watch(resource, namespace, field_selector=f"metadata.name={name}"):
                    last = event.object
                    if event.type != "DELETED" and fulfilled(last):
                        return last
        except TimeoutError:
            raise AssertionError(f"{resource} {name} is not as expected; its status is {last.get('status')}") from None
        raise AssertionError("a watch never ends")

    async def until_gone(self, resource: str, namespace: str | None, name: str, *, seconds: float = 20) -> None:
        """Return once there is no such object."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await self.get(resource, namespace, name)
                except StatusError:
                    return
                await asyncio.sleep(0.005)

    async def events_of(self, name: str, *, namespace: str = "default") -> dict[tuple[str, str], int]:
        """Return the events about an object: reason and message with how often."""
        found = await self.list("events", namespace)
        return {
            (each["reason"], each["message"]): each["count"] for each in found if each["involvedObject"]["name"] == name
        }

    async def until_event(self, name: str, reason: str, message: str, *, namespace: str = "default") -> None:
        """Return once there is such an event about an object; fail with those that there are."""
        until = real_time.monotonic() + 20
        while (reason, message) not in (found := await self.events_of(name, namespace=namespace)):
            assert real_time.monotonic() < until, f"there is no event {reason!r} {message!r} in {list(found)}"
            await asyncio.sleep(0.005)


async def eventually(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """Return what ``condition`` gives once it is true; it may be a coroutine function."""
    until = real_time.monotonic() + seconds
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        if real_time.monotonic() > until:
            raise AssertionError(f"not fulfilled within {seconds} s; the last result was {result!r}")
        await asyncio.sleep(0.005)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Any:
    return eventually


@pytest.fixture
def make_client() -> Any:
    """Return what makes a client of a cluster."""
    return Client


@pytest.fixture
def time() -> TurnedTime:
    return TurnedTime()


@pytest.fixture
async def cluster(time: TurnedTime) -> AsyncIterator[Client]:
    async with make_cluster(clock=time.now) as cluster:
        client = Client(cluster)
        await client.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        yield client
