"""What is asked of a container engine, without one."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.content.host_paths import prepare_host_path
from podrole.cluster.node.content.volumes import TokenAccess, token_access
from podrole.cluster.node.errors import ConfigProblem, MountProblem, SandboxProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtime import ContainerConfig, Mount
from podrole.cluster.node.runtimes.container import pause
from podrole.cluster.node.runtimes.container.configuration import (
    PodDefaults,
    check_not_root,
    container_body,
    sandbox_body,
    user_of,
)
from podrole.cluster.node.runtimes.container.engine import open_engine
from podrole.cluster.node.runtimes.container.errors import EngineUnusable
from podrole.cluster.node.runtimes.container.sockets import find_sockets

POD: dict[str, Any] = {"metadata": {"name": "p", "namespace": "shop", "uid": "u"}, "spec": {}}
HERE = PodDefaults("w", {"A": "of the node", "B": "b"}, (Mount("/run/ca", "/ca", True),), {"kubernetes": "10.0.0.1"})


def body(*, pod: Any = POD, spec: Any = None, **changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "c",
        "identity": "i",
        "image": parse_image("busybox"),
        "command": [],
        "args": [],
        "environment": {},
        "mounts": [],
        "working_directory": "",
        "stdin": False,
        "terminal": False,
        "directory": Path("/x"),
        "spec": spec or {},
    }
    return container_body(ContainerConfig(**{**given, **changed}), pod, "sha256:1", "s", HERE, own_hostname=False)


def test_image_keeps_its_own_command_user_and_directory_where_the_pod_says_nothing() -> None:
    made = body()
    assert made["User"] == ""
    assert not {"Entrypoint", "Cmd", "WorkingDir", "Hostname"} & made.keys()


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [(["a"], [], {"Entrypoint": ["a"], "Cmd": []}), ([], ["b"], {"Cmd": ["b"]}), (["a"], ["b"], None)],
)
def test_command_replaces_the_entry_point_and_args_the_command(
    command: list[str], args: list[str], expected: dict[str, Any] | None
) -> None:
    made = body(command=command, args=args)
    found = {name: made[name] for name in ("Entrypoint", "Cmd") if name in made}
    assert found == (expected or {"Entrypoint": ["a"], "Cmd": ["b"]})


def test_variables_of_the_container_win() -> None:
    assert body(environment={"A": "own"})["Env"] == ["HOSTNAME=p", "A=own", "B=b"]


def test_mount_of_the_container_replaces_that_of_the_world() -> None:
    (mount,) = body(mounts=[Mount("/run/ca", "/own")])["HostConfig"]["Mounts"]
    assert mount == {"Type": "bind", "Source": "/own", "Target": "/run/ca", "ReadOnly": False}


def test_container_joins_the_sandbox_and_has_the_worlds_label() -> None:
    made = body()
    assert made["HostConfig"]["NetworkMode"] == made["HostConfig"]["IpcMode"] == "container:s"
    assert made["Labels"]["dev.podrole.world"] == "w"


def test_security_context_of_the_container_wins_over_that_of_the_pod() -> None:
    pod = {**POD, "spec": {"securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3}}}
    made = body(pod=pod, spec={"securityContext": {"runAsUser": 4, "allowPrivilegeEscalation": False}})
    assert made["User"] == "4:2"
    assert made["HostConfig"]["GroupAdd"] == ["3"]
    assert "no-new-privileges" in made["HostConfig"]["SecurityOpt"]


def test_limits_are_enforced() -> None:
    made = body(spec={"resources": {"limits": {"memory": "64Mi", "cpu": "250m"}}})["HostConfig"]
    assert (made["Memory"], made["NanoCpus"]) == (64 * 1024 * 1024, 250_000_000)


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_namespaces_of_the_machine_are_refused(field: str) -> None:
    with pytest.raises(SandboxProblem, match=field):
        sandbox_body({**POD, "spec": {field: True}}, "i", "n", HERE)


@pytest.mark.parametrize(
    ("security", "image_user", "expected"),
    [
        ([{}, {}], "", 0),
        ([{}, {}], "root", 0),
        ([{}, {}], "65532:65532", 65532),
        ([{}, {}], "app", None),
        ([{}, {"runAsUser": 5}], "app", 5),
        ([{"runAsUser": 0}, {"runAsUser": 5}], "app", 0),
    ],
)
def test_user_of_a_container(security: list[dict[str, Any]], image_user: str, expected: int | None) -> None:
    assert user_of(security, image_user) == expected


@pytest.mark.parametrize(
    ("security", "user", "refused"),
    [
        ([{"runAsNonRoot": True}, {}], 0, "will run as root"),
        ([{}, {"runAsNonRoot": True}], None, "non-numeric user"),
        ([{}, {"runAsNonRoot": True}], 7, ""),
        ([{"runAsNonRoot": False}, {"runAsNonRoot": True}], 0, ""),
        ([{}, {}], 0, ""),
    ],
)
def test_container_that_must_not_run_as_root(security: list[dict[str, Any]], user: int | None, refused: str) -> None:
    if not refused:
        check_not_root(security, user)
        return
    with pytest.raises(ConfigProblem, match=refused):
        check_not_root(security, user)


@pytest.mark.parametrize(
    ("readers", "own", "expected"),
    [
        (set(), 0, TokenAccess()),
        ({0}, 0, TokenAccess()),
        ({1000}, 1000, TokenAccess()),
        ({1000}, 0, TokenAccess(0o600, 1000)),
        ({0, 1000}, 0, TokenAccess(0o644)),
        ({None}, 0, TokenAccess(0o644)),
        ({0}, 1000, TokenAccess(0o644)),
    ],
)
def test_token_has_the_least_access_that_the_pods_users_need(
    readers: set[Any], own: int, expected: TokenAccess
) -> None:
    assert token_access(readers, own) == expected


@pytest.mark.parametrize(
    ("kind", "path", "refused"),
    [
        ("", "file", ""),
        ("File", "file", ""),
        ("Directory", ".", ""),
        ("FileOrCreate", "made", ""),
        ("DirectoryOrCreate", "made/deep", ""),
        ("Directory", "file", "is not of type Directory"),
        ("File", "absent", "does not exist"),
        ("Wrong", "file", "does not exist"),
        ("", "../x", "is not in a folder"),
        ("", "../allowed-too", "is not in a folder"),
    ],
)
def test_host_path(tmp_path: Path, kind: str, path: str, refused: str) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (tmp_path / "allowed-too").mkdir()
    (allowed / "file").touch()
    source = {"path": f"{allowed}/{path}", "type": kind}
    if not refused:
        assert prepare_host_path(source, [str(allowed)]) == allowed / path
        return
    with pytest.raises(MountProblem, match=refused):
        prepare_host_path(source, [str(allowed)])


@pytest.mark.skipif(platform.machine() not in pause.MACHINES, reason="no program for this machine")
def test_program_of_the_sandbox_waits_until_it_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(pause.program(platform.machine()))
    program.chmod(0o755)
    process = subprocess.Popen([program])
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL


def test_a_variable_names_the_engines_socket_alone(tmp_path: Path) -> None:
    assert find_sockets({"DOCKER_HOST": "unix:///a", "CONTAINER_HOST": "unix:///b"}) == ["/a"]
    assert find_sockets({"CONTAINER_HOST": "unix:///b"}) == ["/b"]


def test_engine_of_another_machine_is_refused_without_its_password() -> None:
    with pytest.raises(EngineUnusable) as raised:
        find_sockets({"DOCKER_HOST": "ssh://me:secret@far"})
    assert "DOCKER_HOST does not name a socket of this machine" in raised.value.what
    assert "secret" not in raised.value.diagnostics()


async def test_engine_that_does_not_answer_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(EngineUnusable) as raised:
        await open_engine({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert "does not answer" in raised.value.what
    assert "--runtime process" in str(raised.value.next_step)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_socket_that_the_user_may_not_use_is_said_so() -> None:
    path = Path(tempfile.mkdtemp()) / "engine.sock"
    path.parent.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        script = (
            "import asyncio, os; from podrole.cluster.node.runtimes.container.engine import open_engine\n"
            "import podrole.cluster.node.runtimes.container.errors as errors\n"
            "import podrole.base.http_client, httpx2, httpcore2, anyio, anyio._backends._asyncio\n"
            "os.setuid(65534)\n"
            f"try: asyncio.run(open_engine({{'DOCKER_HOST': 'unix://{path}'}}))\n"
            "except errors.EngineUnusable as problem: print(problem.what)"
        )
        said = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=dict(os.environ)
        )
    shutil.rmtree(path.parent)
    assert said.stdout.startswith("You may not use the container engine's socket"), said.stderr
