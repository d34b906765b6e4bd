"""What `make smoke` tries of the built wheel. `make smoke` itself installs it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import smoke


def test_every_extra_that_is_declared_is_used() -> None:
    project = tomllib.loads((smoke.dist.ROOT / "pyproject.toml").read_text())["project"]
    assert sorted(smoke.USES) == sorted(project["optional-dependencies"])


@pytest.mark.parametrize(("script", "problem"), [("print('said')", 0), ("print('other')", 1), ("exit('said')", 1)])
def test_another_output_or_exit_code_is_a_failure(tmp_path: Path, script: str, problem: int) -> None:
    tried = smoke.Smoke(tmp_path, Path(sys.executable))
    tried.start([sys.executable, "-c", script], "the script", (0,), "said", {})
    assert len(tried.failures) == problem
