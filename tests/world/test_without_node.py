"""A world without a node: when there is none, what it says, and what becomes of pods."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from podrole.cluster.core.users import ADMINISTRATOR
from podrole.world.errors import BadSetting
from podrole.world.settings import WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.without_node import reason_without_node
from podrole.world.world import World
from support.world import FREE_PORTS, KUBECTL, clean_environment, podrole_here, run, running_world

SITECUSTOMIZE = """
import sys, types, zoneinfo  # zoneinfo reads the paths that this Python was built with
sys.platform = "darwin"
proxies = sys.modules["_scproxy"] = types.ModuleType("_scproxy")  # what urllib asks on macOS
proxies._get_proxy_settings = proxies._get_proxies = dict
"""
BY_FLAG = "this world runs no pods (podrole up --no-node)"


@pytest.mark.parametrize(
    ("settings", "platform", "reason"),
    [
        (WorldSettings(), "linux", ""),
        (WorldSettings(runtime="container"), "linux", ""),
        (WorldSettings(no_node=True), "linux", BY_FLAG),
        (WorldSettings(no_node=True), "darwin", BY_FLAG),
        (WorldSettings(), "darwin", "pods run on Linux only, and this is macOS"),
        (WorldSettings(), "win32", "pods run on Linux only, and this is Windows"),
        (WorldSettings(runtime="auto"), "darwin", "pods run on Linux only, and this is macOS"),
        (WorldSettings(), "freebsd14", "pods run on Linux only, and this is freebsd14"),
    ],
)
def test_world_has_a_node_on_linux_unless_it_is_to_have_none(
    settings: WorldSettings, platform: str, reason: str
) -> None:
    assert reason_without_node(settings, platform) == reason


def test_containers_without_linux_are_refused() -> None:
    with pytest.raises(BadSetting, match="--runtime container needs Linux"):
        reason_without_node(WorldSettings(runtime="container"), "darwin")


@pytest.mark.parametrize("runtime", ["container", "auto"])
def test_no_node_and_a_runtime_are_refused(tmp_path: Path, runtime: str) -> None:
    done = podrole_here("up", "--no-node", "--runtime", runtime, cwd=tmp_path)
    assert done.returncode == 1
    assert "--no-node and --runtime contradict each other" in done.stderr
    assert f"got:      --no-node --runtime {runtime}" in done.stderr


def test_no_node_and_an_image_of_own_code_are_refused() -> None:
    with pytest.raises(BadSetting, match="--no-node and --image contradict each other") as refused:
        WorldSettings(no_node=True, image=("shop/api=./api",))
    assert refused.value.got == "--no-node --image shop/api=./api"


def test_pods_of_a_world_without_a_node_stay_pending_and_say_why(tmp_path: Path) -> None:
    with running_world(tmp_path, "--no-node") as world:
        assert "No node, so pods stay Pending: " + BY_FLAG in world.podrole("status").stdout
        kubectl = str(KUBECTL)
        world.ok(kubectl, "run", "web", "--image", "busybox")
        wanted = '{.status.conditions[?(@.type=="PodScheduled")].reason}=Unschedulable'
        world.ok(kubectl, "wait", "pod/web", f"--for=jsonpath={wanted}", "--timeout=30s")
        pod = json.loads(world.ok(kubectl, "get", "pod", "web", "-o", "json"))
        assert pod["status"]["phase"] == "Pending"
        assert [each["message"] for each in pod["status"]["conditions"]] == [
            f"no nodes available to schedule pods: {BY_FLAG}"
        ]
        assert world.ok(kubectl, "get", "nodes", "-o", "name") == ""
        refused = world.run(kubectl, "exec", "web", "--", "true")
        assert refused.returncode != 0
        assert world.ok(kubectl, "create", "token", "default").count(".") == 2


def test_world_without_linux_has_no_node_and_is_stopped_by_its_pid(tmp_path: Path) -> None:
    """The whole ``up``, ``status`` and ``down``, in processes that take this system for macOS."""
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)  # Python imports it at each start
    environment = clean_environment(PYTHONPATH=str(tmp_path))
    words = (sys.executable, "-m", "podrole")
    up = run(*words, "up", "--detach", "--ephemeral", *FREE_PORTS, cwd=tmp_path, env=environment)
    assert up.returncode == 0, up.stderr
    try:
        assert "No node, so pods stay Pending: pods run on Linux only, and this is macOS" in up.stdout
        status = run(*words, "status", "--json", cwd=tmp_path, env=environment)
        assert json.loads(status.stdout)["process_started"] == 0
    finally:
        down = run(*words, "down", cwd=tmp_path, env=environment)
    assert "has stopped" in down.stdout
    assert run(*words, "status", cwd=tmp_path, env=environment).returncode == 1
    assert not (tmp_path / ".podrole" / "world.json").exists()


async def test_reset_of_a_world_without_a_node(tmp_path: Path) -> None:
    settings = WorldSettings(aws_port=0, cluster_port=0, ephemeral=True, no_node=True)
    async with World(WorldDirectory(tmp_path), settings) as world:
        await world.opened()
        await world.keep_beginning()
        client = world.cluster.client(ADMINISTRATOR)
        await client.create("namespaces", None, {"metadata": {"name": "shop"}})
        await world.reset()
        names = [each["metadata"]["name"] for each in await client.list("namespaces")]
    assert "shop" not in names
    assert "default" in names
