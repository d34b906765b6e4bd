"""kubectl port-forward: SPDY's streams to connections, over a real WebSocket, and by the real kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from podrole.cluster.http.port_forwarding import MAX_STREAMS, TUNNEL, PortForwarding, port_of
from podrole.cluster.spdy.errors import SpdyProblem
from support.spdy import Got, SpdyClient

PODS = "/api/v1/namespaces/default/pods"
LIMIT_SECONDS = 20
BLOCK = bytes(range(256)) * 256


class Pod:
    """A pod that echoes on port 80, breaks connections off on 81, counts what it gets on 82, floods on 83."""

    def __init__(self) -> None:
        self.servers: list[asyncio.Server] = []
        self.open = 0
        self.closed = asyncio.Event()
        """Set at the end of each connection to port 80."""
        self.read = asyncio.Event()

    async def start(self) -> None:
        handlers = (self._echo, self._break, self._count, self._flood)
        self.servers = [await asyncio.start_server(each, "127.0.0.1", 0) for each in handlers]

    def close(self) -> None:
        for server in self.servers:
            server.close()

    async def dial(self, port: int) -> Any:
        if not 80 <= port < 84:
            raise ConnectionRefusedError(f"dial tcp4 127.0.0.1:{port}: connect: connection refused")
        return await asyncio.open_connection("127.0.0.1", self.servers[port - 80].sockets[0].getsockname()[1])

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        self.open -= 1
        self.closed.set()
        writer.close()

    async def _break(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.read.wait()
        count = 0
        while data := await reader.read(65536):
            count += len(data)
        writer.write(b"%d" % count)
        writer.close()

    async def _flood(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BLOCK * 100)
        writer.close()


class Session:
    """A client that talks to a PortForwarding without a network between them."""

    def __init__(self, pod: Pod) -> None:
        self.client = SpdyClient()
        self.got: asyncio.Queue[Got] = asyncio.Queue()
        self.forwarding = PortForwarding(self._take, pod.dial, "one_default, uid 1")

    async def _take(self, data: bytes) -> None:
        for frame in self.client.read(data):
            self.got.put_nowait(frame)

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            await self.forwarding.receive(data)

    async def until(self, wanted: Callable[[list[Got]], bool]) -> list[Got]:
        """Return all frames until they are as wanted."""
        frames: list[Got] = []
        async with asyncio.timeout(LIMIT_SECONDS):
            while not wanted(frames):
                frames.append(await self.got.get())
        return frames


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    pod = Pod()
    await pod.start()
    yield pod
    pod.close()


@pytest.fixture
async def session(pod: Pod) -> AsyncIterator[Session]:
    session = Session(pod)
    yield session
    await session.forwarding.close()


def content(frames: list[Got], stream: int) -> bytes:
    return b"".join(frame.data for frame in frames if (frame.kind, frame.number) == ("data", stream))


def ended(*streams: int) -> Callable[[list[Got]], bool]:
    """Say whether the server has ended these streams."""
    return lambda frames: {frame.number for frame in frames if frame.fin} >= set(streams)


async def test_bytes_reach_the_pod_and_come_back_until_both_ends_are_done(session: Session, pod: Pod) -> None:
    await session.send(session.client.connect("80", "0", 1, 3) + session.client.data(3, b"hello"))
    frames = await session.until(lambda frames: content(frames, 3) == b"hello")
    assert [frame.number for frame in frames if frame.kind == "reply"] == [1, 3]
    # What follows the client's end still comes back: half of the connection is closed, not all of it.
    await session.send(session.client.data(3, b" and bye", fin=True))
    frames = await session.until(ended(1, 3))
    assert (content(frames, 3), content(frames, 1)) == (b" and bye", b"")


async def test_many_connections_do_not_mix(session: Session) -> None:
    for number in range(40):
        first = 1 + 4 * number
        await session.send(session.client.connect("80", str(number), first, first + 2))
    for number in range(40):
        await session.send(session.client.data(3 + 4 * number, b"%d" % number, fin=True))
    frames = await session.until(ended(*(3 + 4 * number for number in range(40))))
    assert [content(frames, 3 + 4 * number) for number in range(40)] == [b"%d" % number for number in range(40)]


async def test_a_client_without_request_ids_is_served(session: Session) -> None:
    client = session.client
    await session.send(client.open(5, streamtype="error", port="80") + client.open(7, streamtype="data", port="80"))
    await session.send(client.data(7, b"old", fin=True))
    assert content(await session.until(ended(5, 7)), 7) == b"old"


async def test_a_port_on_which_nothing_listens_is_told_on_the_error_stream_and_ends_both(session: Session) -> None:
    await session.send(session.client.connect("90", "0", 1, 3) + session.client.data(3, b"x"))
    frames = await session.until(ended(1, 3))
    assert content(frames, 1).decode() == (
        "error forwarding port 90 to pod one_default, uid 1: dial tcp4 127.0.0.1:90: connect: connection refused"
    )
    assert [frame.number for frame in frames if frame.fin] == [1, 3]


async def test_a_program_that_breaks_off_ends_its_connection_alone(session: Session) -> None:
    await session.send(session.client.connect("81", "0", 1, 3) + session.client.data(3, b"x"))
    frames = await session.until(ended(1, 3))
    assert (content(frames, 1), content(frames, 3)) == (b"", b"")
    await session.send(session.client.connect("80", "1", 5, 7) + session.client.data(7, b"still", fin=True))
    assert content(await session.until(ended(5, 7)), 7) == b"still"


async def test_a_reset_cuts_the_connection_to_the_pod(session: Session, pod: Pod) -> None:
    await session.send(session.client.connect("80", "0", 1, 3) + session.client.data(3, b"x"))
    await session.until(lambda frames: content(frames, 3) == b"x")
    assert pod.open == 1
    await session.send(session.client.reset(3))
    async with asyncio.timeout(LIMIT_SECONDS):
        await pod.closed.wait()
    assert pod.open == 0


async def test_what_a_slow_program_does_not_read_makes_the_client_wait(session: Session, pod: Pod) -> None:
    await session.send(session.client.connect("82", "0", 1, 3))
    blocks = 400  # 25 MB: more than the buffers of two sockets

    async def send() -> None:
        for _ in range(blocks):
            await session.send(session.client.data(3, BLOCK))
        await session.send(session.client.data(3, fin=True))

    sending = asyncio.create_task(send())
    done, _ = await asyncio.wait({sending}, timeout=0.3)
    assert not done
    pod.read.set()
    await sending
    assert content(await session.until(ended(3)), 3) == b"%d" % (blocks * len(BLOCK))


async def test_a_large_transfer_arrives_whole(session: Session) -> None:
    await session.send(session.client.connect("83", "0", 1, 3))
    assert content(await session.until(ended(3)), 3) == BLOCK * 100


async def test_a_ping_is_answered(session: Session) -> None:
    await session.send(session.client.ping(9) + session.client.ping(2))
    assert await session.until(bool) == [Got("ping", 9)]
    assert session.got.empty()


REFUSED: list[tuple[str, dict[str, str]]] = [
    ("no port", {"streamtype": "data"}),
    ("port 0", {"streamtype": "data", "port": "0"}),
    ("a port too large", {"streamtype": "data", "port": "65536"}),
    ("a port that is no number", {"streamtype": "data", "port": "http"}),
    ("no type", {"port": "80"}),
    ("another type", {"streamtype": "resize", "port": "80"}),
]


@pytest.mark.parametrize("headers", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_stream_that_says_too_little_is_reset(session: Session, headers: dict[str, str]) -> None:
    await session.send(session.client.open(1, **headers))
    assert await session.until(bool) == [Got("reset", 1, b"\0\0\0\5")]


async def test_the_streams_of_a_connection_must_name_one_port_once(session: Session) -> None:
    for stream, kind, port in ((1, "error", "80"), (3, "error", "80"), (5, "data", "82")):
        await session.send(session.client.open(stream, streamtype=kind, port=port, requestid="0"))
    frames = await session.until(lambda frames: len(frames) == 3)
    assert [(frame.kind, frame.number) for frame in frames] == [("reply", 1), ("reset", 3), ("reset", 5)]


@pytest.mark.parametrize("stream", [2, 3, 1], ids=["even", "again", "before"])
async def test_a_stream_number_that_may_not_be_used_is_reset(session: Session, stream: int) -> None:
    await session.send(session.client.open(3, streamtype="error", port="80"))
    await session.until(bool)
    await session.send(session.client.open(stream, streamtype="error", port="80"))
    assert await session.until(bool) == [Got("reset", stream, b"\0\0\0\1")]


async def test_more_streams_than_a_client_may_have_are_refused(session: Session) -> None:
    for number in range(MAX_STREAMS + 1):
        await session.send(session.client.open(2 * number + 1, streamtype="error", port="80", requestid=str(number)))
    frames = await session.until(lambda frames: len(frames) == MAX_STREAMS + 1)
    assert [frame.kind for frame in frames[:-1]] == ["reply"] * MAX_STREAMS
    assert frames[-1] == Got("reset", 2 * MAX_STREAMS + 1, b"\0\0\0\3")
    # A reset makes room, and nothing is kept of the stream.
    await session.send(session.client.reset(1) + session.client.connect("80", "0", 2001, 2003))
    assert (await session.until(bool))[0].kind == "reply"


async def test_connections_that_are_begun_and_reset_again_and_again_do_not_pile_up(session: Session, pod: Pod) -> None:
    begun = most = 0

    async def dial(_: int) -> Any:
        """Wait for a program whose queue is full."""
        nonlocal begun, most
        begun += 1
        most = max(most, begun)
        try:
            await asyncio.Event().wait()
        finally:
            begun -= 1

    session.forwarding = PortForwarding(session._take, dial, "one_default, uid 1")
    for number in range(2 * MAX_STREAMS):
        first = 1 + 4 * number
        await session.send(session.client.connect("80", str(number), first, first + 2))
        await asyncio.sleep(0)  # it begins to connect
        await session.send(session.client.reset(first + 2))
    assert 0 < most <= MAX_STREAMS // 2
    await session.forwarding.close()
    assert begun == 0


async def test_a_client_that_leaves_opens_nothing_more(session: Session) -> None:
    await session.send(session.client.connect("80", "0", 1, 3) + b"\x80\x03\0\x07\0\0\0\x08" + bytes(8))
    await session.send(session.client.open(5, streamtype="error", port="80") + session.client.data(3, b"x", fin=True))
    frames = await session.until(ended(1, 3))
    assert Got("reset", 5, b"\0\0\0\3") in frames
    assert content(frames, 3) == b"x"


async def test_bytes_before_the_error_stream_end_the_session(session: Session) -> None:
    await session.send(session.client.open(1, streamtype="data", port="80", requestid="0"))
    with pytest.raises(SpdyProblem, match="before its connection"):
        await session.send(session.client.data(1, b"x"))


async def test_the_end_of_the_session_cuts_every_connection(pod: Pod) -> None:
    session = Session(pod)
    await session.send(session.client.connect("80", "0", 1, 3) + session.client.data(3, b"x"))
    await session.until(lambda frames: content(frames, 3) == b"x")
    await session.forwarding.close()
    async with asyncio.timeout(LIMIT_SECONDS):
        await pod.closed.wait()
    assert pod.open == 0


@pytest.mark.parametrize(
    ("text", "port"),
    [("1", 1), ("080", 80), ("65535", 65535), ("", None), ("-1", None), ("8 0", None), ("٨", None), ("000080", None)],
)
def test_a_port_is_a_number_from_1_to_65535(text: str, port: int | None) -> None:
    assert port_of(text) == port


# --- over a WebSocket


class Node:
    """A node with one pod behind every name."""

    def __init__(self) -> None:
        self.pod = Pod()
        self.asked: list[str] = []

    async def port_forward(self, pod: Any) -> Any:
        self.asked.append(pod["metadata"]["name"])
        return self.pod.dial


@pytest.fixture
def node(served: Any, http: httpx2.Client) -> Iterator[Node]:
    """A node with the pods ``one``, which runs, ``done``, which has ended, and ``waiting``, which is not bound."""

    async def make() -> Node:
        node = Node()
        await node.pod.start()
        return node

    made = served.do(make())
    served.cluster.node = made
    for name, phase in (("one", "Running"), ("done", "Succeeded"), ("waiting", "Pending")):
        spec = {"containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 80}]}]}
        http.post(PODS, json={"metadata": {"name": name, "labels": {"app": name}}, "spec": spec})
        if name != "waiting":
            http.post(f"{PODS}/{name}/binding", json={"target": {"name": "n"}})
            ready = [{"type": "Ready", "status": "True"}]
            patch = {"Content-Type": "application/merge-patch+json"}
            status = {"phase": phase, "conditions": ready}
            http.patch(f"{PODS}/{name}/status", json={"status": status}, headers=patch)
    yield made
    served.cluster.node = None

    async def close() -> None:
        made.pod.close()

    served.do(close())


class AnyProtocol(ClientConnection):
    """A client that takes the server's subprotocol, also one that RFC 6455 does not allow."""

    def __init__(self, sock: socket.socket, protocol: Any, **options: Any) -> None:
        protocol.process_subprotocol = lambda headers: headers.get("Sec-WebSocket-Protocol")
        super().__init__(sock, protocol, **options)


@pytest.fixture
def dial(served: Any, trusted: Any) -> Iterator[Callable[..., ClientConnection]]:
    with contextlib.ExitStack() as stack:

        def begin(pod: str, protocol: str = TUNNEL, token: str | None = None) -> ClientConnection:
            bearer = served.cluster.administrator_token if token is None else token
            dialled = connect(
                f"wss://127.0.0.1:{served.port}{PODS}/{pod}/portforward",
                ssl=trusted,
                additional_headers={"Authorization": f"Bearer {bearer}", "Sec-WebSocket-Protocol": protocol},
                proxy=None,
                create_connection=AnyProtocol,
            )
            return stack.enter_context(dialled)

        yield begin


def test_a_tunnel_carries_a_connection(node: Node, dial: Callable[..., ClientConnection]) -> None:
    tunnel, client = dial("one"), SpdyClient()
    assert tunnel.subprotocol == TUNNEL
    tunnel.send(client.connect("80", "0", 1, 3) + client.data(3, b"hello", fin=True))
    frames: list[Got] = []
    while not ended(1, 3)(frames):
        frames.extend(client.read(bytes(tunnel.recv(LIMIT_SECONDS))))  # type: ignore[arg-type]
    assert content(frames, 3) == b"hello"


def test_what_is_not_spdy_ends_the_tunnel_and_says_why(node: Node, dial: Callable[..., ClientConnection]) -> None:
    tunnel = dial("one")
    tunnel.send(b"\x80\x02\0\x06\0\0\0\x04\0\0\0\1")
    assert [frame.kind for frame in SpdyClient().read(bytes(tunnel.recv(LIMIT_SECONDS)))] == ["goaway"]  # type: ignore[arg-type]
    with pytest.raises(ConnectionClosedError):
        tunnel.recv(LIMIT_SECONDS)
    assert (tunnel.close_code, tunnel.close_reason) == (1002, "a frame is of SPDY/2, not of SPDY/3")


@pytest.mark.parametrize(
    ("pod", "protocol", "status", "message"),
    [
        ("missing", TUNNEL, 404, 'pods "missing" not found'),
        ("done", TUNNEL, 400, "completed pod; current phase is Succeeded"),
        ("waiting", TUNNEL, 400, "pod waiting does not have a host assigned"),
        ("one", "v4.channel.k8s.io", 400, TUNNEL),
    ],
)
def test_a_tunnel_that_cannot_be_is_refused_with_a_status(
    node: Node, dial: Callable[..., ClientConnection], pod: str, protocol: str, status: int, message: str
) -> None:
    with pytest.raises(InvalidStatus) as raised:
        dial(pod, protocol)
    body = json.loads(raised.value.response.body or b"")
    assert (raised.value.response.status_code, body["kind"]) == (status, "Status")
    assert message in body["message"]
    assert not node.asked


@pytest.mark.parametrize(
    ("verbs", "status"), [(["create", "get"], 101), (["get"], 403), (["create"], 403), ([], 403)], ids=str
)
def test_forwarding_needs_the_right_to_get_and_to_create(
    node: Node,
    dial: Callable[..., ClientConnection],
    http: httpx2.Client,
    token_of: Callable[[list[str]], str],
    verbs: list[str],
    status: int,
) -> None:
    token = token_of(verbs)
    if status == 101:
        dial("one", token=token)
        return
    with pytest.raises(InvalidStatus) as raised:
        dial("one", token=token)
    assert raised.value.response.status_code == status
    assert "pods/portforward" in json.loads(raised.value.response.body or b"")["message"]


@pytest.fixture
def token_of(http: httpx2.Client) -> Callable[[list[str]], str]:
    """Return a function that makes a service account with some verbs on pods/portforward, and its token."""

    def make(verbs: list[str]) -> str:
        name = "-".join(["forwarder", *verbs])
        http.post("/api/v1/namespaces/default/serviceaccounts", json={"metadata": {"name": name}})
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        rules = [{"apiGroups": [""], "resources": ["pods/portforward"], "verbs": verbs}] if verbs else []
        http.post(f"{rbac}/roles", json={"metadata": {"name": name}, "rules": rules})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
        http.post(
            f"{rbac}/rolebindings", json={"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        )
        made = http.post(f"/api/v1/namespaces/default/serviceaccounts/{name}/token", json={"spec": {}})
        return str(made.json()["status"]["token"])

    return make


def test_admission_is_asked(node: Node, dial: Callable[..., ClientConnection], http: httpx2.Client) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods/portforward"], "operations": ["CONNECT"]}
    webhook = {
        "name": "hook.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/x"},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    http.post(path, json={"metadata": {"name": "hook"}, "webhooks": [webhook]}).raise_for_status()
    try:
        with pytest.raises(InvalidStatus) as raised:
            dial("one")
    finally:
        http.delete(f"{path}/hook")
    assert 'failed calling webhook "hook.example.com"' in json.loads(raised.value.response.body or b"")["message"]
    assert not node.asked


def test_spdy_without_a_websocket_is_refused_with_a_status(node: Node, http: httpx2.Client) -> None:
    answer = http.post(f"{PODS}/one/portforward?over=spdy", headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1"})
    assert answer.status_code == 400
    assert "WebSocket only" in answer.json()["message"]
    assert http.get(f"{PODS}/one/portforward").json()["message"] == "Upgrade request required"


# --- kubectl


@contextlib.contextmanager
def forwarded(kubectl: Any, target: str, *ports: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run kubectl port-forward; yields it and the ports of this machine that it forwards."""
    pipe = subprocess.PIPE
    process = kubectl.start("port-forward", "--address", "127.0.0.1", target, *ports, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    watchdog = threading.Timer(LIMIT_SECONDS, process.kill)
    watchdog.start()
    try:
        lines = [process.stdout.readline() for _ in ports]
        if not all(lines):
            pytest.fail(process.communicate()[1])
        yield process, [int(line.split(" -> ")[0].rsplit(":", 1)[1]) for line in lines]
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def talk(port: int, data: bytes) -> bytes:
    """Send some bytes and the end, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS) as connection:
        sending = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sending.start()
        received = b""
        while part := connection.recv(65536):
            received += part
        sending.join()
    return received


def test_kubectl_forwards_several_ports_of_a_pod(node: Node, kubectl: Any) -> None:
    with forwarded(kubectl, "pod/one", ":80", ":83") as (_, (echo, flood)):
        assert talk(echo, b"hello") == b"hello"
        assert talk(echo, BLOCK * 40) == BLOCK * 40
        results: dict[int, bytes] = {}

        def one(number: int) -> None:
            results[number] = talk(echo, BLOCK[number : number + 100] * 200)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {number: BLOCK[number : number + 100] * 200 for number in range(20)}
        assert talk(flood, b"") == BLOCK * 100


def test_kubectl_forwards_to_the_pod_of_a_service(node: Node, kubectl: Any, http: httpx2.Client) -> None:
    spec = {"selector": {"app": "one"}, "ports": [{"port": 8080, "targetPort": "http"}]}
    http.post("/api/v1/namespaces/default/services", json={"metadata": {"name": "s"}, "spec": spec})
    with forwarded(kubectl, "svc/s", ":8080") as (_, (port,)):
        assert talk(port, b"by name") == b"by name"


def test_kubectl_says_that_nothing_listens(node: Node, kubectl: Any) -> None:
    with forwarded(kubectl, "pod/one", ":90") as (process, (port,)):
        assert talk(port, b"") == b""
        assert process.stderr is not None
        said = process.stderr.read()
    assert "connection refused" in said
    assert "lost connection to pod" in said


@pytest.mark.parametrize(
    ("target", "message"),
    [("pod/done", "pod is not running. Current status=Succeeded"), ("pod/missing", 'pods "missing" not found')],
)
def test_kubectl_says_why_a_pod_has_no_ports(node: Node, kubectl: Any, target: str, message: str) -> None:
    said = kubectl.shell(f"kubectl port-forward {target} :80")
    assert (said.returncode, message in said.stderr) == (1, True), said.stderr
