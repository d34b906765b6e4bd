"""Logs: what is kept, and what `kubectl logs` asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.node_api import LogOptions
from podrole.cluster.node.containers.logs import ContainerLog, read_log


@pytest.fixture
def clock() -> list[float]:
    return [1_800_000_000.0]


@pytest.fixture
async def log(tmp_path: Path, clock: list[float]) -> ContainerLog:
    return ContainerLog(tmp_path / "c" / "0.log", lambda: clock[0], max_bytes=100_000)


async def read(log: ContainerLog, now: float = 1_800_000_100.0, **options: Any) -> str:
    return b"".join([part async for part in read_log(log, LogOptions(**options), now=now)]).decode()


async def test_lines_are_stored_in_the_format_of_the_cri(log: ContainerLog) -> None:
    log.write("stdout", b"one\ntw")
    log.write("stderr", b"oops\n")
    log.write("stdout", b"o\nrest")
    log.close()
    assert log.path.read_bytes() == (
        b"2027-01-15T08:00:00.000000000Z stdout F one\n"
        b"2027-01-15T08:00:00.000000000Z stderr F oops\n"
        b"2027-01-15T08:00:00.000000000Z stdout F two\n"
        b"2027-01-15T08:00:00.000000000Z stdout P rest\n"
    )
    assert await read(log) == "one\noops\ntwo\nrest"


async def test_log_is_private(log: ContainerLog) -> None:
    assert log.path.stat().st_mode & 0o777 == 0o600


async def test_tail(log: ContainerLog) -> None:
    log.write("stdout", b"".join(b"%d\n" % number for number in range(100)))
    assert await read(log, tail_lines=2) == "98\n99\n"
    assert await read(log, tail_lines=0) == ""
    assert (await read(log, tail_lines=1000)).startswith("0\n")


async def test_since(log: ContainerLog, clock: list[float]) -> None:
    log.write("stdout", b"early\n")
    clock[0] += 60
    log.write("stdout", b"late\n")
    assert await read(log, since_time=1_800_000_030.0) == "late\n"
    assert await read(log, since_seconds=50, now=1_800_000_100.0) == "late\n"
    assert await read(log, since_seconds=500, now=1_800_000_100.0) == "early\nlate\n"


async def test_each_line_has_one_timestamp(log: ContainerLog) -> None:
    log.write("stdout", b"x" * 20_000 + b"\nshort\n")
    first, second = (await read(log, timestamps=True)).splitlines()
    assert first == "2027-01-15T08:00:00.000000000Z " + "x" * 20_000
    assert second == "2027-01-15T08:00:00.000000000Z short"


async def test_limit_bytes(log: ContainerLog) -> None:
    log.write("stdout", b"0123456789\n" * 10)
    assert await read(log, limit_bytes=15) == "0123456789\n0123"
    assert await read(log, limit_bytes=0) == ""


async def test_a_log_never_takes_more_than_twice_its_size_and_keeps_the_newest(log: ContainerLog) -> None:
    for number in range(20_000):
        log.write("stdout", b"line %d\n" % number)
    assert log.rotations > 5
    assert log.path.stat().st_size + log.rotated.stat().st_size <= 200_000
    lines = (await read(log)).splitlines()
    assert lines[-1] == "line 19999"
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(numbers[0], 20_000))
    assert await read(log, tail_lines=1) == "line 19999\n"
    assert len((await read(log, tail_lines=2000)).splitlines()) == 2000


async def test_following_ends_with_the_run_and_misses_nothing_over_rotations(log: ContainerLog) -> None:
    log.write("stdout", b"before\n")
    reading = asyncio.create_task(read(log, follow=True))
    for number in range(300):
        log.write("stdout", b"%d " % number + b"x" * 1000 + b"\n")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    log.close()
    lines = (await reading).splitlines()
    assert lines[0] == "before"
    assert [int(line.split()[0]) for line in lines[1:]] == list(range(300))
    assert log.rotations > 0


async def test_following_from_the_tail(log: ContainerLog) -> None:
    log.write("stdout", b"a\nb\n")
    reading = asyncio.create_task(read(log, follow=True, tail_lines=1))
    await asyncio.sleep(0.01)
    log.write("stdout", b"c\n")
    log.close()
    assert await reading == "b\nc\n"


async def test_reader_without_follow_ends_while_the_writer_goes_on(log: ContainerLog) -> None:
    log.write("stdout", b"x\n" * 2000)
    parts = 0
    async for _ in read_log(log, LogOptions(), now=0):
        parts += 1
        log.write("stdout", b"more\n")
    assert parts < 10


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_read_text_is_the_written_text(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    async def written_and_read() -> bytes:
        log = ContainerLog(tmp_path_factory.mktemp("log") / "0.log", lambda: 0.0)
        for chunk in chunks:
            log.write("stdout", chunk)
        log.close()
        return b"".join([part async for part in read_log(log, LogOptions(), now=0)])

    assert asyncio.run(written_and_read()) == b"".join(chunks)


async def test_a_hundred_megabytes_are_bounded(
    node: Any, run_pod: Any, finished: Any, directory: Path, log_of: Any
) -> None:
    await run_pod("head -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 999; echo; echo the end")
    await finished(seconds=60)
    sizes = [path.stat().st_size for path in (directory / "logs").rglob("*") if path.is_file()]
    assert sum(sizes) <= 2 * 10 * 1024 * 1024
    assert (await log_of(tail_lines=1)) == "the end\n"


async def refusal(node: Any, cluster: Any, **options: Any) -> StatusError:
    pod = await cluster.get("pods", "default", "p")
    with pytest.raises(StatusError) as raised:
        await node.logs(pod, "c", LogOptions(**options))
    assert raised.value.http_status == 400
    return raised.value


async def test_log_of_a_waiting_container_is_refused_with_the_reason(
    node: Any, run_pod: Any, cluster: Any, time: Any
) -> None:
    await run_pod(container={"image": "nginx"})

    def waits(reason: str) -> Any:
        def check(pod: Any) -> bool:
            statuses = pod["status"].get("containerStatuses")
            return bool(statuses) and statuses[0]["state"].get("waiting", {}).get("reason") == reason

        return check

    await cluster.until("pods", "default", "p", waits("ErrImagePull"))
    problem = await refusal(node, cluster)
    assert problem.message == 'container "c" in pod "p" is waiting to start: image can\'t be pulled'
    time.turn(2)
    await cluster.until("pods", "default", "p", waits("ImagePullBackOff"))
    problem = await refusal(node, cluster)
    assert problem.message == 'container "c" in pod "p" is waiting to start: trying and failing to pull image'


async def test_log_of_a_container_that_waits_for_volumes_is_refused(
    node: Any, run_pod: Any, cluster: Any, time: Any
) -> None:
    await run_pod("true", volumes=[{"name": "v", "secret": {"secretName": "late"}}])
    await cluster.until("pods", "default", "p", lambda pod: pod["status"].get("containerStatuses"))
    problem = await refusal(node, cluster)
    assert problem.message == 'container "c" in pod "p" is waiting to start: ContainerCreating'


async def test_log_of_the_previous_run_can_be_read(
    node: Any, run_pod: Any, running: Any, cluster: Any, log_of: Any
) -> None:
    volume = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    script = "test -e /v/second && { echo second; exec sleep 1000; }; touch /v/second; echo first; exit 1"
    await run_pod(script, container=volume, restartPolicy="Always", volumes=[{"name": "v"}])

    def again(pod: Any) -> bool:
        status = (pod["status"].get("containerStatuses") or [{}])[0]
        return status.get("restartCount") == 1 and "running" in status["state"]

    await cluster.until("pods", "default", "p", again)
    assert await log_of(previous=True) == "first\n"


async def test_log_of_a_missing_previous_run_is_refused(node: Any, run_pod: Any, running: Any, cluster: Any) -> None:
    await run_pod("exec sleep 1000")
    await running()
    problem = await refusal(node, cluster, previous=True)
    assert problem.message == 'previous terminated container "c" in pod "p" not found'


async def test_a_running_container_can_be_followed_to_its_end(
    node: Any, run_pod: Any, running: Any, directory: Path, eventually: Any
) -> None:
    made = await run_pod(
        "echo one; until test -e /v/go; do sleep 0.01; done; echo two",
        container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        volumes=[{"name": "v"}],
    )
    pod = await running()
    parts: list[bytes] = []

    async def follow(stream: AsyncIterator[bytes]) -> None:
        parts.extend([part async for part in stream])

    stream = await node.logs(pod, "c", LogOptions(follow=True))
    first = await anext(stream)
    assert first == b"one\n"
    rest = asyncio.create_task(follow(stream))
    (directory / "pods" / made["metadata"]["uid"] / "volumes/v/go").touch()
    await rest
    assert parts == [b"two\n"]
