"""The standalone webhook, installed into a world as into any cluster: with Helm and with kubectl.

It looks at annotations of another prefix than the world's own webhook, so that what a pod has tells from whom it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cli.tools import tools_directory
from support.webhook import ARN
from support.world import PODROLE, RunningWorld, running_world

HELM = str(tools_directory() / "helm")
CHART = str(Path(__file__).parents[2] / "charts" / "podrole")
FLAGS = ("--annotation-prefix=second.example", "--shutdown-delay=0s")
# A world has one loopback for all pods: one replica, whose ports the next one takes over.
VALUES = (
    "name=second,replicas=1,strategy.type=Recreate,strategy.rollingUpdate=null",
    f"arguments={{{','.join(FLAGS)}}}",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        running.ok("kubectl", "create", "serviceaccount", "app")
        running.ok("kubectl", "annotate", "serviceaccount", "app", f"second.example/role-arn={ARN}")
        yield running


def helm(world: RunningWorld, *words: str) -> None:
    world.ok(HELM, *words, "--namespace", "hooks", "--wait", "--timeout", "60s")


def values(*more: str) -> list[str]:
    return [word for value in (*VALUES, *more) for word in ("--set", value)]


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.1)


def pod(name: str) -> str:
    spec = {"serviceAccountName": "app", "containers": [{"name": "app", "image": "busybox", "command": ["sleep", "9"]}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def given(world: RunningWorld, name: str) -> set[str]:
    """Make a pod; return the names of its variables."""
    made: dict[str, Any] = json.loads(world.ok("kubectl", "create", "-f", "-", "-o", "json", stdin=pod(name)))
    return {entry["name"] for entry in made["spec"]["containers"][0].get("env", ())}


IDENTITY = {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}


def left(world: RunningWorld) -> str:
    kinds = "deployments,replicasets,pods,services,poddisruptionbudgets,secrets,roles,rolebindings"
    wide = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations"
    everywhere = world.ok("kubectl", "get", kinds, "--namespace", "hooks", "-o", "name", "--ignore-not-found")
    named = [name for name in world.ok("kubectl", "get", wide, "-o", "name").splitlines() if "second" in name]
    return everywhere + "\n".join(named)


@pytest.mark.soak
def test_helm_installs_upgrades_rolls_back_and_uninstalls_it(world: RunningWorld) -> None:
    assert given(world, "before") == set()
    helm(world, "install", "second", CHART, "--create-namespace", *values())
    assert given(world, "installed") == IDENTITY

    helm(
        world,
        "upgrade",
        "second",
        CHART,
        *values("watchConfigMap=true", f"arguments[{len(FLAGS)}]=--role-session-name"),
    )
    assert given(world, "upgraded") == IDENTITY | {"AWS_ROLE_SESSION_NAME"}

    helm(world, "rollback", "second", "1")
    assert given(world, "rolled-back") == IDENTITY

    helm(world, "uninstall", "second")
    assert given(world, "after") == set()
    until(lambda: left(world) == "")


def test_kubectl_installs_it_and_a_scan_finds_older_pods(world: RunningWorld) -> None:
    world.ok("kubectl", "create", "namespace", "hooks-2")
    world.ok("kubectl", "create", "-f", "-", stdin=pod("early"))
    manifests = world.ok(
        *(PODROLE, "webhook", "manifests", "--name=third", "--namespace=hooks-2", "--replicas=1", *FLAGS)
    )
    world.ok("kubectl", "apply", "-f", "-", stdin=manifests)
    world.ok("kubectl", "--namespace", "hooks-2", "rollout", "status", "deployment/third", "--timeout=60s")
    assert given(world, "late") == IDENTITY

    until(lambda: "Running" in world.ok("kubectl", "get", "pod", "early"))
    scan = world.run(PODROLE, "webhook", "scan", "--json", FLAGS[0])
    assert scan.returncode == 1, scan.stderr
    found = {finding["pod"]: finding["reason"] for finding in json.loads(scan.stdout)["findings"]}
    assert found["early"] == "without-identity"
    assert "late" not in found

    world.ok("kubectl", "delete", "-f", "-", stdin=manifests)
    assert given(world, "gone") == set()
