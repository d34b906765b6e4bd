"""A world whose pods run in containers: what they reach, by which identity, and what nobody else reaches.

The image has no Python; pods get this machine's by hostPath, as allowed folders, and so the aws CLI that the tests use.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.engine import BUSYBOX, opened, running_engine_with_agent
from support.world import FREE_PORTS, RunningWorld, running_world
from support.world import podrole as run_podrole

PREFIX, BASE = Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()
FOLDERS = [folder for folder in ("/usr", "/lib", "/lib64", str(BASE), str(PREFIX)) if Path(folder).is_dir()]
ACCOUNT = "111122223333"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with running_engine_with_agent() as host:
        yield host


@pytest.fixture
async def engine(host: str) -> Any:
    client = await opened(host)
    yield client
    await client.aclose()


@pytest.fixture
def world(engine: Any, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningWorld]:
    """A world with pods in containers, and a role for pods of IRSA and one of EKS Pod Identity."""
    monkeypatch.setenv("DOCKER_HOST", host)
    allowed = [word for folder in FOLDERS for word in ("--allow-host-path", folder)]
    with running_world(tmp_path, "--runtime", "container", *allowed) as world:
        yield world


def pod(name: str, *command: str) -> dict[str, Any]:
    volumes = [{"name": f"v{index}", "hostPath": {"path": folder}} for index, folder in enumerate(FOLDERS)]
    container = {
        "name": "c",
        "image": "busybox",
        "imagePullPolicy": "Never",
        "command": list(command),
        "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
        "volumeMounts": [
            {"name": f"v{index}", "mountPath": folder, "readOnly": True} for index, folder in enumerate(FOLDERS)
        ],
    }
    spec = {"serviceAccountName": name, "restartPolicy": "Never", "containers": [container], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def make_roles(world: RunningWorld) -> None:
    issuer = str(world.description["issuer"]).removeprefix("https://")
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    subject = {"StringEquals": {f"{issuer}:sub": "system:serviceaccount:default:irsa"}}
    statements = {
        "irsa": {
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": subject,
        },
        "agent": {"Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
    }
    iam = world.client("iam")
    iam.create_open_id_connect_provider(Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"])
    for name, statement in statements.items():
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))
        world.ok("kubectl", "create", "serviceaccount", name)
    role = f"arn:aws:iam::{ACCOUNT}:role/"
    world.ok("kubectl", "annotate", "serviceaccount", "irsa", f"eks.amazonaws.com/role-arn={role}irsa")
    world.client("eks").create_pod_identity_association(
        clusterName="podrole", namespace="default", serviceAccount="agent", roleArn=f"{role}agent"
    )


async def test_pods_get_their_identities_and_nothing_is_left_at_the_end(
    world: RunningWorld, engine: Any, tmp_path: Path
) -> None:
    make_roles(world)
    aws = (str(PREFIX / "bin/python"), str(PREFIX / "bin/aws"), "sts", "get-caller-identity", "--query", "Arn")
    for name in ("irsa", "agent"):
        world.ok("kubectl", "apply", "-f", "-", stdin=json.dumps(pod(name, *aws)))
    done = "--for=jsonpath={.status.phase}=Succeeded"
    said = world.run("kubectl", "wait", done, "pod/irsa", "pod/agent", "--timeout=60s")
    logs = {name: world.ok("kubectl", "logs", name) for name in ("irsa", "agent")}
    assert said.returncode == 0, logs
    for name, log in logs.items():
        assert f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/" in log

    (network,) = [
        each
        for each in await engine.call("GET", "/networks")
        if each["Name"].startswith("podrole-") and not each["Name"].endswith("-credentials")
    ]
    gateway = network["IPAM"]["Config"][0]["Gateway"]
    _check_listeners(world.pid, {"127.0.0.1", gateway, "169.254.170.23"})

    os.kill(world.pid, 9)
    assert await engine.call("GET", "/networks", filters={"label": ["dev.podrole.world"]})
    with running_world(tmp_path):  # as processes: nobody asks the engine
        pass
    allowed = ("--runtime", "auto")
    with running_world(tmp_path, *allowed) as again:
        assert "in containers" in str(again.description["runtime"])
    assert not await engine.call("GET", "/networks", filters={"label": ["dev.podrole.world"]})
    assert not await engine.call("GET", "/containers/json", all="true")


async def saved(host: str, image: str) -> bytes:
    """Return an archive of an image, as ``docker save`` writes it."""
    engine = await opened(host)
    content: bytes = await engine.call("GET", f"/images/{image}/get")
    await engine.aclose()
    return content


def test_images_come_from_folders_and_archives_of_this_machine(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(saved(host, BUSYBOX))  # it is there
    monkeypatch.setenv("DOCKER_HOST", host)
    folder, plain = tmp_path / "my api", tmp_path / "plain"
    folder.mkdir()
    plain.mkdir()
    (folder / "Dockerfile").write_text('FROM docker.io/library/busybox\nCMD ["echo", "built"]\n')
    refused = run_podrole("up", *FREE_PORTS, "--runtime", "container", "--image", f"shop/api={plain}", cwd=tmp_path)
    assert refused.returncode == 1
    assert "no Containerfile or Dockerfile" in refused.stderr
    with running_world(tmp_path, "--runtime", "container", "--image", "shop/api=my api") as world:
        started = (tmp_path / ".podrole/world.log").read_text()
        assert 'build shop/api: STEP 2/3: CMD ["echo", "built"]' in started
        world.ok("kubectl", "run", "one", "--image=shop/api:1.4", "--restart=Never")
        world.ok("kubectl", "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/one", "--timeout=60s")
        assert world.ok("kubectl", "logs", "one") == "built\n"

        (folder / "Dockerfile").write_text('FROM docker.io/library/busybox\nCMD ["echo", "again"]\n')
        unnamed = world.podrole("images", "load", str(folder))
        assert f"podrole images load '{folder}' --name shop/api" in unnamed.stderr
        wrong = world.podrole("images", "load", str(folder), "--name", "No Name")
        assert "cannot be the name of an image" in wrong.stderr
        loaded = world.podrole("images", "load", str(folder), "--name", "shop/api").stdout
        assert "Built shop/api. Pods that are created from now on use it." in loaded
        world.ok("kubectl", "run", "two", "--image=shop/api", "--restart=Never")
        world.ok("kubectl", "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/two", "--timeout=60s")
        assert world.ok("kubectl", "logs", "two") == "again\n"

        archive = tmp_path / "a.tar"
        archive.write_bytes(asyncio.run(saved(host, "docker.io/shop/api:latest")))
        named = world.podrole("images", "load", str(archive), "--name", "team/tool").stdout
        assert "kubectl run NAME --image=team/tool --image-pull-policy=IfNotPresent" in named
        missing = world.podrole("images", "load", "none.tar")
        assert (missing.returncode, missing.stderr) == (1, "none.tar cannot be read: No such file or directory.\n")
        listed = {line.split()[0] for line in world.podrole("images", "list").stdout.splitlines()}
        assert {"NAME", "shop/api:latest", "team/tool:latest"} <= listed
        assert "podrole/pause:1" not in listed


def test_images_need_a_world_with_an_engine(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        for words in (("load", "x.tar"), ("list",)):
            refused = world.podrole("images", *words)
            assert refused.returncode == 1
            assert refused.stderr.startswith("This world runs pods as processes, which have no images.\n  next: ")


def test_auto_without_an_engine_runs_processes_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with running_world(tmp_path, "--runtime", "auto") as world:
        assert str(world.description["runtime"]).startswith("podrole runs pods as local processes")
    refused = run_podrole("up", *FREE_PORTS, "--runtime", "container", cwd=tmp_path)
    assert refused.returncode == 1
    assert "does not answer" in refused.stderr
    assert "--runtime process" in refused.stderr


def _check_listeners(pid: int, addresses: set[str]) -> None:
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # one of a client's, closed just now
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            found.add(socket.inet_ntoa(bytes.fromhex(fields[1].split(":")[0])[::-1]))
    assert found <= addresses
