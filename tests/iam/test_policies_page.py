"""The example on docs/policies.md runs, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(example, PAGE, "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("ImplicitlyDenied\n")
    assert "logs/* covers what lies in it, not the thing itself" in printed
