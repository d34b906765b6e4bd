"""The guides run as they stand, and show the real output: a world takes the place of the cluster and the account."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.transcripts import Command, commands
from support.world import RunningWorld, running_world

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 300
CHART = ROOT / "charts" / "podrole"
ROLE = "arn:aws:iam::111122223333:role"
BOUND = """kubectl create namespace shop
podrole utils associate-iam-oidc-provider --cluster podrole --approve
podrole create iamserviceaccount --cluster podrole --namespace shop --name inventory {more} \
    --attach-policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess --approve
"""
WEB = """kubectl create deployment web --namespace shop --image amazon/aws-cli -- \\
    sh -c 'aws sts get-caller-identity --query Arn --output text; sleep 900'
kubectl set serviceaccount deployment web inventory --namespace shop
kubectl rollout status deployment/web --namespace shop
"""
PRINTED = "until kubectl logs deployment/web --namespace shop | grep : > printed; do true; done"
"""Wait for the first line of the pod."""
BEFORE = {
    "irsa-on-eks": "",
    "find-the-fault": f"""kubectl create namespace shop
podrole utils associate-iam-oidc-provider --cluster podrole --approve
kubectl create serviceaccount orders --namespace shop
kubectl run orders --namespace shop --image busybox \
    --overrides '{{"spec": {{"serviceAccountName": "orders"}}}}' -- sleep 900
kubectl annotate serviceaccount orders --namespace shop eks.amazonaws.com/role-arn={ROLE}/orders
""",
    "move-to-pod-identity": BOUND.format(more="") + WEB,
    "replace-the-webhook": BOUND.format(more="--role-name inventory"),
}
"""What the reader of a guide has."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RunningWorld]:
    with running_world(tmp_path) as running:
        yield running


def bash(world: RunningWorld, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("bash", "-o", "pipefail", "-c", script),
        cwd=world.directory,
        env=world.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def expected_code(command: Command) -> int:
    """Return 3 for a plan, 1 for a report of faults."""
    shown = "\n".join(command.shown)
    return 3 if "Nothing has been changed." in shown else 1 if "read more:" in shown else 0


@pytest.mark.services
@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("guide", BEFORE)
def test_guide_shows_the_real_output(world: RunningWorld, guide: str) -> None:
    prepared = bash(world, f"set -e\n{BEFORE[guide]}")
    assert prepared.returncode == 0, prepared.stdout
    page = re.sub(r"\bprod\b", "podrole", (ROOT / "docs" / f"{guide}.md").read_text())
    for command in commands(page):
        # The world has no image of the webhook: helm renders what it would install.
        line = command.line.replace("helm install", "helm template").replace("charts/podrole", shlex.quote(str(CHART)))
        if line.startswith("kubectl logs deployment/web"):
            line = f"{PRINTED}; {line}"
        done = bash(world, line)
        transcript = f"$ {line}\n{done.stdout}"
        assert (done.returncode, command.shows(done.stdout)) == (expected_code(command), True), transcript
