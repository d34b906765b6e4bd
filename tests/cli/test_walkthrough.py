"""The walkthrough, with the real aws CLI and the real kubectl in a world of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.transcripts import RANDOM
from support.world import PODROLE, clean_environment, podrole, processes_of

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The report of one walkthrough."""
    directory = tmp_path_factory.mktemp("walkthrough")
    done = podrole("demo", "--json", cwd=directory, env=clean_environment(TMPDIR=str(directory)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(directory.iterdir()) == [], "nothing is left behind"
    return json.loads(done.stdout)


def outputs(report: dict[str, object], number: int) -> str:
    (step,) = [step for step in report["steps"] if step["number"] == number]  # type: ignore[attr-defined]
    return "\n".join(f"$ {one['command']}\n{one['output']}" for one in step["commands"])


def test_every_step_has_its_expected_result(walked: dict[str, object]) -> None:
    assert walked["ok"] is True
    assert [step["ok"] for step in walked["steps"]] == [True] * 9  # type: ignore[attr-defined]


def test_without_an_identity_the_pod_fails(walked: dict[str, object]) -> None:
    text = outputs(walked, 2)
    assert "Unable to locate credentials" in text
    assert "Failed 255" in text


def test_the_webhook_injects_role_token_and_volume(walked: dict[str, object]) -> None:
    text = outputs(walked, 8)
    assert "name: AWS_ROLE_ARN" in text
    assert "value: /var/run/secrets/eks.amazonaws.com/serviceaccount/token" in text
    assert "audience: sts.amazonaws.com" in text


def test_session_of_the_pod_is_that_of_the_role(walked: dict[str, object]) -> None:
    assert ":assumed-role/ec2-reader/botocore-session-" in outputs(walked, 8)


def test_launch_of_instances_is_refused_with_an_explanation(walked: dict[str, object]) -> None:
    text = outputs(walked, 9)
    assert "UnauthorizedOperation" in text
    assert "ec2:RunInstances" in text
    assert "AmazonEC2ReadOnlyAccess (identity-based policy)" in text


def test_other_service_account_is_refused_with_an_explanation(walked: dict[str, object]) -> None:
    text = outputs(walked, 9)
    assert text.count("Not authorized to perform sts:AssumeRoleWithWebIdentity") == 2
    for subject in ("system:serviceaccount:shop:checkout", "system:serviceaccount:warehouse:inventory"):
        assert f"got       {subject}" in text
    assert text.count("expected  system:serviceaccount:shop:inventory") == 2
    assert "differs only in the namespace" in text


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_pages_show_the_real_output(walked: dict[str, object], page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    shown = "".join(re.findall(r"<!-- walkthrough -->\n```console\n(.*?)```", text, re.DOTALL))
    assert shown
    printed = "\n".join(outputs(walked, number) for number in range(1, 10))
    known = {RANDOM.sub("…", line.strip()) for line in printed.splitlines()}
    titles = [f"── {step['number']}. {step['title']}" for step in walked["steps"]]  # type: ignore[attr-defined]
    unknown = [
        line
        for line in shown.splitlines()
        if line.strip() not in ("", "⋮", "$ make demo", *titles) and RANDOM.sub("…", line.strip()) not in known
    ]
    assert unknown == []


@pytest.mark.soak
def test_without_kubectl_the_steps_use_the_kubernetes_api(tmp_path: Path) -> None:
    environment = clean_environment(TMPDIR=str(tmp_path), PATH=_path_without_kubectl(tmp_path))
    environment["PODROLE_TOOLS"] = str(tmp_path / "no tools here")
    environment["PIP_NO_INDEX"] = "1"
    environment["PIP_CONFIG_FILE"] = os.devnull
    environment.pop("PIP_FIND_LINKS", None)
    done = podrole("demo", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cannot be fetched" in done.stderr
    assert "the steps use the Kubernetes API" in done.stdout
    assert "$ POST https://127.0.0.1:" in done.stdout


def _path_without_kubectl(directory: Path) -> str:
    """The directories of PATH, but those that hold a kubectl."""
    kept = [each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "kubectl").exists()]
    tools = directory / "bin"
    tools.mkdir()
    for name in ("sh", "env", "bash", "tar"):  # /bin itself may hold a kubectl
        (tools / name).symlink_to(Path("/bin") / name)
    return os.pathsep.join([*kept, str(tools)])


def test_interrupted_walkthrough_leaves_no_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [PODROLE, "demo"],
        cwd=tmp_path,
        env=clean_environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "── 2." in line:  # the world is up and a pod is about to run
            os.killpg(process.pid, signal.SIGINT)
            break
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
@pytest.mark.soak
def test_the_walkthrough_holds_in_every_partition(tmp_path: Path, region: str, partition: str) -> None:
    done = podrole("demo", "--json", "--region", region, cwd=tmp_path, env=clean_environment(TMPDIR=str(tmp_path)))
    report = json.loads(done.stdout)
    assert report["failed"] is None
    assert f"arn:{partition}:sts::" in outputs(report, 8)
    assert "arn:aws:" not in done.stdout


def test_a_region_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    done = podrole("demo", "--region", "nowhere", cwd=tmp_path, env=clean_environment(TMPDIR=str(tmp_path)))
    assert (done.returncode, done.stdout) == (1, "")
    assert "--region is not an AWS region." in done.stderr
