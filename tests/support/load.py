"""A load that never pauses and remembers each answer that was not right."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from podrole.base.http_client import async_client
from support.api_server import until
from support.webhook_client import JSON, TRUST, pod_of, review_of

SENDERS = 4

Send = Callable[[int], Awaitable[str | None]]
"""Sends one request, the number of which it is told; returns what was wrong with the answer."""


class Load:
    """``answered`` counts; ``wrong`` is what was wrong with answers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sent = 0
        self.answered = 0
        self.answers = [0] * SENDERS
        self.wrong: list[str] = []

    async def run(self, sender: int) -> None:
        while True:
            self._sent += 1
            fault = await self._send(self._sent)
            self.answered += 1
            self.answers[sender] += 1
            if fault is not None:
                self.wrong.append(fault)

    async def some_more(self, number: int = 50) -> None:
        """Wait until so many more are answered."""
        goal = self.answered + number
        await until(lambda: self.answered >= goal, seconds=20)

    async def all_under_way(self) -> None:
        """Wait until all that has been sent until now is answered."""
        before = list(self.answers)
        await until(lambda: all(now > then for now, then in zip(self.answers, before, strict=True)), seconds=20)


@contextlib.asynccontextmanager
async def under_load(send: Send) -> AsyncIterator[Load]:
    """Send all the while, and before and after. Every answer must come, and be right."""
    load = Load(send)
    senders = [asyncio.create_task(load.run(sender)) for sender in range(SENDERS)]
    try:
        await load.some_more()
        yield load
        await load.some_more()
        assert not any(sender.done() for sender in senders), "a request was not answered at all"
    finally:
        for sender in senders:
            sender.cancel()
        results = await asyncio.gather(*senders, return_exceptions=True)
    assert [result for result in results if not isinstance(result, asyncio.CancelledError)] == []
    assert load.wrong == [], load.wrong[:3]


@contextlib.asynccontextmanager
async def under_reviews(url: Callable[[], str], namespace: str = "demo") -> AsyncIterator[Load]:
    """Review pods of the namespace's service account ``sa``, at the webhook itself."""
    body = json.dumps(review_of(pod_of(), namespace=namespace))
    async with async_client(TRUST, timeout=10) as http:

        async def send(_: int) -> str | None:
            answer = await http.post(url() + "/mutate", content=body, headers=JSON)
            injected = answer.status_code == 200 and '"patch"' in answer.text
            return None if injected else f"{answer.status_code} {answer.text[:200]}"

        async with under_load(send) as load:
            yield load
