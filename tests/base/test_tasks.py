"""Background tasks: a failure is noticed by the owner, and logged once without the exception's message."""

from __future__ import annotations

import asyncio
import logging

import pytest

from podrole.base.tasks import BackgroundTasks, TaskFailure, first_failure


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("a secret")


async def finish() -> None:
    pass


async def test_failed_task_ends_the_wait_of_its_owner() -> None:
    async with BackgroundTasks("the node") as tasks, asyncio.timeout(30):
        tasks.run_forever("the watch of pods", forever())
        tasks.run_forever("the heartbeat", fail())
        failure = await tasks.failed()
    assert (failure.part, failure.task) == ("the node", "the heartbeat")
    assert isinstance(failure.problem, ValueError)


async def test_failure_before_the_wait_is_returned_at_once() -> None:
    async with BackgroundTasks("the node") as tasks, asyncio.timeout(30):
        await asyncio.gather(tasks.run("a task", fail()), return_exceptions=True)
        assert (await tasks.failed()).task == "a task"


async def test_task_that_must_not_end_fails_by_returning() -> None:
    async with BackgroundTasks("the node") as tasks, asyncio.timeout(30):
        tasks.run_forever("the heartbeat", finish())
        assert await tasks.failed() == TaskFailure("the node", "the heartbeat")


async def test_task_that_must_not_end_fails_by_the_cancellation_of_what_it_awaits() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future

    async with BackgroundTasks("the node") as tasks, asyncio.timeout(30):
        tasks.run_forever("the heartbeat", work())
        await asyncio.sleep(0)
        future.cancel()
        assert await tasks.failed() == TaskFailure("the node", "the heartbeat")


async def test_end_of_a_task_that_may_end_is_not_a_failure() -> None:
    async with BackgroundTasks("the node") as tasks:
        await tasks.run("a start", finish())
        tasks.run("a wait", forever()).cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert tasks.failure is None


async def test_closing_ends_every_task_and_is_not_a_failure() -> None:
    ended = []

    async def stubborn() -> None:
        try:
            await forever()
        finally:
            ended.append(True)
            raise RuntimeError

    tasks = BackgroundTasks("the node")
    tasks.run_forever("a loop", stubborn())
    tasks.run_forever("another", forever())
    await asyncio.sleep(0)
    await tasks.aclose()
    assert ended == [True]
    assert tasks.failure is None


async def test_first_failure_is_kept_and_each_is_logged_once_without_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with BackgroundTasks("the node") as tasks:
        for name in ("one", "two"):
            await asyncio.gather(tasks.run(name, fail()), return_exceptions=True)
        await asyncio.sleep(0)
        assert tasks.failure is not None
        assert tasks.failure.task == "one"
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL] * 2
    assert "the node stopped working: one failed: ValueError at " in caplog.messages[0]
    assert " in fail" in caplog.messages[0]
    assert "secret" not in caplog.text
    assert "secret" not in tasks.failure.reason


async def test_first_failure_of_several_parts_ends_the_wait() -> None:
    async with BackgroundTasks("the node") as node, BackgroundTasks("the webhook") as webhook, asyncio.timeout(30):
        node.run_forever("a loop", forever())
        webhook.run_forever("a loop", fail())
        assert (await first_failure(node, webhook)).part == "the webhook"
