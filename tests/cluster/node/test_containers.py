"""What only containers have: a network and users of their own, images, mounts; and that nothing of them is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.node_api import StreamOptions
from podrole.cluster.node.runtimes.container.configuration import WORLD_LABEL
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.networks import make_networks, remove_everything
from support.engine import opened
from support.registry import running_registry

TOKEN = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


@pytest.fixture
def runtime_name() -> str:
    return "container"


@pytest.fixture
async def engine(engine_host: str) -> AsyncIterator[Engine]:
    client = await opened(engine_host)
    yield client
    await client.aclose()


async def test_each_pod_has_an_address_where_it_is_probed_and_its_name(
    node: Any, run_pod: Any, cluster: Any, log_of: Any
) -> None:
    server = "hostname; echo ok > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
    probe = {"readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 10}}
    for name in ("one", "two"):
        await run_pod(server, name=name, container=probe)
    pods = [
        await cluster.until(
            "pods", "default", name, lambda pod: pod["status"].get("containerStatuses", [{}])[0].get("ready")
        )
        for name in ("one", "two")
    ]
    assert len({pod["status"]["podIP"] for pod in pods} - {"127.0.0.1"}) == 2
    assert pods[0]["status"]["containerStatuses"][0]["containerID"].startswith(("podman://", "docker://"))
    assert [await log_of(name) for name in ("one", "two")] == ["one\n", "two\n"]


async def test_token_belongs_to_the_user_of_the_container_alone(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    mount = {"volumeMounts": [{"name": "t", "mountPath": "/t", "readOnly": True}]}
    script = "id -u; stat -Lc '%a %u' /t/token; grep -q . /t/token && echo read; touch /t/x 2>/dev/null || echo refused"
    await run_pod(
        script,
        container=mount,
        volumes=[TOKEN],
        securityContext={"runAsUser": 1000},
        automountServiceAccountToken=False,
    )
    await finished()
    assert (await log_of()).splitlines() == ["1000", "600 1000", "read", "refused"]


async def test_pods_share_an_empty_directory_among_their_containers_whatever_their_users(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    share = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    init = {"name": "i", "image": "busybox", "command": ["sh", "-c", "id -u > /v/x"], **share}
    init["securityContext"] = {"runAsUser": 1000, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    await run_pod("cat /v/x; id -u", container=share, volumes=[{"name": "v"}], initContainers=[init])
    await finished()
    assert await log_of() == "1000\n0\n"


async def test_image_that_cannot_be_pulled_has_the_engines_reason_and_backs_off(
    node: Any, run_pod: Any, cluster: Any, time: Any
) -> None:
    await run_pod(container={"image": "registry.invalid/nothing:1", "imagePullPolicy": "IfNotPresent"})

    def waiting(pod: Any, reason: str) -> bool:
        state = pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"].get("waiting", {})
        return state.get("reason") == reason and "registry.invalid" in state["message"]

    await cluster.until("pods", "default", "p", lambda pod: waiting(pod, "ErrImagePull"))
    time.turn(3)
    await cluster.until("pods", "default", "p", lambda pod: waiting(pod, "ImagePullBackOff"))


@pytest.mark.parametrize(
    ("container", "reason", "message"),
    [
        ({"image": "absent:1", "imagePullPolicy": "Never"}, "ErrImageNeverPull", "is not present with pull policy"),
        ({"securityContext": {"privileged": True}}, "CreateContainerConfigError", "privileged containers are not run"),
        (
            {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
            "CreateContainerConfigError",
            "the capability SYS_ADMIN is not given",
        ),
        ({"securityContext": {"runAsNonRoot": True}}, "CreateContainerConfigError", "image will run as root"),
    ],
    ids=["image", "privileged", "capability", "root"],
)
async def test_container_that_may_not_run_says_why(
    node: Any, run_pod: Any, cluster: Any, container: dict[str, Any], reason: str, message: str
) -> None:
    await run_pod("true", container=container)

    def refused(pod: Any) -> bool:
        state = pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"].get("waiting", {})
        return state.get("reason") == reason and message in state["message"]

    await cluster.until("pods", "default", "p", refused)


async def test_host_path_is_mounted_only_from_an_allowed_folder(
    make_node: Any, run_pod: Any, finished: Any, cluster: Any, tmp_path: Path
) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "out").symlink_to(tmp_path)
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    async with make_node(host_paths=(str(allowed),)):
        source = {"path": f"{allowed}/new", "type": "DirectoryOrCreate"}
        await run_pod("echo here > /v/x", container=mount, volumes=[{"name": "v", "hostPath": source}])
        await finished()
        outside = {"path": f"{allowed}/out"}
        await run_pod("true", name="q", container=mount, volumes=[{"name": "v", "hostPath": outside}])
        await cluster.until_event(
            "q",
            "FailedMount",
            f'MountVolume.SetUp failed for volume "v" : hostPath {allowed}/out is not in a folder that podrole up '
            "--allow-host-path names",
        )
    assert (allowed / "new/x").read_text() == "here\n"


async def test_missing_program_of_a_command_ends_with_127(node: Any, run_pod: Any, running: Any) -> None:
    await run_pod("exec sleep 1000")
    session = await node.exec(await running(), "c", ["no-such-program"], StreamOptions())
    said = b"".join([part.data async for part in session.output()])
    assert await session.wait() == 127
    assert b'"no-such-program": executable file not found' in said


async def test_the_next_start_removes_what_a_killed_one_left_and_nothing_of_others(engine: Engine) -> None:
    networks = {world: await make_networks(engine, world, agent=False) for world in ("1-world", "2-world")}
    image = {"Image": "busybox", "Cmd": ["sleep", "1000"]}
    ids = {}
    for world in ("1-world", "2-world"):
        host = {"HostConfig": {"NetworkMode": networks[world].pods.name}, "Labels": {WORLD_LABEL: world}}
        made = await engine.call("POST", "/containers/create", {**image, **host})
        ids[world] = made["Id"]
        await engine.call("POST", f"/containers/{made['Id']}/start")
    left = await engine.call("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"NetworkMode": "none"}})

    await make_networks(engine, "1-world", agent=False)
    present = {each["Id"] for each in await engine.call("GET", "/containers/json", all="true")}
    assert present == {ids["2-world"], left["Id"]}
    for world in ("1-world", "2-world"):
        await remove_everything(engine, world)
    names = {each["Name"] for each in await engine.call("GET", "/networks")}
    assert not {name for name in names if name.startswith("podrole-")}
    await engine.call("DELETE", f"/containers/{left['Id']}", force="true")


async def test_private_image_is_pulled_as_the_user_of_a_secret(
    node: Any, run_pod: Any, cluster: Any, time: Any, log_of: Any, finished: Any
) -> None:
    def waiting(pod: Any, reason: str) -> bool:
        state = pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"].get("waiting", {})
        return bool(state.get("reason") == reason)

    with running_registry() as registry:
        container = {"image": f"{registry.address}/shop/api:1", "imagePullPolicy": "Always"}
        await run_pod(container=container, imagePullSecrets=[{"name": "login"}])
        refused = await cluster.until("pods", "default", "p", lambda pod: waiting(pod, "ErrImagePull"))
        (status,) = refused["status"]["containerStatuses"]
        assert "unauthorized" in status["state"]["waiting"]["message"]
        assert not any(entered for _, entered in registry.asked)
        missing = "Unable to retrieve some image pull secrets (login); attempting to pull the image may not succeed."
        await cluster.until_event("p", "FailedToRetrieveImagePullSecret", missing)

        await cluster.create("secrets", "default", registry.secret("login", password="wrong-one"))
        time.turn(3)
        backing_off = await cluster.until("pods", "default", "p", lambda pod: waiting(pod, "ImagePullBackOff"))
        assert registry.address in backing_off["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        time.turn(10)
        refused = await cluster.until("pods", "default", "p", lambda pod: waiting(pod, "ErrImagePull"))
        assert "wrong-one" not in str(refused)

        await cluster.delete("secrets", "default", "login")
        await cluster.create("secrets", "default", registry.secret("login"))
        time.turn(30)
        await finished()
        assert await log_of() == "pulled\n"
        asked = len(registry.asked)
        await run_pod(name="q", container={**container, "imagePullPolicy": "IfNotPresent"})
        await finished("q")
        assert len(registry.asked) == asked
