"""What README and docs show of tests with pytest runs as it stands, and so do the examples."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from support.transcripts import commands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "pytest.md", ROOT / "docs" / "from-moto.md"]
CI_GUIDE = ROOT / "docs" / "pytest-in-ci.md"
CODE = """
import boto3

def upload_report(bucket, name):
    boto3.client("s3").put_object(Bucket=bucket, Key=name, Body=b"x")

def delete_report(bucket, name):
    boto3.client("s3").delete_object(Bucket=bucket, Key=name)

"""
BUCKET = """
import pytest

@pytest.fixture(autouse=True)
def reports(request):
    if "podrole_world" in request.fixturenames and "reports" not in vars(request.module):
        request.getfixturevalue("podrole_admin").client("s3").create_bucket(Bucket="reports")
"""


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.M | re.S)


def run_pytest(directory: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *options]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.services
def test_every_block_of_the_pages_runs_as_it_stands(tmp_path: Path) -> None:
    shown = {
        f"test_{page.stem.replace('-', '_')}_{number}": block for page in PAGES for number, block in _numbered(page)
    }
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (tmp_path / "conftest.py").write_text(BUCKET)
    for name, block in shown.items():
        (tmp_path / f"{name}.py").write_text(CODE + block)
    out = run_pytest(tmp_path, "-v")
    assert {name for name, block in shown.items() if "def test_" in block} == set(
        re.findall(r"^(test_\w+)\.py::", out, re.M)
    )


def _numbered(page: Path) -> Iterable[tuple[int, str]]:
    return enumerate(blocks(page), 1)


def test_the_readme_has_the_example() -> None:
    assert len([block for block in blocks(PAGES[0]) if "podrole_refusal" in block]) == 1


@pytest.mark.soak
@pytest.mark.services
def test_the_example_application_passes_its_tests() -> None:
    assert "10 passed" in run_pytest(ROOT / "examples" / "pytest")


@pytest.mark.services
def test_the_guide_to_ci_shows_the_real_output(tmp_path: Path) -> None:
    [test] = re.findall(r"^ +```python\n(.*?)^ +```$", CI_GUIDE.read_text(), re.M | re.S)
    (tmp_path / "test_reports.py").write_text(textwrap.dedent(test))
    [command] = commands(CI_GUIDE.read_text())
    assert command.line == "pytest -q"
    assert command.shows(run_pytest(tmp_path, "-q"))


def test_the_guide_to_ci_has_the_examples() -> None:
    shown = re.findall(r"^ +```yaml\n(.*?)^ +```$", CI_GUIDE.read_text(), re.M | re.S)
    examples = [(ROOT / "examples" / "ci" / name).read_text() for name in ("github-actions.yml", "gitlab-ci.yml")]
    assert [textwrap.dedent(one) for one in shown] == [text.partition("\n")[2] for text in examples]


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_examples_of_continuous_integration_are_yaml_that_runs_pytest(name: str) -> None:
    text = (ROOT / "examples" / "ci" / name).read_text()
    found = yaml.safe_load(text)
    steps = found["jobs"]["test"]["steps"] if "jobs" in found else [{"run": line} for line in found["test"]["script"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert [command.split()[0] for command in commands] == ["pip", "pytest"]
    assert "podrole[pytest]" in commands[0]


@pytest.mark.parametrize("name", ["podrole_account", "podrole_region", "podrole_allow_hosts"])
def test_every_setting_is_documented(name: str, pytestconfig: pytest.Config) -> None:
    pytestconfig.getini(name)
    assert f"| `{name}` |" in PAGES[1].read_text()


def test_every_fixture_is_documented() -> None:
    source = (ROOT / "src" / "podrole" / "testing" / "plugin.py").read_text()
    fixtures = re.findall(r"^def (podrole_\w+)\(", source, re.M)
    assert len(fixtures) == 8
    assert [name for name in fixtures if f"| `{name}` |" not in PAGES[1].read_text()] == []
