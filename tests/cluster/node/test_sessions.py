"""exec and attach, probes and hooks: what goes on inside a running container."""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.node_api import StreamOptions
from support.engine import both_runtimes, both_runtimes_in_soak
from support.isolation import both_ways, not_isolated


@pytest.fixture
async def pod(node: Any, run_pod: Any, running: Any) -> Any:
    """Return a running pod with a volume at /data."""
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}], "env": [{"name": "COLOUR", "value": "green"}]}
    await run_pod("exec sleep 1000", container=mount, volumes=[{"name": "v"}])
    return await running()


@pytest.fixture
def run(node: Any, pod: Any) -> Any:
    """Return a function that execs a command: (exit code, stdout, stderr)."""

    async def run(*command: str, stdin: bytes | None = None, tty: bool = False) -> tuple[int, bytes, bytes]:
        options = StreamOptions(stdin=stdin is not None, tty=tty)
        session = await node.exec(pod, "c", command, options)
        if stdin is not None:
            await session.write(stdin)
            await session.close_input()
        streams = {"stdout": b"", "stderr": b""}
        async for output in session.output():
            streams[output.stream] += output.data
        return await session.wait(), streams["stdout"], streams["stderr"]

    return run


@both_ways
async def test_a_command_runs_with_the_containers_variables_and_directory(run: Any, isolated: bool) -> None:
    code, out, err = await run("sh", "-c", "echo $COLOUR; pwd; echo oops >&2; exit 3")
    assert (code, err) == (3, b"oops\n")
    assert out.startswith(b"green\n")
    assert out.endswith(b"green\n/\n" if isolated else b"/containers/c/work\n")


@both_ways
async def test_paths_of_a_command_are_those_of_the_container(run: Any, directory: Path, pod: Any) -> None:
    await run("sh", "-c", "echo inside > /data/file")
    assert (await run("cat", "/data/file"))[1] == b"inside\n"
    assert (directory / "pods" / pod["metadata"]["uid"] / "volumes/v/file").read_text() == "inside\n"


@both_runtimes
async def test_standard_input_reaches_the_command(run: Any) -> None:
    assert await run("tr", "a-z", "A-Z", stdin=b"hello") == (0, b"HELLO", b"")


@both_runtimes
async def test_a_terminal_mixes_the_streams(run: Any) -> None:
    assert await run("sh", "-c", "test -t 0 && echo out && echo err >&2", tty=True) == (0, b"out\r\nerr\r\n", b"")


@both_runtimes
async def test_a_terminal_can_be_resized(node: Any, pod: Any) -> None:
    session = await node.exec(pod, "c", ["sh", "-c", "read x; stty size"], StreamOptions(stdin=True, tty=True))
    await session.resize(100, 30)
    await session.write(b"\n")
    assert await session.wait() == 0
    assert b"".join([part.data async for part in session.output()]).endswith(b"30 100\r\n")


@both_runtimes_in_soak
async def test_slow_reader_gets_the_whole_output(node: Any, pod: Any) -> None:
    session = await node.exec(pod, "c", ["head", "-c", "5000000", "/dev/zero"], StreamOptions())
    size = 0
    async for output in session.output():
        size += len(output.data)
        await asyncio.sleep(0.001)
    assert (size, await session.wait()) == (5_000_000, 0)


@both_runtimes
async def test_command_ends_when_its_client_disconnects(node: Any, pod: Any) -> None:
    session = await node.exec(pod, "c", ["sh", "-c", "trap '' TERM HUP; while :; do sleep 0.01; done"], StreamOptions())
    await session.close()
    assert await session.wait() == 137


async def test_missing_program_is_refused_before_streaming(node: Any, pod: Any) -> None:
    with pytest.raises(StatusError, match="executable file not found in") as raised:
        await node.exec(pod, "c", ["no-such-program"], StreamOptions())
    assert raised.value.http_status == 500


@not_isolated
async def test_a_command_may_not_name_another_pods_directory(node: Any, pod: Any, directory: Path) -> None:
    with pytest.raises(StatusError, match="leads to the directory of another pod"):
        await node.exec(pod, "c", ["cat", f"{directory}/pods/other/volumes/t/token"], StreamOptions())


@both_runtimes_in_soak
async def test_exec_and_attach_need_a_running_container(node: Any, run_pod: Any, finished: Any) -> None:
    await run_pod("true", name="done")
    done = await finished("done")
    for enter in (node.exec(done, "c", ["true"], StreamOptions()), node.attach(done, "c", StreamOptions())):
        with pytest.raises(StatusError, match=r'container not found \("c"\)') as raised:
            await enter
        assert raised.value.http_status == 404


async def test_commands_count_towards_the_limit_of_processes(make_node: Any, run_pod: Any, running: Any) -> None:
    async with make_node(max_processes=2) as node:
        await run_pod("exec sleep 1000")
        pod = await running()
        first = await node.exec(pod, "c", ["sleep", "1000"], StreamOptions())
        with pytest.raises(StatusError, match="this node runs at most 2 processes") as raised:
            await node.exec(pod, "c", ["true"], StreamOptions())
        assert raised.value.http_status == 429
        await first.close()
        second = await node.exec(pod, "c", ["true"], StreamOptions())
        assert await second.wait() == 0


@both_runtimes_in_soak
async def test_stopping_the_node_ends_commands_too(make_node: Any, run_pod: Any, running: Any) -> None:
    async with make_node() as node:
        await run_pod("exec sleep 1000")
        session = await node.exec(await running(), "c", ["sleep", "1000"], StreamOptions())
    assert await session.wait() == 137


async def test_archive_of_a_pod_has_the_member_names_that_kubectl_expects(run: Any) -> None:
    await run("sh", "-c", "mkdir -p /data/dir; echo 1 > /data/dir/a; ln -s a /data/dir/b")
    code, archive, _ = await run("tar", "cf", "-", "/data/dir")
    assert code == 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert sorted(opened.getnames()) == ["data/dir", "data/dir/a", "data/dir/b"]
        assert opened.getmember("data/dir/b").linkname == "a"


async def test_copying_into_a_pod(run: Any) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as opened:
        member = tarfile.TarInfo("file")
        member.size = 3
        opened.addfile(member, io.BytesIO(b"abc"))
    assert (await run("test", "-d", "/data"))[0] == 0
    assert (await run("tar", "-xmf", "-", "-C", "/data", stdin=archive.getvalue()))[0] == 0
    assert (await run("cat", "/data/file"))[1] == b"abc"


@both_runtimes_in_soak
async def test_attach_shows_output_and_passes_input(node: Any, run_pod: Any, running: Any) -> None:
    await run_pod('while read line; do echo "got $line"; done', name="a", container={"stdin": True, "stdinOnce": True})
    session = await node.attach(await running("a"), "c", StreamOptions(stdin=True))
    output = session.output()
    await session.write(b"one\n")
    assert (await anext(output)).data == b"got one\n"
    await session.close_input()
    assert [part async for part in output] == []
    assert await session.wait() == 0


@both_runtimes
async def test_attach_to_a_terminal(node: Any, run_pod: Any, running: Any) -> None:
    await run_pod("read x; stty size", name="a", container={"stdin": True, "tty": True})
    session = await node.attach(await running("a"), "c", StreamOptions(stdin=True, tty=True))
    await session.resize(90, 20)
    await session.write(b"\n")
    text = b"".join([part.data async for part in session.output()])
    assert text.endswith(b"20 90\r\n")


async def test_container_runs_on_after_a_client_detaches(node: Any, run_pod: Any, running: Any, cluster: Any) -> None:
    await run_pod("while :; do echo tick; sleep 0.01; done", name="a")
    session = await node.attach(await running("a"), "c", StreamOptions())
    assert (await anext(session.output())).data.startswith(b"tick")
    await session.close()
    assert (await cluster.get("pods", "default", "a"))["status"]["phase"] == "Running"


def readiness(pod: Any) -> bool:
    return bool(pod["status"].get("containerStatuses")) and pod["status"]["containerStatuses"][0]["ready"]


async def test_a_pod_is_ready_once_its_readiness_probe_succeeds(
    node: Any, run_pod: Any, running: Any, cluster: Any, directory: Path, time: Any, eventually: Any
) -> None:
    probe = {"exec": {"command": ["test", "-e", "/data/ready"]}, "periodSeconds": 5}
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}], "readinessProbe": probe}
    made = await run_pod("exec sleep 1000", container=mount, volumes=[{"name": "v"}])

    await cluster.until_event("p", "Unhealthy", "Readiness probe failed: ")
    assert not readiness(await cluster.get("pods", "default", "p"))
    file = directory / "pods" / made["metadata"]["uid"] / "volumes/v/ready"
    file.touch()
    time.turn(5)
    ready = await cluster.until("pods", "default", "p", readiness)
    assert {"type": "Ready", "status": "True"}.items() <= ready["status"]["conditions"][2].items()
    file.unlink()

    async def not_ready_after_another_period() -> bool:
        time.turn(5)  # while a probe is under way the turn is for the next one: turn until three have failed
        return not readiness(await cluster.get("pods", "default", "p"))

    await eventually(not_ready_after_another_period)


async def test_a_failing_liveness_probe_restarts_the_container(node: Any, run_pod: Any, cluster: Any) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo sick; exit 1"]}, "failureThreshold": 1}
    await run_pod("exec sleep 1000", restartPolicy="Always", container={"livenessProbe": probe})
    await cluster.until(
        "pods",
        "default",
        "p",
        lambda pod: (pod["status"].get("containerStatuses") or [{"restartCount": 0}])[0]["restartCount"] > 0,
    )
    await cluster.until_event("p", "Unhealthy", "Liveness probe failed: sick\n")
    await cluster.until_event("p", "Killing", "Container c failed liveness probe, will be restarted")


@both_runtimes_in_soak
async def test_other_probes_wait_for_the_startup_probe(
    node: Any, run_pod: Any, running: Any, cluster: Any, directory: Path, time: Any, eventually: Any
) -> None:
    startup = {"exec": {"command": ["test", "-e", "/data/up"]}, "periodSeconds": 1, "failureThreshold": 100}
    liveness = {"exec": {"command": ["touch", "/data/asked"]}}
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}], "startupProbe": startup, "livenessProbe": liveness}
    made = await run_pod("exec sleep 1000", container=mount, volumes=[{"name": "v"}])
    pod = await running()
    assert not pod["status"]["containerStatuses"][0]["started"]
    volume = directory / "pods" / made["metadata"]["uid"] / "volumes/v"
    (volume / "up").touch()
    await eventually(lambda: time.turn(1) or (volume / "asked").exists())
    await cluster.until("pods", "default", "p", lambda pod: pod["status"]["containerStatuses"][0]["started"])


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
async def test_ports_are_probed_on_loopback(
    node: Any, run_pod: Any, cluster: Any, kind: str, time: Any, eventually: Any
) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kind == "httpGet":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        probe = {kind: {"port": "web"}, "timeoutSeconds": 5}
        ports = [{"name": "web", "containerPort": port}]
        await run_pod("exec sleep 1000", container={"readinessProbe": probe, "ports": ports})
        await cluster.until("pods", "default", "p", readiness)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (
            {"httpGet": {"port": 80, "host": "example.com"}},
            "probes of this node reach only the pod itself and loopback, not example.com",
        ),
        ({"tcpSocket": {"port": "none"}}, "dial tcp 127.0.0.1:0: connect: "),
        ({"grpc": {"port": 1}}, "this node does not support grpc probes; it supports exec, httpGet and tcpSocket"),
    ],
)
async def test_impossible_probe_fails_with_the_reason(
    node: Any, run_pod: Any, cluster: Any, probe: dict[str, Any], message: str, eventually: Any
) -> None:
    await run_pod("exec sleep 1000", container={"readinessProbe": probe})

    async def said() -> bool:
        return any(text.startswith(f"Readiness probe failed: {message}") for _, text in await cluster.events_of("p"))

    await eventually(said)


async def test_a_failing_post_start_hook_ends_the_container(
    node: Any, run_pod: Any, finished: Any, cluster: Any
) -> None:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo no; exit 1"]}}}
    await run_pod("exec sleep 1000", container={"lifecycle": hook})
    assert (await finished())["status"]["phase"] == "Failed"
    await cluster.until_event("p", "FailedPostStartHook", "PostStartHook failed: no\n")
