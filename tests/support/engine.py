"""A container engine for tests: Podman started on a socket of the tests' own, or the engine that this machine has.

Nothing is pulled: the image is made of the machine's static busybox. Limits that some machines need for containers are
Podman's configuration here, not podrole's.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podrole.cluster.node.runtimes.container.engine import Engine, open_engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable

REQUIRED = "PODROLE_CONTAINER_TESTS"
"""With the value ``required`` in this variable, tests fail where no engine can be had, and are not skipped."""
BUSYBOX = "busybox"

both_runtimes = pytest.mark.parametrize("runtime_name", ["process", "container"], indirect=True)
"""Marks a test of pods that holds for every runtime (tests/cluster/node/conftest.py)."""
both_runtimes_in_soak = pytest.mark.parametrize(
    "runtime_name", ["process", pytest.param("container", marks=pytest.mark.soak)], indirect=True
)
"""As ``both_runtimes``; with containers it runs in ``make soak`` only."""

_START_SECONDS = 30.0
_working: set[str] = set()
"""The engines that have run a container for this process."""
_CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "{runtime}"
[network]
network_config_dir = "{directory}/networks"
default_subnet_pools = [{{"base" = "10.{number}.0.0/16", "size" = 24}}]
"""
_REGISTRIES = """\
[[registry]]
location = "127.0.0.1"
insecure = true
"""
"""A registry on loopback may speak plain HTTP, as for Docker."""


@contextlib.contextmanager
def running_engine() -> Iterator[str]:
    """Yield the DOCKER_HOST of an engine."""
    if shutil.which("podman") and os.geteuid() == 0:
        with _own_number() as number, _podman(number) as host:
            yield host
    else:
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@contextlib.contextmanager
def running_engine_with_agent() -> Iterator[str]:
    """As ``running_engine``, for worlds whose pods reach the EKS Pod Identity agent: a machine has its address once."""
    with (Path(tempfile.gettempdir()) / "podrole-engine-agent.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be using it
        with running_engine() as host:
            yield host


@contextlib.contextmanager
def _own_number() -> Iterator[int]:
    """Yield a number that no other test process of this machine has: its engine's networks are made of it."""
    for number in range(100, 200):
        with (Path(tempfile.gettempdir()) / f"podrole-engine-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    raise RuntimeError("a hundred engines of tests run already")


async def opened(host: str) -> Engine:
    """Return a client of the engine that has the image; skip or fail the test if there is none."""
    try:
        engine = await open_engine({"DOCKER_HOST": host})
        await make_image(engine)
        if host not in _working:
            await _run_one(engine)
            _working.add(host)
    except EngineUnusable as problem:
        reason = f"no container engine can be used: {problem.what}"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return engine


async def _run_one(engine: Engine) -> None:
    """Run a container on a network of its own. Raises EngineUnusable: some machines let nobody make namespaces."""
    name = f"podrole-probe-{os.getpid()}"
    try:
        await engine.call("POST", "/networks/create", {"Name": name})
        given = {"Image": BUSYBOX, "Cmd": ["true"], "HostConfig": {"NetworkMode": name}}
        made = await engine.call("POST", "/containers/create", given, name=name)
        await engine.call("POST", f"/containers/{made['Id']}/start")
        ended = await engine.call("POST", f"/containers/{made['Id']}/wait")
    except EngineRefusal as refusal:
        raise EngineUnusable(f"it runs no container: {refusal.what}") from refusal
    finally:
        for path in (f"/containers/{name}", f"/networks/{name}"):
            with contextlib.suppress(EngineRefusal):
                await engine.call("DELETE", path, force=True)
    if ended["StatusCode"] != 0:
        raise EngineUnusable(f"its containers end with {ended['StatusCode']}")


async def make_image(engine: Engine) -> None:
    """Make the image of busybox, unless the engine has one."""
    images = await engine.call("GET", "/images/json", filters={"reference": [BUSYBOX]})
    if images:
        return
    program = shutil.which("busybox")
    if program is None:
        raise EngineUnusable("the tests' image is made of a static busybox, which is not installed")
    await engine.call(
        "POST",
        "/images/create",
        content=busybox_archive(Path(program)),
        fromSrc="-",
        repo=BUSYBOX,
        changes=['CMD ["sh"]'],
    )


def busybox_archive(program: Path) -> bytes:
    """Return a file system with busybox as a tar archive."""
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755)):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, mode
            tar.addfile(member)
        tar.add(program.resolve(), "bin/busybox")
        for name in set(names) - {"busybox"}:
            member = tarfile.TarInfo(f"bin/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(member)
        users = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n"
        member = tarfile.TarInfo("etc/passwd")
        member.size = len(users)
        tar.addfile(member, io.BytesIO(users))
    return written.getvalue()


@contextlib.contextmanager
def _podman(number: int) -> Iterator[str]:
    directory = Path(tempfile.gettempdir()) / f"podrole-podman-{number}"
    _end_killed(directory)
    directory.mkdir(mode=0o700)
    runtime = "runc" if shutil.which("runc") else "crun"
    configuration = _CONFIGURATION.format(runtime=runtime, directory=directory, number=number)
    (directory / "containers.conf").write_text(configuration)
    (directory / "registries.conf").write_text(_REGISTRIES)
    podman, environment = _command(directory)
    socket = directory / "api.sock"
    log = (directory / "log").open("w")
    service = subprocess.Popen(
        [*podman, "system", "service", "--time=0", f"unix://{socket}"],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    (directory / "pid").write_text(str(service.pid))
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not socket.exists():
            if service.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"podman's service did not start: {(directory / 'log').read_text()}")
            time.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        service.terminate()
        service.wait(_START_SECONDS)
        log.close()
        _clean_up(podman, environment)
        _remove(directory)


def _command(directory: Path) -> tuple[list[str], dict[str, str]]:
    """Return Podman's command for the storage in ``directory``, and its environment."""
    storage = ["--root", str(directory / "storage"), "--runroot", str(directory / "run")]
    environment = {
        **os.environ,
        "CONTAINERS_CONF": str(directory / "containers.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(directory / "registries.conf"),
    }
    return ["podman", *storage, "--tmpdir", str(directory / "tmp")], environment


def _end_killed(directory: Path) -> None:
    """End the engine of a test process that was killed, and all that it ran. Its number's lock is held."""
    if not directory.exists():
        return
    with contextlib.suppress(OSError, ValueError):
        pid = int((directory / "pid").read_text())
        if str(directory) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    if (directory / "containers.conf").exists():
        _clean_up(*_command(directory))
    _remove(directory)


def _remove(directory: Path) -> None:
    """Remove the directory of an engine that has ended, and end the watchers of commands that it ran.

    Podman lets one of them wait for five minutes after each command, and then write to the directory.
    """
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            if command.partition("\0")[0].endswith("conmon") and f"{directory}/" in command:
                os.kill(int(entry.name), signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


def _clean_up(podman: list[str], environment: dict[str, str]) -> None:
    """Remove every container and network: without its storage Podman would not know them any more."""

    def run(words: str) -> str:
        done = subprocess.run(
            [*podman, *words.split()], env=environment, check=False, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip() + (done.stderr if done.returncode else "")

    for _ in range(5):
        said = run("rm --all --force --depend --time 0")
        if not run("ps --all --quiet"):
            break
    else:
        raise RuntimeError(f"containers of the tests are left: {said}")
    run("network prune --force")
