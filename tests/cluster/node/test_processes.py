"""Processes: none outlives its pod, its node or podrole; none of another program is ever touched."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podrole.base import processes
from podrole.base.files import FileProblem, make_private_directory
from podrole.cluster.node.errors import NodeBusy, StartProblem
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtimes.process import process_table
from podrole.cluster.node.runtimes.process.process import MARK, Process
from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime
from podrole.cluster.node.runtimes.process.start import start

RESTARTS = int(os.environ.get("PODROLE_TEST_RESTARTS", "40"))
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class Collected:
    """What a process wrote."""

    def __init__(self) -> None:
        self.streams = {"stdout": b"", "stderr": b""}

    def __call__(self, stream: str, data: bytes) -> None:
        self.streams[stream] += data

    @property
    def text(self) -> str:
        return self.streams["stdout"].decode()


@pytest.fixture
def records(tmp_path: Path) -> Path:
    make_private_directory(tmp_path / "records")
    return tmp_path / "records"


@pytest.fixture
def launch(tmp_path: Path, records: Path) -> Any:
    async def launch(script: str, output: Any = None, **more: Any) -> Process:
        arguments = {"environment": ENVIRONMENT, "directory": tmp_path, "mark": "m-1", "records": records} | more
        return await start(["sh", "-c", script], output=output or Collected(), **arguments)

    return launch


def entries(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end_all(mark: str) -> int:
    """End what is left of a container; return how many processes that were."""
    ended = process_table.end_all(process_table.Belonging(f"{MARK}={mark}", process_table.limit_of(mark)))
    assert ended.complete
    return ended.number


async def test_output_and_exit_code(launch: Any) -> None:
    output = Collected()
    process = await launch("echo out; echo err >&2; exit 3", output)
    assert await process.wait() == 3
    assert output.streams == {"stdout": b"out\n", "stderr": b"err\n"}


async def test_stdin_is_empty_unless_asked_for(launch: Any) -> None:
    assert await (await launch("read line")).wait() == 1
    output = Collected()
    process = await launch("cat", output, stdin=True)
    await process.stdin.write(b"x" * 300_000)
    process.stdin.close()
    assert await process.wait() == 0
    assert len(output.text) == 300_000


async def test_a_program_that_cannot_be_executed_says_why(tmp_path: Path, records: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for command, message in (
        ("nowhere", 'exec: "nowhere": executable file not found in $PATH'),
        ("/no/where", 'exec: "/no/where": no such file or directory'),
        (str(tmp_path / "text"), f'exec: "{tmp_path}/text": permission denied'),
    ):
        with pytest.raises(StartProblem) as raised:
            await start(
                [command], environment=ENVIRONMENT, directory=tmp_path, mark="m", output=Collected(), records=records
            )
        assert raised.value.what == message
    assert not entries(records)


async def test_process_has_its_own_session_and_limits(launch: Any) -> None:
    output = Collected()
    process = await launch("ulimit -c; ulimit -n; ps -o sid= -p $$ || cut -d' ' -f6 /proc/$$/stat", output)
    pid = process.pid
    await process.wait()
    core, files, session = output.text.split()
    assert core == "0"
    assert int(files) <= 4096
    assert int(session) == pid != os.getsid(0)


async def test_signals_are_not_ignored_as_python_ignores_them(launch: Any) -> None:
    process = await launch("yes | head -1 >/dev/null; kill -PIPE $$")
    assert await process.wait() == 128 + signal.SIGPIPE


async def test_background_process_ends_with_its_session_leader(launch: Any, eventually: Any) -> None:
    output = Collected()
    process = await launch("sleep 1000 & echo $!", output)
    await process.wait()
    assert not alive(int(output.text))


async def test_a_daemon_that_left_the_session_ends_with_its_container(launch: Any) -> None:
    output = Collected()
    process = await launch("setsid sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!'; exit 0", output)
    await process.wait()
    assert not alive(int(output.text))


async def test_a_daemon_without_its_environment_ends_if_it_stays_in_the_session(launch: Any) -> None:
    output = Collected()
    process = await launch("env -i sleep 1000 >/dev/null 2>&1 & echo $!", output)
    await process.wait()
    assert not alive(int(output.text))


FORGOTTEN = "env -i /usr/bin/setsid /bin/sh -c '(sleep 1000 >/dev/null 2>&1 & echo $!)'"
"""Starts a process that has nothing of its container: not its environment, session, group or parent."""


async def test_a_daemon_without_environment_and_session_ends_with_its_container(launch: Any) -> None:
    output = Collected()
    process = await launch(f"{FORGOTTEN}; exit 0", output)
    await process.wait()
    assert not alive(int(output.text))


async def test_a_daemon_of_an_exec_without_environment_and_session_ends_with_the_container(launch: Any) -> None:
    output = Collected()
    container, other = await launch("exec sleep 1000"), await launch("exec sleep 1000", mark="m-2")
    guest = await launch(FORGOTTEN, output, guest=True)
    await guest.wait()
    pid = int(output.text)
    await other.kill()
    assert alive(pid)  # another container's end is not its end
    await container.kill()
    assert not alive(pid)


async def test_process_that_cannot_be_recorded_never_begins(
    launch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def fail(_directory: Path, _mark: str, pid: int) -> None:
        started.append(pid)
        raise FileProblem("The file x cannot be written: No space left on device.")

    monkeypatch.setattr("podrole.cluster.node.runtimes.process.start.record_process", fail)
    before = len(entries(Path("/proc/self/fd")))
    for more in ({}, {"stdin": True}, {"terminal": True}, {"guest": True}):
        with pytest.raises(StartProblem, match=r"could not be recorded.*No space left on device"):
            await launch(f"touch {tmp_path}/began", **more)
    assert len(started) == 4
    assert not any(alive(pid) for pid in started)
    assert not (tmp_path / "began").exists()
    assert len(entries(Path("/proc/self/fd"))) == before


@pytest.mark.parametrize("place", ["Process", "_connect"])
async def test_process_that_cannot_be_watched_never_begins(
    launch: Any, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(f"podrole.cluster.node.runtimes.process.start.{place}", fail)
    with pytest.raises(StartProblem, match="Too many open files"):
        await launch(f"touch {tmp_path}/began")
    assert not (tmp_path / "began").exists()
    assert not entries(records)
    assert end_all("m-1") == 0


async def test_pod_says_why_its_process_could_not_be_recorded(
    make_node: Any, run_pod: Any, finished: Any, state_of: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise FileProblem("The file x cannot be written: No space left on device.")

    monkeypatch.setattr("podrole.cluster.node.runtimes.process.start.record_process", fail)
    async with make_node():
        await run_pod("exec sleep 1000")
        kind, fields, _ = state_of(await finished())
    assert (kind, fields["reason"]) == ("terminated", "StartError")
    assert "could not be recorded, so it was not started" in fields["message"]
    assert "No space left on device" in fields["message"]


async def test_process_started_by_an_exec_ends_with_the_container(launch: Any) -> None:
    output = Collected()
    container = await launch("exec sleep 1000")
    guest = await launch("sleep 1000 >/dev/null 2>&1 & echo $!", output, guest=True)
    await guest.wait()
    pid = int(output.text)
    assert alive(pid)
    assert container.running
    await container.kill()
    assert not alive(pid)


async def test_a_process_that_keeps_forking_is_ended(launch: Any) -> None:
    script = "trap '' TERM; f() { sleep 0.01; (f) & }; for i in 1 2 3 4 5; do (f) & done; sleep 0.05; exit 0"
    process = await launch(script)
    await process.wait()
    await asyncio.sleep(0)
    assert end_all("m-1") == 0


async def test_a_terminal_is_a_terminal_and_can_be_resized(launch: Any) -> None:
    output = Collected()
    process = await launch("test -t 0 && test -t 1 && read x && stty size", output, terminal=True)
    await process.resize(120, 40)
    await process.stdin.write(b"go\n")
    assert await process.wait() == 0
    assert output.text.endswith("40 120\r\n")


async def test_held_output_delays_the_process_and_loses_nothing(launch: Any) -> None:
    output = Collected()
    process = await launch("head -c 1000000 /dev/zero", output)
    process.hold(True)
    await asyncio.sleep(0.05)
    before = len(output.streams["stdout"])
    assert before < 1_000_000
    process.hold(False)
    await process.wait()
    assert len(output.streams["stdout"]) == 1_000_000


def test_other_process_with_a_recorded_pid_is_not_ended(records: Path) -> None:
    stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        record = process_table.record_process(records, "mark", stranger.pid)
        assert record is not None
        # As if the pid had been given to another program since: the start time is another.
        text = record.read_text()
        record.write_text(text.replace(f'"started": {processes.start_time(stranger.pid)}', '"started": 1'))
        assert process_table.end_recorded(records, MARK).number == 0
        assert stranger.poll() is None
        assert not entries(records)
        # And as if it were the one that was started.
        record.write_text(text)
        assert process_table.end_recorded(records, MARK).number == 1
        assert stranger.wait() == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_a_record_of_another_boot_ends_nothing(records: Path) -> None:
    stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        record = process_table.record_process(records, "mark", stranger.pid)
        assert record is not None
        record.write_text(record.read_text().replace(processes.boot_id(), "another"))
        (records / "broken.json").write_text("{")
        assert process_table.end_recorded(records, MARK).number == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


KILLED = """
import asyncio, sys
from pathlib import Path
from podrole.cluster.node.runtimes.process.start import start

async def main():
    script = "setsid sleep 1000 & env -i /usr/bin/setsid sh -c '(sleep 1000 & echo $!)'; sleep 1000"
    def say(stream, data):
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    process = await start(["sh", "-c", script], environment={"PATH": "/usr/bin:/bin"}, directory=Path("/"),
                          mark="m-killed", output=say, records=Path(sys.argv[1]))
    print(process.pid, flush=True)
    await process.wait()

asyncio.run(main())
"""


def test_next_start_ends_processes_of_a_killed_podrole(records: Path) -> None:
    podrole = subprocess.Popen([sys.executable, "-c", KILLED, str(records)], stdout=subprocess.PIPE, text=True)
    assert podrole.stdout is not None
    pids = {int(podrole.stdout.readline()), int(podrole.stdout.readline())}
    podrole.kill()
    podrole.wait()
    podrole.stdout.close()
    # The process itself dies with podrole (PR_SET_PDEATHSIG); what it started does not.
    assert process_table.end_recorded(records, MARK).number >= 2
    assert not any(alive(pid) for pid in pids)
    assert end_all("m-killed") == 0


async def test_stopping_the_node_leaves_nothing_running(
    make_node: Any, run_pod: Any, running: Any, directory: Path, cluster: Any
) -> None:
    async with make_node():
        for number in range(4):
            await run_pod("trap '' TERM; setsid sleep 1000 & while :; do sleep 0.01; done", name=f"p{number}")
        for number in range(4):
            await running(f"p{number}")
        pids = [int(record.name.split("-")[0]) for record in (directory / "processes").iterdir()]
        assert len(pids) == 4
    assert not any(alive(pid) for pid in pids)
    for folder in ("processes", "pods", "logs"):
        assert not list((directory / folder).iterdir())


async def test_two_nodes_do_not_share_a_directory(make_node: Any, cluster: Any, time: Any, directory: Path) -> None:
    async with make_node():
        with pytest.raises(NodeBusy, match="Another podrole runs pods in"):
            await Node(cluster, directory, ProcessRuntime(directory / "processes"), time=time).start()


async def test_pods_beyond_the_limit_wait_until_others_have_ended(
    make_node: Any, run_pod: Any, running: Any, finished: Any, cluster: Any, eventually: Any
) -> None:
    async with make_node(max_processes=2):
        for name in ("a", "b"):
            await run_pod("exec sleep 1000", name=name)
            await running(name)
        await run_pod("true", name="late")
        waiting = await cluster.until("pods", "default", "late", lambda pod: pod["status"].get("conditions"))
        (condition,) = waiting["status"]["conditions"]
        assert (condition["type"], condition["status"], condition["reason"]) == (
            "PodScheduled",
            "False",
            "Unschedulable",
        )
        assert "0/1 nodes are available: 1 Too many pods." in condition["message"]
        await cluster.delete("pods", "default", "a")
        await finished("late")


async def test_pod_that_exits_many_times_leaks_nothing(
    run_pod: Any, cluster: Any, time: Any, node: Any, directory: Path, eventually: Any
) -> None:
    await run_pod("exit 1", restartPolicy="Always")
    descriptors = 0
    for restarts in range(1, RESTARTS + 1):
        await cluster.until(
            "pods",
            "default",
            "p",
            lambda pod, restarts=restarts: (
                (pod["status"].get("containerStatuses") or [{"restartCount": -1}])[0]["restartCount"] >= restarts
                and "waiting" in pod["status"]["containerStatuses"][0]["state"]
            ),
        )
        if restarts == 10:
            descriptors = len(entries(Path("/proc/self/fd")))
        time.turn(300)
    assert len(entries(Path("/proc/self/fd"))) <= descriptors + 8
    assert len(list((directory / "logs").glob("*/c/*.log"))) <= 2
    assert len(await cluster.list("events")) <= 6
