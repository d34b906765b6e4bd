"""The walkthroughs with pods in containers, by IRSA and by EKS Pod Identity, with the real aws CLI in the image."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.aws_cli_image import make_aws_cli_image
from support.engine import opened, running_engine_with_agent
from support.world import clean_environment, podrole

pytestmark = [pytest.mark.services, pytest.mark.soak]


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """An engine that has the image of the aws CLI."""
    with running_engine_with_agent() as host:
        asyncio.run(_make_image(host))
        yield host


async def _make_image(host: str) -> None:
    engine = await opened(host)
    await make_aws_cli_image(engine)
    await engine.aclose()


@pytest.mark.parametrize(
    ("options", "steps", "session", "refusals"),
    [
        (
            (),
            9,
            ":assumed-role/ec2-reader/botocore-session-",
            ["UnauthorizedOperation", "Not authorized to perform sts:AssumeRoleWithWebIdentity"],
        ),
        (
            ("--pod-identity",),
            7,
            ":assumed-role/ec2-reader/eks-podrole-whoami-",
            ["UnauthorizedOperation", "Unable to locate credentials", "EKS does not have permissions to assume"],
        ),
    ],
    ids=["token", "eks"],
)
def test_every_step_has_its_expected_result(
    host: str, tmp_path: Path, options: tuple[str, ...], steps: int, session: str, refusals: list[str]
) -> None:
    environment = clean_environment(TMPDIR=str(tmp_path), DOCKER_HOST=host)
    words = ("demo", "--runtime", "container", "--json", *options)
    done = podrole(*words, cwd=tmp_path, env=environment, seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert [step["ok"] for step in report["steps"]] == [True] * steps
    printed = [one["command"] + "\n" + one["output"] for step in report["steps"] for one in step["commands"]]
    assert any("--image-pull-policy IfNotPresent" in one for one in printed), "only of pods in containers"
    assert any(session in one for one in printed)
    for refusal in refusals:
        assert any(refusal in one for one in printed)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
