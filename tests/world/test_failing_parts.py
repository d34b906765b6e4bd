"""A part of which a background task fails ends the world, with a sentence that names both."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.controllers.event_expiry import EventExpiry
from podrole.cluster.node.registration import Registration
from podrole.webhook.serving.webhook import Webhook
from podrole.world.errors import PartFailed
from podrole.world.settings import WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.webhook_account import TokenKeeper
from podrole.world.world import World
from support.world import clean_environment, processes_of

FREE = WorldSettings(aws_port=0, cluster_port=0, ephemeral=True)


async def fail(*_: Any) -> None:
    raise ValueError("a secret")


@pytest.mark.parametrize(
    ("part", "method", "sentence"),
    [
        (EventExpiry, "_work", "The controllers stopped working"),
        (Registration, "heartbeat", "The node stopped working"),
        (Webhook, "_watch_files", "The webhook stopped working"),
        (TokenKeeper, "_keep", "The webhook's token keeper stopped working"),
    ],
)
async def test_failed_part_ends_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Any, method: str, sentence: str
) -> None:
    monkeypatch.setattr(part, method, fail)
    with pytest.raises(PartFailed, match=sentence) as raised:
        async with asyncio.timeout(30), World(WorldDirectory(tmp_path / "world"), FREE) as world:
            await world.until_it_fails()
    assert "ValueError at " in str(raised.value.got)
    assert "secret" not in raised.value.diagnostics()


async def test_part_that_fails_before_it_is_ready_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Webhook, "wait_ready", never)
    monkeypatch.setattr(Webhook, "_watch_files", fail)
    directory = WorldDirectory(tmp_path / "world")
    with pytest.raises(PartFailed, match="The webhook stopped working"):
        async with asyncio.timeout(30), World(directory, FREE):
            pass
    directory.lock().close()


def test_command_says_which_part_failed_and_exits_with_1(tmp_path: Path) -> None:
    script = """
from podrole.cluster.node.registration import Registration
from podrole.cli import main

async def fail(self):
    raise ValueError("a secret")

Registration.heartbeat = fail
main(["up", "--ephemeral", "--aws-port", "0", "--cluster-port", "0"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "The node stopped working, which ends the world: the heartbeat failed." in done.stderr
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    assert not (tmp_path / ".podrole" / "world.json").exists()
    assert processes_of(tmp_path) == []
