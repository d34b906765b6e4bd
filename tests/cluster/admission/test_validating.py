"""Validating webhooks are asked all at once, and the first refusal in their order counts."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from podrole.cluster.admission.validating import ValidatingWebhooks
from podrole.cluster.core.errors import StatusError
from support.admission import admission_request

LABELS = {"team": "a"}


class Dispatcher:
    """Stands in for WebhookDispatcher: each webhook refuses with a status, or allows (None); ``-`` is not called."""

    def __init__(self, **answers: int | str | None) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.all_asked = asyncio.Event()

    def namespace_labels(self, _: Any) -> dict[str, str]:
        return LABELS

    def registered(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.answers]

    async def is_called(self, hook: Any, _: Any, labels: dict[str, str]) -> bool:
        assert labels is LABELS
        return self.answers[hook.name] != "-"

    async def ask(self, hook: Any, _: Any) -> None:
        self.asked.append(hook.name)
        if len(self.asked) == sum(answer != "-" for answer in self.answers.values()):
            self.all_asked.set()
        async with asyncio.timeout(30):
            await self.all_asked.wait()
        answer = self.answers[hook.name]
        if isinstance(answer, int):
            raise StatusError(answer, "Forbidden", hook.name)


async def validate(dispatcher: Any) -> bool:
    return await ValidatingWebhooks(dispatcher).validate(admission_request())


@pytest.mark.parametrize(
    ("answers", "asked"),
    [({}, []), ({"a": "-"}, []), ({"a": None, "b": "-", "c": None}, ["a", "c"])],
)
async def test_all_webhooks_that_match_are_asked_at_once(answers: dict[str, Any], asked: list[str]) -> None:
    dispatcher = Dispatcher(**answers)
    assert await validate(dispatcher) is bool(answers)
    assert dispatcher.asked == asked


@pytest.mark.parametrize(
    ("answers", "refused_by"),
    [({"a": 403}, "a"), ({"a": None, "b": 403}, "b"), ({"a": 500, "b": 403}, "a"), ({"a": "-", "b": 400}, "b")],
)
async def test_the_first_refusal_in_their_order_counts(answers: dict[str, Any], refused_by: str) -> None:
    with pytest.raises(StatusError) as raised:
        await validate(Dispatcher(**answers))
    assert (raised.value.message, raised.value.http_status) == (refused_by, answers[refused_by])
