"""Services in a world whose pods run in containers: their names and addresses in pods, and who else reaches them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ipaddress
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.engine import opened, running_engine
from support.world import RunningWorld, running_world

LIMIT_SECONDS = 30
SERVER = "mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    # The machine has the agent's address once: another run of the tests may be using it.
    with (Path(tempfile.gettempdir()) / "podrole-engine-agent.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with running_engine() as host:
            yield host


@pytest.fixture(scope="module")
def world(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    """A world without other hosts, with a Deployment of two web servers behind ``web`` in ``shop``, and a StatefulSet
    with a headless Service, and a pod ``client`` in ``default`` and one in ``shop``."""
    asyncio.run(_make_image(host))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", host)
        options = ("--runtime", "container", "--no-internet")
        with running_world(tmp_path_factory.mktemp("world"), *options) as world:
            world.ok("kubectl", "create", "namespace", "shop")
            world.ok(
                "kubectl", "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS})
            )
            world.ok("kubectl", "-n", "shop", "rollout", "status", "deploy/web", "--timeout=60s")
            world.ok("kubectl", "-n", "shop", "rollout", "status", "statefulset/db", "--timeout=60s")
            for namespace in ("default", "shop"):
                world.ok("kubectl", "-n", namespace, "wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
            yield world


async def _make_image(host: str) -> None:
    await (await opened(host)).aclose()


def container(script: str) -> dict[str, Any]:
    return {"name": "c", "image": "busybox", "imagePullPolicy": "Never", "command": ["sh", "-c", script]}


def workload(kind: str, name: str, replicas: int, **spec: Any) -> dict[str, Any]:
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1}
    pod = {"containers": [container(SERVER) | {"readinessProbe": probe}], "terminationGracePeriodSeconds": 0}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            **spec,
        },
    }


def service(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    given = {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080, "targetPort": 80}], **spec}
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": given,
    }  # fmt: skip


def client(namespace: str) -> dict[str, Any]:
    spec = {"containers": [container("exec sleep 100000")], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": namespace}, "spec": spec}


OBJECTS = [
    service("web"),
    service("db", clusterIP="None"),
    service("nobody"),
    service("alias", selector=None, ports=None, type="ExternalName", externalName="web.shop.svc.cluster.local"),
    workload("Deployment", "web", 2),
    workload("StatefulSet", "db", 1, serviceName="db"),
    client("default"),
    client("shop"),
]


def inside(world: RunningWorld, command: str, namespace: str = "shop") -> subprocess.CompletedProcess[str]:
    return world.run("kubectl", "-n", namespace, "exec", "client", "--", "sh", "-c", command)


def until(check: Any) -> Any:
    """Return what ``check`` returns, once that is true."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := check()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def addresses(said: str) -> set[str]:
    """Return the addresses that nslookup has found, without its server's."""
    words = said.partition("Name:")[2].split()
    return {word for word in words if word.count(".") == 3 and word.replace(".", "").isdecimal()}


def get(world: RunningWorld, *words: str, path: str) -> str:
    return world.ok("kubectl", "-n", "shop", "get", *words, "-o", f"jsonpath={path}")


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("shop", "web"),
        ("shop", "web.shop"),
        ("default", "web.shop"),
        ("default", "web.shop.svc"),
        ("default", "web.shop.svc.cluster.local"),
        ("default", "alias.shop"),
    ],
)
def test_a_service_is_reached_by_each_of_its_names(world: RunningWorld, namespace: str, name: str) -> None:
    # With the proxy's variables, which some clients heed for every name, and without them.
    for command in (f"wget -qO- http://{name}:8080/", f"env -u http_proxy wget -qO- http://{name}:8080/"):
        said = inside(world, command, namespace)
        assert said.stdout.startswith("web-"), said.stderr


def test_connections_are_spread_over_ready_pods_and_a_pod_that_goes_is_left_out(world: RunningWorld) -> None:
    def reached() -> set[str]:
        said = inside(world, "for i in 1 2 3 4 5 6; do wget -qO- http://web:8080/ || echo failed; done")
        return set(said.stdout.split())

    both = until(lambda: len(found := reached()) == 2 and found)
    gone = sorted(both)[0]
    world.ok("kubectl", "-n", "shop", "delete", "pod", gone)
    assert gone not in reached()
    world.ok("kubectl", "-n", "shop", "rollout", "status", "deploy/web", "--timeout=60s")
    assert until(lambda: len(found := reached()) == 2 and found) != both


def test_a_service_has_an_address_and_its_pods_have_its_variables(world: RunningWorld) -> None:
    address = get(world, "service/web", path="{.spec.clusterIP}")
    assert get(world, "service/web", path="{.spec.clusterIPs[0]} {.spec.ipFamilies[0]} {.spec.ipFamilyPolicy}") == (
        f"{address} IPv4 SingleStack"
    )
    world.ok("kubectl", "apply", "-f", "-", stdin=json.dumps(service("web")))  # again, without its address
    assert get(world, "service/web", path="{.spec.clusterIP}") == address
    pod = get(world, "pods", "-l", "app=web", path="{.items[0].metadata.name}")
    env = world.ok("kubectl", "-n", "shop", "exec", pod, "--", "env").splitlines()
    assert {f"WEB_SERVICE_HOST={address}", "WEB_SERVICE_PORT=8080", f"WEB_PORT_8080_TCP=tcp://{address}:8080"} <= {*env}
    said = inside(world, f"env -u http_proxy wget -qO- http://{address}:8080/")
    assert said.stdout.startswith("web-")


def test_a_headless_service_leads_to_pods_by_name(world: RunningWorld) -> None:
    address = get(world, "pod/db-0", path="{.status.podIP}")
    for name in ("db", "db-0.db", "db-0.db.shop.svc.cluster.local"):
        said = inside(world, f"env -u http_proxy wget -qO- http://{name}/")
        assert said.stdout == "db-0\n", (name, said.stderr)
    assert addresses(inside(world, "nslookup db.shop.svc.cluster.local").stdout) == {address}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.shop.svc.cluster.local", "can't find nothing.shop.svc.cluster.local: NXDOMAIN"),
        ("example.com", "can't find example.com: REFUSED"),
    ],
)
def test_other_names_do_not_resolve(world: RunningWorld, name: str, said: str) -> None:
    assert said in inside(world, f"nslookup {name}").stdout


def test_a_service_without_ready_pods_refuses_connections(world: RunningWorld) -> None:
    said = inside(world, "env -u http_proxy wget -qO- http://nobody:8080/")
    assert "Connection refused" in said.stderr


def test_the_api_server_answers_to_its_name_with_a_certificate_for_it(world: RunningWorld) -> None:
    said = inside(world, "echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT; cat /etc/resolv.conf", "default")
    place, *resolv = said.stdout.splitlines()
    server = f"nameserver {_network(place)[10]}"
    assert resolv[0].startswith("search default.svc.cluster.local svc.cluster.local cluster.local")
    assert resolv[1:] == [server, "options ndots:5"]
    assert place.endswith(":443")
    found = addresses(inside(world, "nslookup kubernetes.default.svc.cluster.local").stdout)
    assert found == {place.removesuffix(":443")}
    # busybox' client does not check certificates; this machine's does, and reaches the address too.
    for name in (place.removesuffix(":443"), "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"):
        ca = world.environment["AWS_CA_BUNDLE"]
        options = ("-sS", "--noproxy", "*", "--cacert", ca, "--connect-to", f"{name}:443:{place}")
        assert world.ok("curl", *options, f"https://{name}/version").startswith("{")


def _network(place: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(f"{place.partition(':')[0]}/25", strict=False)


def test_the_listeners_are_on_the_pods_bridge_alone(world: RunningWorld) -> None:
    """They are in a network namespace whose only interface is on the bridge: nothing of this machine listens at an
    address of Services, no route of it leads to one but by the bridge, and its own ports are untouched."""
    web = ipaddress.IPv4Address(get(world, "service/web", path="{.spec.clusterIP}"))
    network = ipaddress.IPv4Network(f"{web}/24", strict=False)
    assert {address for address, _ in _listeners(world.pid)} <= {"127.0.0.1", "169.254.170.23", str(network[1])}
    shown = subprocess.run(["ip", "-o", "route", "get", str(web)], capture_output=True, text=True, check=True).stdout
    assert " dev pr-" in shown
    local = subprocess.run(["ip", "route", "show", "table", "local"], capture_output=True, text=True, check=True).stdout
    assert str(network[128]) not in local
    # What listens on all addresses of this machine, at the ports of Services, is in nobody's way.
    with socket.create_server(("0.0.0.0", 0)) as own:
        port = own.getsockname()[1]
        world.ok("kubectl", "apply", "-f", "-", stdin=json.dumps(service("same", selector={"app": "web"}, ports=[
            {"name": "http", "port": port, "targetPort": 80}])))  # fmt: skip
        assert until(lambda: inside(world, f"env -u http_proxy wget -qO- http://same:{port}/").stdout).startswith(
            "web-"
        )


def _listeners(pid: int) -> set[tuple[str, int]]:
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # one of a client's, closed just now
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            address, port = fields[1].split(":")
            found.add((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found


def test_endpoints_that_somebody_wrote_lead_to_pods_only(world: RunningWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        endpoints = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "own", "namespace": "shop", "labels": {"kubernetes.io/service-name": "own"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["127.0.0.1"]}],
        }
        wanted = [service("own", selector=None), endpoints]
        world.ok("kubectl", "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))
        for command in ("env -u http_proxy wget -qO- http://own:8080/", f"wget -qO- http://own:{port}/"):
            assert inside(world, command).returncode == 1
        own.settimeout(0)
        with pytest.raises(BlockingIOError):
            own.accept()


def test_kubectl_forwards_to_a_service_while_its_pods_come_and_go(world: RunningWorld) -> None:
    kubectl = subprocess.Popen(
        ["kubectl", "-n", "shop", "port-forward", "--address", "127.0.0.1", "svc/web", ":8080"],
        env=world.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert kubectl.stdout is not None
        port = int(kubectl.stdout.readline().split(" -> ")[0].rsplit(":", 1)[1])
        curl = ("curl", "-sS", "--noproxy", "*", f"http://127.0.0.1:{port}/")
        pod = world.ok(*curl).strip()
        assert pod.startswith("web-")
        world.ok("kubectl", "-n", "shop", "delete", "pod", pod)
        # It is gone from the API at once, and ends a moment later.
        until(lambda: world.run(*curl).returncode)
        assert "lost connection to pod" in kubectl.communicate(timeout=LIMIT_SECONDS)[1]
    finally:
        kubectl.kill()
        kubectl.communicate()
