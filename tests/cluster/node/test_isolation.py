"""Isolated processes: volumes at their real paths, and nothing of other pods, of the world or of the person."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.node_api import LogOptions, StreamOptions
from podrole.cluster.node.runtimes.process.view import Hiding
from support.isolation import both_ways, isolated_only, not_isolated

TOKEN = {"serviceAccountToken": {"path": "token", "audience": "sts.amazonaws.com", "expirationSeconds": 3600}}
TOKENS = {"name": "t", "projected": {"sources": [TOKEN]}}
AT = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
MOUNTED = {"volumeMounts": [{"name": "t", "mountPath": AT}]}
SECRET = "the administrator's"
BARE = "import importlib.util as i; print([n for n in ('podrole', 'moto', 'boto3', 'botocore') if i.find_spec(n)])"


def on_this_machine(path: str) -> bool:
    return Path(path).exists()


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A directory with credentials that pods are not to see, in a directory that hostPath volumes may be in."""
    directory = tmp_path / "person"
    for name in (".podrole", ".kube"):
        (directory / name).mkdir(parents=True)
        (directory / name / "config").write_text(SECRET)
    (directory / ".podrole" / "ca.crt").write_text("certificate")
    (directory / "work").write_text("work")
    return directory


@pytest.fixture
async def node(make_node: Any, person: Path) -> AsyncIterator[Any]:
    hiding = Hiding(
        hidden=(str(person / ".podrole"), str(person / ".kube")), visible=(str(person / ".podrole" / "ca.crt"),)
    )
    async with make_node(hiding=hiding, host_paths=(str(person),)) as node:
        yield node


async def said(node: Any, pod: Any, *command: str) -> str:
    """Return what a command in a running pod writes, errors included."""
    session = await node.exec(pod, "c", command, StreamOptions())
    return b"".join([output.data async for output in session.output()]).decode()


@both_ways
async def test_a_volume_is_read_where_the_pod_mounts_it(node: Any, run_pod: Any, finished: Any, log_of: Any) -> None:
    await run_pod(f"cat {AT}/token /run/{AT[9:]}/token", container=MOUNTED, volumes=[TOKENS])
    await finished()
    assert len((await log_of()).split(".")) == 5


@isolated_only
async def test_programs_find_paths_that_are_not_written_in_the_command(
    node: Any, run_pod: Any, finished: Any, log_of: Any, directory: Path
) -> None:
    script = "d=/var/run/secrets; find $d/*/ | sort; p=/da; cat ${p}ta/file; pwd"
    mounts = [*MOUNTED["volumeMounts"], {"name": "v", "mountPath": "/data"}]
    volumes = [
        TOKENS,
        {"name": "v", "downwardAPI": {"items": [{"path": "file", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    await run_pod(script, container={"volumeMounts": mounts}, volumes=volumes, automountServiceAccountToken=False)
    await finished()
    log = await log_of()
    assert f"{AT}/token\n" in log
    assert log.endswith("p/\n")
    assert str(directory) not in log


@isolated_only
@pytest.mark.parametrize("path", ["/data/deep", "/etc/podrole-test/x", "/usr/share/podrole-test", "/opt/a", "/dev/x"])
async def test_a_mount_path_that_this_machine_does_not_have_is_not_made_on_it(
    node: Any, run_pod: Any, finished: Any, log_of: Any, path: str
) -> None:
    mounts = [{"name": "v", "mountPath": path}]
    script = f"echo written > {path}/file; cat {path}/file; test -s /etc/passwd && ls -d /usr/bin /dev/null"
    await run_pod(script, container={"volumeMounts": mounts}, volumes=[{"name": "v"}])
    pod = await finished()
    assert await log_of() == "written\n/dev/null\n/usr/bin\n"
    assert pod["status"]["phase"] == "Succeeded"
    assert not on_this_machine(path)


@isolated_only
async def test_a_mount_over_a_directory_of_this_machine_is_the_pods_alone(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    mounts = [{"name": "v", "mountPath": "/usr/local"}, {"name": "w", "mountPath": "/usr/local/inner"}]
    script = "touch /usr/local/mine /usr/local/inner/too; find /usr/local -type f | sort"
    await run_pod(script, container={"volumeMounts": mounts}, volumes=[{"name": "v"}, {"name": "w"}])
    await finished()
    assert await log_of() == "/usr/local/inner/too\n/usr/local/mine\n"
    assert not on_this_machine("/usr/local/mine")


@isolated_only
async def test_a_read_only_mount_cannot_be_written(node: Any, run_pod: Any, finished: Any, log_of: Any) -> None:
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/ro", "readOnly": True}]
    await run_pod("touch /v/a; touch /ro/b; ls /ro", container={"volumeMounts": mounts}, volumes=[{"name": "v"}])
    await finished()
    assert "Read-only file system" in await log_of()
    assert (await log_of()).endswith("\na\n")


@isolated_only
async def test_what_the_node_writes_cannot_be_written_by_the_pod(
    node: Any, run_pod: Any, finished: Any, log_of: Any, cluster: Any
) -> None:
    await cluster.create("configmaps", "default", {"metadata": {"name": "cm"}, "data": {"a": "1"}})
    script = "touch /v/b; mv /v/..data /v/x; ln -s /tmp /v/..2026_01_01; cat /v/a"
    mounts = [{"name": "v", "mountPath": "/v"}]
    await run_pod(script, container={"volumeMounts": mounts}, volumes=[{"name": "v", "configMap": {"name": "cm"}}])
    await finished()
    assert (await log_of()).count("Read-only file system") == 3
    assert (await log_of()).endswith("1")


@isolated_only
async def test_what_a_pod_reads_by_the_path_of_this_machine_is_not_there(
    node: Any, run_pod: Any, running: Any, directory: Path, person: Path, cluster: Any
) -> None:
    victim = await run_pod("exec sleep 1000", name="victim", container=MOUNTED, volumes=[TOKENS])
    await running("victim")
    await run_pod("exec sleep 1000")
    pod = await running()
    token = directory / "pods" / victim["metadata"]["uid"] / "volumes" / "t" / "token"
    assert token.read_text() in cluster.tokens
    for path in (token, person / ".podrole" / "config", person / ".kube" / "config", directory / "processes"):
        assert "No such file" in await said(node, pod, "cat", str(path))
    assert await said(node, pod, "cat", str(person / ".podrole" / "ca.crt")) == "certificate"
    assert "Read-only" in await said(node, pod, "sh", "-c", f"echo x > {person}/.podrole/ca.crt")


@isolated_only
async def test_a_host_path_around_what_is_hidden_does_not_show_it(
    node: Any, run_pod: Any, finished: Any, log_of: Any, person: Path
) -> None:
    mount = {"volumeMounts": [{"name": "h", "mountPath": "/h"}]}
    volumes = [{"name": "h", "hostPath": {"path": str(person)}}]
    await run_pod("cat /h/work; find /h -type f | sort; echo new > /h/new", container=mount, volumes=volumes)
    await finished()
    assert await log_of() == "work/h/work\n"
    assert (person / "new").read_text() == "new\n"


@isolated_only
async def test_a_host_path_in_what_is_hidden_is_refused(node: Any, run_pod: Any, cluster: Any, person: Path) -> None:
    mount = {"volumeMounts": [{"name": "h", "mountPath": "/h"}]}
    volumes = [{"name": "h", "hostPath": {"path": str(person / ".kube")}}]
    await run_pod("cat /h/config", container=mount, volumes=volumes)
    message = f"Error: the volume at /h leads to {person}/.kube, which is hidden from pods"
    await cluster.until_event("p", "Failed", message)


_ATTACKS = """\
import ctypes, os, sys
victim, path = int(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
def read(name):
    with open(name, "rb") as file:
        return file.read()
def undo(name):
    if libc.umount2(name.encode(), 2) != 0 and libc.mount(b"none", name.encode(), b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "umount2")
def join(pid):
    if libc.setns(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY), 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
for name, attack in {
    "environ": lambda: read(f"/proc/{victim}/environ"),
    "root": lambda: read(f"/proc/{victim}/root{path}"),
    "cwd": lambda: os.listdir(f"/proc/{victim}/cwd/"),
    "memory": lambda: open(f"/proc/{victim}/mem", "rb"),
    "descriptors": lambda: [os.stat(f"/proc/{victim}/fd/{n}") for n in os.listdir(f"/proc/{victim}/fd")],
    "trace": lambda: 1 / (libc.ptrace(0x4206, victim, 0, 0) + 1),
    "namespace": lambda: join(victim),
    "umount": lambda: undo(os.path.dirname(path)),
    "disk": lambda: os.open(next(f"/dev/{n}" for n in os.listdir("/sys/block") if os.path.exists(f"/dev/{n}")), 0),
}.items():
    try:
        attack()
        print(name, "succeeded")
    except (OSError, ZeroDivisionError, StopIteration):
        pass
print("over")
"""


@isolated_only
async def test_hidden_files_are_not_reachable_through_other_processes_or_mounts(
    node: Any, run_pod: Any, running: Any, directory: Path, person: Path
) -> None:
    await run_pod("exec sleep 1000", name="victim", container={"env": [{"name": "PASSWORD", "value": SECRET}]})
    await running("victim")
    await run_pod("exec sleep 1000", container={"image": "python"})
    pod = await running()
    records = [json.loads(path.read_text()) for path in (directory / "processes").glob("*.json")]
    others = [
        pid
        for record in records
        if SECRET in Path(f"/proc/{(pid := record['pid'])}/environ").read_text()  # noqa: ASYNC240
    ]
    assert len(others) == 1
    for process in (os.getpid(), *others):
        log = await said(node, pod, "python", "-c", _ATTACKS, str(process), str(person / ".kube" / "config"))
        assert log == "over\n"


@isolated_only
async def test_a_user_namespace_within_does_not_uncover_what_is_hidden(
    node: Any, run_pod: Any, finished: Any, log_of: Any, person: Path
) -> None:
    script = f"umount -l {person}/.kube; umount -l /proc; ls -A {person}/.kube"
    await run_pod(f"unshare --user --map-root-user --mount sh -c '{script}'; echo over")
    await finished()
    assert (await log_of()).endswith("over\n")
    assert "config" not in await log_of()


@isolated_only
async def test_a_command_in_a_container_sees_what_the_container_sees(
    node: Any, run_pod: Any, running: Any, person: Path
) -> None:
    await run_pod("echo mine > /tmp/mine; exec sleep 1000", container=MOUNTED, volumes=[TOKENS])
    pod = await running()
    assert await said(node, pod, "ls", AT) == "token\n"
    assert await said(node, pod, "cat", "/tmp/mine") == "mine\n"
    assert await said(node, pod, "pwd") == "/\n"
    assert "No such file" in await said(node, pod, "cat", str(person / ".kube" / "config"))


@isolated_only
async def test_isolation_changes_neither_the_user_nor_who_owns_files(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    await run_pod("id -u; stat -c %u /etc/passwd; grep CapEff /proc/self/status")
    await finished()
    user, owner, _, capabilities = (await log_of()).split()
    assert user == str(os.geteuid())
    if os.geteuid() == 0:
        assert owner == "0"
    assert int(capabilities, 16) & (1 << 21 | 1 << 19) == 0  # SYS_ADMIN, SYS_PTRACE


@both_ways
async def test_image_python_has_pip_and_nothing_of_podroles_packages(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    script = f'which python3 pip; python -c "{BARE}"; pip --version; python3 -m venv --without-pip /tmp/e && echo made'
    await run_pod(script, container={"image": "python:3.12"})
    await finished()
    lines = (await log_of()).splitlines()
    assert lines[0].endswith("/python/bin/python3")
    assert lines[2] == "[]"
    assert lines[3].startswith("pip ")
    assert lines[4] == "made"


@both_ways
async def test_what_a_pod_installs_is_not_in_the_next_container(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    script = (
        "import site, pathlib; d = pathlib.Path(site.getsitepackages()[0]); print([*d.glob('mine*')]); "
        "(d / 'mine.py').touch(); import mine"
    )
    for name in ("one", "two"):
        await run_pod(name=name, container={"image": "python", "command": ["python", "-c", script]})
        await finished(name)
        assert await log_of(name) == "[]\n"


@both_ways
async def test_other_images_find_no_program_of_podroles_environment(
    node: Any, run_pod: Any, finished: Any, log_of: Any
) -> None:
    await run_pod("which podrole pytest; echo over")
    await finished()
    assert await log_of() == "over\n"


@both_ways
@pytest.mark.parametrize("directory", ["my world's"], indirect=True)
async def test_path_with_a_space_stays_whole_in_a_shell(
    cluster: Any, make_node: Any, run_pod: Any, finished: Any, directory: Path
) -> None:
    assert " " in str(directory)
    async with make_node() as node:
        script = f"cat {AT}/token \"{AT}/token\" '{AT}/token'; test -n {AT} && cd {AT} && ls"
        await run_pod(script, container=MOUNTED, volumes=[TOKENS])
        pod = await finished()
        text = b"".join([part async for part in await node.logs(pod, "c", LogOptions())]).decode()
    assert text == cluster.tokens[0] * 3 + "token\n"


@not_isolated
async def test_attacks_succeed_without_isolation_so_that_the_tests_above_prove_something(
    node: Any, run_pod: Any, running: Any, person: Path
) -> None:
    await run_pod("exec sleep 1000", container={"image": "python"})
    pod = await running()
    with subprocess.Popen(["/bin/sleep", "1000"]) as victim:  # noqa: ASYNC220 - it returns at once
        log = await said(node, pod, "python", "-c", _ATTACKS, str(victim.pid), str(person / ".kube" / "config"))
        victim.kill()
    assert {"environ succeeded", "descriptors succeeded", "trace succeeded"} <= {*log.splitlines()}
