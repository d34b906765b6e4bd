"""Logs, exec and attach: from a client to the node and back, over WebSocket and by the real kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from podrole.cluster.core.errors import bad_request
from podrole.cluster.core.node_api import LogOptions, Output, StreamOptions

PODS = "/api/v1/namespaces/default/pods"
CHUNK, FLOOD = bytes(256 * 1024), 200
V5, V4 = Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io")


class Session:
    """Echoes its input, then ends with the code that it was made with."""

    def __init__(self, command: Sequence[str], options: StreamOptions) -> None:
        self.command = list(command)
        self.options = options
        self.closed = threading.Event()
        self.sizes: list[tuple[int, int]] = []
        self._queue: asyncio.Queue[Output | None] = asyncio.Queue()
        self.code = 0
        self.written = 0
        match self.command:
            case ["fail", code]:
                self.code = int(code)
                self._queue.put_nowait(Output("stderr", b"failing\n"))
                self._queue.put_nowait(None)
            case ["say", text]:
                self._queue.put_nowait(Output("stdout", text.encode()))
                self._queue.put_nowait(None)
            case _:
                if not options.stdin and self.command:
                    self._queue.put_nowait(None)

    async def output(self) -> AsyncIterator[Output]:
        if self.command == ["flood"]:
            for self.written in range(1, FLOOD + 1):
                yield Output("stdout", CHUNK)
            return
        while (one := await self._queue.get()) is not None:
            yield one

    async def write(self, data: bytes) -> None:
        await self._queue.put(Output("stdout", data))

    async def close_input(self) -> None:
        await self._queue.put(None)

    async def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    async def wait(self) -> int:
        return self.code

    async def close(self) -> None:
        self.closed.set()


class Node:
    """A node whose containers are these few lines."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.logged: list[tuple[str, LogOptions]] = []
        self.more: asyncio.Event = asyncio.Event()
        self.left = threading.Event()

    async def logs(self, pod: Any, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        if options.previous:
            raise bad_request(
                f'previous terminated container "{container}" in pod "{pod["metadata"]["name"]}" not found'
            )
        self.logged.append((container, options))
        return self._lines(options)

    async def _lines(self, options: LogOptions) -> AsyncIterator[bytes]:
        try:
            yield b"one\n"
            yield b"two\n"
            if options.follow:
                await self.more.wait()
                yield b"three\n"
            if options.limit_bytes == 13:
                raise RuntimeError("the disk is gone")
        finally:
            self.left.set()

    async def exec(self, _: Any, container: str, command: Sequence[str], options: StreamOptions) -> Session:
        if container == "broken":
            raise bad_request("container not found (broken)")
        self.sessions.append(Session(command, options))
        return self.sessions[-1]

    async def attach(self, _: Any, __: str, options: StreamOptions) -> Session:
        self.sessions.append(Session([], options))
        return self.sessions[-1]


@pytest.fixture
def node(served: Any, http: httpx2.Client) -> Iterator[Node]:
    """A node with the pods ``one`` (a container) and ``two`` (two of them and an init container), both bound."""

    async def make() -> Node:
        return Node()

    made = served.do(make())
    served.cluster.node = made
    containers = {"one": ["c"], "two": ["a", "b", "broken"]}
    for name, names in containers.items():
        spec: dict[str, Any] = {"containers": [{"name": each, "image": "i"} for each in names]}
        if name == "two":
            spec["initContainers"] = [{"name": "init", "image": "i"}]
        http.post(PODS, json={"metadata": {"name": name}, "spec": spec})
        http.post(f"{PODS}/{name}/binding", json={"target": {"name": "n"}})
        status = {
            "phase": "Running",
            "containerStatuses": [{"name": one, "ready": True, "state": {"running": {}}} for one in names],
        }
        patch = {"Content-Type": "application/merge-patch+json"}
        http.patch(f"{PODS}/{name}/status", json={"status": status}, headers=patch)
    yield made
    served.cluster.node = None


@pytest.fixture
def dial(served: Any, trusted: Any) -> Iterator[Callable[..., ClientConnection]]:
    with contextlib.ExitStack() as stack:

        def begin(path: str, *protocols: Subprotocol, token: str | None = None) -> ClientConnection:
            bearer = served.cluster.administrator_token if token is None else token
            dialled = connect(
                f"wss://127.0.0.1:{served.port}{path}",
                ssl=trusted,
                subprotocols=list(protocols or (V5, V4)),
                additional_headers={"Authorization": f"Bearer {bearer}"},
                proxy=None,
            )
            return stack.enter_context(dialled)

        yield begin


def frames(connection: ClientConnection) -> list[bytes]:
    """Return every frame until the server closes."""
    return [frame if isinstance(frame, bytes) else frame.encode() for frame in connection]


# --- logs


def test_a_log_is_the_nodes(node: Node, http: httpx2.Client) -> None:
    answer = http.get(f"{PODS}/one/log")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/plain", "one\ntwo\n")
    assert node.logged == [("c", LogOptions())]


def test_every_option_reaches_the_node(node: Node, http: httpx2.Client) -> None:
    query = "container=init&timestamps=true&tailLines=0&limitBytes=9&sinceTime=2027-01-15T08:00:00Z"
    assert http.get(f"{PODS}/two/log?{query}").status_code == 200
    http.get(f"{PODS}/one/log?sinceSeconds=60")
    assert node.logged == [
        ("init", LogOptions(timestamps=True, tail_lines=0, limit_bytes=9, since_time=1_800_000_000.0)),
        ("c", LogOptions(since_seconds=60)),
    ]


def test_a_log_is_followed_until_one_side_has_enough(node: Node, served: Any, http: httpx2.Client) -> None:
    with http.stream("GET", f"{PODS}/one/log?follow=true") as answer:
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["one", "two"]
        served._loop.call_soon_threadsafe(node.more.set)
        assert list(lines) == ["three"]
    node.left.clear()
    served._loop.call_soon_threadsafe(node.more.clear)
    with served.client() as other, other.stream("GET", f"{PODS}/one/log?follow=1") as answer:
        assert next(answer.iter_lines()) == "one"
    assert node.left.wait(10)


def test_a_log_that_breaks_off_ends_the_connection(node: Node, http: httpx2.Client) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        http.get(f"{PODS}/one/log?limitBytes=13")
    assert http.get(f"{PODS}/one/log").text == "one\ntwo\n"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("absent/log", 404, 'pods "absent" not found'),
        (
            "two/log",
            400,
            "a container name must be specified for pod two, choose one of: [a b broken] or one of the init",
        ),
        ("one/log?container=x", 400, "container x is not valid for pod one"),
        ("one/log?previous=true", 400, 'previous terminated container "c" in pod "one" not found'),
        ("one/log?tailLines=-1", 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("one/log?limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ("one/log?sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("one/log?sinceSeconds=1&sinceTime=2027-01-15T08:00:00Z", 422, "at most one of `sinceTime` or `sinceSeconds`"),
        ("one/log?sinceTime=yesterday", 400, 'parsing time "yesterday"'),
        ("one/log?follow=perhaps", 400, 'parsing "perhaps": invalid syntax'),
        ("one/log?tailLines=many", 400, 'parsing "many": invalid syntax'),
        ("one/exec?command=x&stdout=1", 400, "Upgrade request required"),
    ],
)
def test_a_log_that_cannot_be_had_is_a_status(
    node: Node, http: httpx2.Client, path: str, status: int, message: str
) -> None:
    answer = http.get(f"{PODS}/{path}")
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_a_pod_that_runs_nowhere_has_no_log(http: httpx2.Client) -> None:
    http.post(PODS, json={"metadata": {"name": "waiting"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    assert http.get(f"{PODS}/waiting/log").status_code == 204


def test_without_a_node_there_is_nothing_to_stream_from(node: Node, served: Any, http: httpx2.Client) -> None:
    served.cluster.node = None
    answer = http.get(f"{PODS}/one/log")
    assert (answer.status_code, answer.json()["reason"]) == (503, "ServiceUnavailable")


# --- exec and attach


@pytest.mark.parametrize("protocol", [V5, V4])
def test_a_command_runs_and_its_outcome_is_told(
    node: Node, dial: Callable[..., ClientConnection], protocol: Subprotocol
) -> None:
    connection = dial(f"{PODS}/one/exec?command=say&command=hello&stdout=true&stderr=true", protocol)
    assert connection.subprotocol == protocol
    assert frames(connection) == [b"\x01", b"\x01hello", b'\x03{"metadata":{},"status":"Success"}']
    assert connection.protocol.close_code == 1000
    assert node.sessions[0].command == ["say", "hello"]
    assert node.sessions[0].closed.wait(10)


def test_an_exit_code_is_told(node: Node, dial: Callable[..., ClientConnection]) -> None:
    *rest, last = frames(dial(f"{PODS}/one/exec?command=fail&command=3&stderr=true"))
    assert rest == [b"\x02", b"\x02failing\n"]
    assert json.loads(last[1:]) == {
        "metadata": {},
        "status": "Failure",
        "message": "command terminated with exit code 3",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
    }


def test_input_is_passed_on_and_ended(node: Node, dial: Callable[..., ClientConnection]) -> None:
    connection = dial(f"{PODS}/one/exec?command=cat&stdin=true&stdout=true&tty=true", V5)
    assert connection.recv() == b"\x01"
    connection.send(b"\x00some input")
    assert connection.recv() == b"\x01some input"
    connection.send(b'\x04{"Width":80,"Height":24}')
    connection.send(b"\x04nonsense")
    connection.send(b"\x04{}")
    connection.send(b"\x00")
    connection.send(b"\x09unknown channel")
    connection.send(b"")
    assert connection.recv() == b"\x01"
    connection.send(b"\xff\x00")
    assert frames(connection) == [b'\x03{"metadata":{},"status":"Success"}']
    assert node.sessions[0].sizes == [(80, 24)]
    assert node.sessions[0].options == StreamOptions(stdin=True, stdout=True, stderr=False, tty=True)


def test_in_v4_the_closing_channel_means_nothing(node: Node, dial: Callable[..., ClientConnection]) -> None:
    connection = dial(f"{PODS}/one/exec?command=cat&stdin=true&stdout=true", V4)
    connection.recv()
    connection.send(b"\xff\x00")
    connection.send(b"\x00still here")
    assert connection.recv() == b"\x01still here"


def test_a_command_waits_for_a_slow_client(node: Node, served: Any, dial: Callable[..., ClientConnection]) -> None:
    connection = dial(f"{PODS}/one/exec?command=flood&stdout=true")
    assert connection.recv() == b"\x01"
    (session,) = node.sessions

    async def settled() -> int:
        """Without flow control nothing would suspend the sender, and all would be in memory by now."""
        while session.written < 1:  # noqa: ASYNC110 - until it has begun
            await asyncio.sleep(0.001)
        for _ in range(100):
            await asyncio.sleep(0)
        return session.written

    assert served.do(settled()) < FLOOD // 2
    received = sum(len(frame) - 1 for frame in connection if isinstance(frame, bytes) and frame[0] == 1)
    assert (received, session.written) == (FLOOD * len(CHUNK), FLOOD)


def test_a_client_that_goes_ends_the_session(node: Node, dial: Callable[..., ClientConnection]) -> None:
    connection = dial(f"{PODS}/one/attach?stdin=true&stdout=true")
    connection.recv()
    connection.close()
    assert node.sessions[0].closed.wait(10)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("one/exec?command=x", 422, "at least one of `stdin`, `stdout` or `stderr` must be specified"),
        ("one/exec?stdout=true", 422, "command: Required value"),
        ("one/exec?command=x&stderr=true&tty=true", 422, "tty and stderr cannot both be true"),
        ("absent/exec?command=x&stdout=true", 404, 'pods "absent" not found'),
        ("two/exec?command=x&stdout=true", 400, "a container name must be specified for pod two"),
        ("two/exec?command=x&stdout=true&container=broken", 400, "container not found (broken)"),
        ("loose/exec?command=x&stdout=true", 400, "pod loose does not have a host assigned"),
        ("done/exec?command=x&stdout=true", 400, "cannot exec or attach to a container in a completed pod"),
        ("one/log", 404, "the server could not find the requested resource"),
    ],
)
def test_what_cannot_begin_is_an_ordinary_answer(
    node: Node, http: httpx2.Client, dial: Callable[..., ClientConnection], path: str, status: int, message: str
) -> None:
    for name in ("loose", "done"):
        http.post(PODS, json={"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    patch = {"Content-Type": "application/merge-patch+json"}
    http.patch(f"{PODS}/done/status", json={"status": {"phase": "Succeeded"}}, headers=patch)
    with pytest.raises(InvalidStatus) as raised:
        dial(f"{PODS}/{path}")
    assert raised.value.response.status_code == status
    body = json.loads(raised.value.response.body or b"")
    assert (body["kind"], message in body["message"]) == ("Status", True)


def test_a_client_of_other_protocols_is_refused(node: Node, dial: Callable[..., ClientConnection]) -> None:
    with pytest.raises(InvalidStatus) as raised:
        dial(f"{PODS}/one/exec?command=x&stdout=true", Subprotocol("channel.k8s.io"))
    assert raised.value.response.status_code == 400


@pytest.mark.parametrize(("token", "status"), [("", 403), ("wrong", 401)])
def test_a_stream_needs_the_right_to_it(
    node: Node, dial: Callable[..., ClientConnection], token: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as raised:
        dial(f"{PODS}/one/exec?command=x&stdout=true", token=token)
    assert raised.value.response.status_code == status


def test_spdy_is_refused_with_a_status(node: Node, http: httpx2.Client) -> None:
    answer = http.post(
        f"{PODS}/one/exec?command=spdy&stdout=1", headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    )
    assert answer.status_code == 400
    assert "WebSocket only" in answer.json()["message"]


# --- kubectl


def test_kubectl_reads_logs_and_runs_commands(node: Node, kubectl: Any) -> None:
    assert kubectl.shell("kubectl logs one").stdout == "one\ntwo\n"
    said = kubectl.shell("kubectl exec one -- say hello")
    assert (said.returncode, said.stdout, said.stderr) == (0, "hello", "")
    failed = kubectl.shell("kubectl exec one -- fail 7")
    assert (failed.returncode, failed.stderr) == (7, "failing\ncommand terminated with exit code 7\n")
    echoed = kubectl.shell("kubectl exec -i one -- cat", stdin="through and back")
    assert (echoed.returncode, echoed.stdout) == (0, "through and back")
    several = kubectl.shell("kubectl logs two")
    assert "Defaulted container" in several.stderr
    refused = kubectl.shell("kubectl exec two -c broken -- x")
    assert "container not found (broken)" in refused.stderr
