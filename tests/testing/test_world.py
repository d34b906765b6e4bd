"""A world without pytest: started, used, reset, stopped, and what happens when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from podrole.testing import InvalidArrangement, World, WorldFailed
from podrole.testing.administrator import Administrator

ASK = """
import sys
from podrole.testing import World
world = World()
world.start()
world.identity("shop", "inventory")
print(world.description["pid"], world.directory, flush=True)
if sys.argv[1] == "leave":
    sys.exit()
sys.stdin.read()
"""


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until_gone(pid: int, directory: Path) -> None:
    deadline = time.monotonic() + 30
    while (not is_gone(pid) or directory.exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert is_gone(pid)
    assert not directory.exists()


def test_a_world_is_used_without_pytest_and_leaves_nothing() -> None:
    with World(account="444455556666", region="eu-west-1") as world:
        with world.identity("shop", "inventory"):
            identity = boto3.client("sts").get_caller_identity()
        assert identity["Account"] == "444455556666"
        assert [call.action for call in world.calls] == ["sts:AssumeRoleWithWebIdentity", "sts:GetCallerIdentity"]
        assert world.administrator.client("iam").get_role(RoleName="shop-inventory")
        pid, directory = world.description["pid"], Path(world.directory)
        shown = subprocess.run(
            [sys.executable, "-m", "podrole", "status"],
            env=world.administrator_environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "444455556666" in shown.stdout
        world.reset()
        assert list(world.calls) == []
        with pytest.raises(Exception, match="NoSuchEntity"):
            world.administrator.client("iam").get_role(RoleName="shop-inventory")
    wait_until_gone(pid, directory)


async def test_a_world_is_an_asynchronous_context_too() -> None:
    async with World() as world:
        pid, directory = world.description["pid"], Path(world.directory)
    wait_until_gone(pid, directory)


@pytest.mark.parametrize("how", ["leave", "kill"])
def test_a_world_ends_with_the_process_that_started_it(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASK, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid, _, directory = process.stdout.readline().strip().partition(" ")
        if how == "kill":
            process.kill()
    wait_until_gone(int(pid), Path(directory).parent)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"account": "1"}, "not an AWS account id"), ({"region": "moon"}, "not an AWS region")],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidArrangement, match=message), World(**settings):
        pass


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InvalidArrangement, match="There is no such setting"), World(colour="red"):
        pass


def test_a_world_that_has_ended_says_so() -> None:
    with World() as world:
        os.kill(world.description["pid"], signal.SIGKILL)
        with pytest.raises(WorldFailed, match="The world has ended"):
            world.identity("shop", "inventory")
        with pytest.raises(WorldFailed, match="The world has ended"):
            world.reset()
    assert not Path(world.directory).parent.exists()


@pytest.mark.parametrize("what", ["client", "resource"])
def test_without_boto3_the_administrator_says_what_to_install(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InvalidArrangement, match=r"needs boto3, which is not installed(?s:.*)podrole\[pytest\]"):
        getattr(Administrator({}), what)("s3")


def test_a_world_that_is_not_running_says_so() -> None:
    with pytest.raises(WorldFailed, match="The world is not running"):
        World().identity("shop", "inventory")
