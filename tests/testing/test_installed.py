"""The plugin as a user has it: from the wheel, in an environment of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.soak
def test_the_wheel_with_the_extra_runs_the_example_with_four_workers(tmp_path: Path) -> None:
    """The dependencies are the locked ones; nothing is fetched for the wheel, so the extra must name what is there."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements/dev.txt")
    run(python, "-m", "pip", "install", "-q", "--no-index", f"podrole[pytest] @ {wheel.as_uri()}")
    run(python, "-m", "pip", "check")
    example = shutil.copytree(ROOT / "examples" / "pytest", tmp_path / "example")
    assert "10 passed" in run(python, "-m", "pytest", "-p", "no:cacheprovider", "-n", "4", cwd=example)
    shown = run(python, "-m", "pytest", "-p", "no:cacheprovider", "--fixtures", cwd=example)
    assert len(re.findall(r"^podrole_\w+ .*site-packages/podrole/testing/plugin\.py", shown, re.M)) == 8
