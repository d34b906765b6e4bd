"""``podrole down`` stops the process of the world and no other, whatever the world is busy with."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import httpx2
import pytest
from botocore.config import Config

from podrole.base.processes import identity_of
from podrole.cli import down
from podrole.world.errors import NotRunning, WorldError
from podrole.world.state import Description, WorldDirectory
from support.world import FREE_PORTS, LIMIT_SECONDS, PODROLE, clean_environment, podrole

HANGING_WORLD = Path(__file__).parents[1] / "support" / "hanging_world.py"
DAEMON = "env -i /usr/bin/setsid /bin/sh -c '(exec sleep 1000 >/dev/null 2>&1 & echo $!)'"
"""Starts a process that has left its container: its environment, session, group and parent."""


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def directory(tmp_path: Path) -> WorldDirectory:
    return WorldDirectory(tmp_path / ".podrole")


@contextlib.contextmanager
def world_of(
    directory: WorldDirectory, *command: str, options: tuple[str, ...] = FREE_PORTS
) -> Iterator[subprocess.Popen[str]]:
    """Run a world in the foreground; its output is in ``output`` beside its directory."""
    output = directory.path.parent / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [*(command or (PODROLE, "up")), "--dir", str(directory.path), *options],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=clean_environment(PYTHONPATH=str(HANGING_WORLD.parents[1])),
            text=True,
        )
    try:
        await_true(lambda: "podrole is up" in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def await_true(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds and return its value."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)
    return value


def is_alive(pid: int) -> bool:
    process = identity_of(pid)
    return process is not None and process.is_current()


def cluster_of(directory: WorldDirectory) -> httpx2.Client:
    return httpx2.Client(
        base_url=directory.running().cluster_url,
        verify=ssl.create_default_context(cafile=str(directory.authority)),
        headers={"Authorization": f"Bearer {directory.administrator_token()}"},
        timeout=LIMIT_SECONDS,
    )


def run_pod(cluster: httpx2.Client, script: str, **spec: Any) -> None:
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    body = {"metadata": {"name": "pod"}, "spec": {"containers": [container], **spec}}
    await_true(lambda: cluster.get("/api/v1/namespaces/default/serviceaccounts/default").is_success)
    assert (answer := cluster.post("/api/v1/namespaces/default/pods", json=body)).is_success, answer.text


def pid_of_daemon(cluster: httpx2.Client) -> int:
    def read() -> str:
        answer = cluster.get("/api/v1/namespaces/default/pods/pod/log")
        return answer.text if answer.is_success and answer.text.endswith("\n") else ""

    return int(await_true(read).splitlines()[-1])


def publish(directory: WorldDirectory, process: subprocess.Popen[bytes], started: int, boot: str) -> None:
    """Write what a world would publish, with the pid of another process."""
    content: dict[str, Any] = dict.fromkeys(Description.__struct_fields__, "x")
    content |= {"pid": process.pid, "process_started": started, "boot": boot, "started_at": 1.0, "issuer_port": 1}
    content |= {"issuer_places": {}, "services": True, "complete": True, "more_stop_seconds": 0.0}
    (directory.path / "world.json").write_text(json.dumps(content))


def test_pid_that_another_process_has_since_is_not_signalled(
    directory: WorldDirectory, stranger: subprocess.Popen[bytes]
) -> None:
    with world_of(directory) as world:
        pass
    assert world.returncode == -signal.SIGKILL
    content = json.loads((directory.path / "world.json").read_text())
    (directory.path / "world.json").write_text(json.dumps(content | {"pid": stranger.pid}))
    # Another command that only looks whether a world runs has the lock for a moment.
    holding = directory._locked(attempts=1)
    threading.Timer(0.1, holding.close).start()
    with pytest.raises(NotRunning, match="No world is running"):
        down.stop(directory)
    stopped = podrole("down", cwd=directory.path.parent)
    assert (stopped.returncode, "No world is running" in stopped.stderr) == (1, True)
    assert stranger.poll() is None


@pytest.mark.parametrize("part", ["started", "boot", "lock", "none"])
def test_process_that_is_not_known_to_run_the_world_is_not_signalled(
    directory: WorldDirectory, stranger: subprocess.Popen[bytes], part: str
) -> None:
    identity = identity_of(stranger.pid)
    assert identity is not None
    with directory.lock():  # it stands for a world in another container, whose processes cannot be seen
        started = 1 if part in ("started", "none") else identity.started
        boot = "another" if part in ("boot", "none") else identity.boot
        publish(directory, stranger, started, boot)
        with pytest.raises(WorldError, match="cannot be stopped from here"):
            down.stop(directory)
    assert stranger.poll() is None


def test_world_that_does_not_react_is_killed_with_what_its_pods_have_started(
    directory: WorldDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(down, "LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(down, "KILL_SECONDS", float(LIMIT_SECONDS))
    with world_of(directory) as world:
        with cluster_of(directory) as cluster:
            run_pod(cluster, f"{DAEMON}; exec sleep 1000")
            daemon = pid_of_daemon(cluster)
        world.send_signal(signal.SIGSTOP)
        down.stop(directory)
        assert world.wait(LIMIT_SECONDS) == -signal.SIGKILL
    assert "did not react within 0.2 s and was killed" in capsys.readouterr().err
    assert not is_alive(daemon)
    with pytest.raises(NotRunning):
        directory.running()


def test_what_left_its_pod_ends_at_the_next_start_and_at_an_interrupt(directory: WorldDirectory) -> None:
    with world_of(directory), cluster_of(directory) as cluster:
        run_pod(cluster, f"{DAEMON}; exec sleep 1000")
        first = pid_of_daemon(cluster)
    assert is_alive(first)  # the world was killed
    with world_of(directory) as world, cluster_of(directory) as cluster:
        assert not is_alive(first)
        second = pid_of_daemon(cluster)
        world.send_signal(signal.SIGINT)
        assert world.wait(LIMIT_SECONDS) == 0
    assert not is_alive(second)


@pytest.mark.services
def test_world_ends_though_everything_hangs_and_says_what_was_cut_off(
    directory: WorldDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(down, "LIMIT_SECONDS", float(LIMIT_SECONDS))  # the world's own deadline is what is tested
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(world_of(directory, sys.executable, str(HANGING_WORLD)))
        running = directory.running()
        key, secret = directory.admin_credentials()

        def client(service: str, seconds: float = LIMIT_SECONDS) -> Any:
            made = botocore.session.Session().create_client(
                service,
                endpoint_url=running.aws_url,
                region_name=running.region,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=Config(
                    retries={"max_attempts": 0},
                    read_timeout=seconds,
                    signature_version="s3v4" if service == "s3" else None,
                    s3={"addressing_style": "path"},
                ),
            )
            stack.callback(made.close)
            return made

        s3, sns = client("s3"), client("sns")
        # A delivery that nobody answers.
        receiver = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        topic = sns.create_topic(Name="topic")["TopicArn"]
        endpoint = f"http://127.0.0.1:{receiver.getsockname()[1]}/"
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)
        sns.publish(TopicArn=topic, Message="hello")
        # A client that does not read the large object that it asked for.
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="large", Body=bytes(40_000_000))
        url = httpx2.URL(s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "large"}))
        slow = stack.enter_context(socket.create_connection((url.host, url.port or 80)))
        slow.sendall(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (url.raw_path, url.netloc))
        assert slow.recv(12) == b"HTTP/1.1 200"
        # A watch, a pod that ignores SIGTERM, and a call to a service that never returns.
        cluster = stack.enter_context(cluster_of(directory))
        stack.enter_context(cluster.stream("GET", "/api/v1/pods?watch=true"))
        run_pod(cluster, "trap '' TERM; echo $$$$; while :; do sleep 0.1; done", terminationGracePeriodSeconds=3600)
        pod = pid_of_daemon(cluster)
        hanging = threading.Thread(target=_delete_bucket, args=(s3,))
        hanging.start()
        impatient = client("sqs", seconds=1)
        await_true(lambda: not _answers(impatient))
        down.stop(directory)
        assert world.wait(LIMIT_SECONDS) == 0
        hanging.join()
    assert not is_alive(pod)
    said = (directory.path.parent / "output").read_text()
    assert "Cut off, because it did not end in time: the services, whose state is now that of the last save" in said
    assert "the local AWS stopped: 2 requests had not ended and were cut off" in said
    assert "Traceback" not in said
    assert not (directory.path / "world.json").exists()


def _delete_bucket(s3: Any) -> None:
    with contextlib.suppress(Exception):
        s3.delete_bucket(Bucket="bucket")


def _answers(sqs: Any) -> bool:
    """Say whether the services answer: they do not while a call hangs."""
    try:
        sqs.list_queues()
    except Exception:  # noqa: BLE001 - whichever: it got no answer
        return False
    return True
