"""The example on docs/policies.md runs, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podrole.iam.actions.further import EXACT

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def test_services_whose_calls_are_resolved_exactly_are_listed() -> None:
    (listed,) = re.findall(r"By the SDKs' names, the services are\n(.*?)\.\n", PAGE.read_text(), re.DOTALL)
    assert re.findall(r"`(.*?)`", listed) == sorted(EXACT)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(example, PAGE, "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("ImplicitlyDenied\n")
    assert "logs/* covers what lies in it, not the thing itself" in printed
