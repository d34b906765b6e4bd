"""The code of shells that no test runs: PowerShell, and the look before a prompt where there is no /proc."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from podrole.cli.shells import ShellLanguage, code, hook


def test_powershell_sets_unsets_and_quotes() -> None:
    changes = {"AWS_REGION": "us-east-1", "HOME_OF": "it's \u2019here\u2018 $x", "AWS_PROFILE": None}
    assert code(ShellLanguage.POWERSHELL, changes, behind=[Path("/tools")]).splitlines() == [
        "$env:AWS_REGION = 'us-east-1'",
        "$env:HOME_OF = 'it''s \u2019\u2019here\u2018\u2018 $x'",
        "Remove-Item Env:AWS_PROFILE -ErrorAction SilentlyContinue",
        "$env:PATH += [IO.Path]::PathSeparator + '/tools'",
    ]


def test_powershell_has_no_code_before_its_prompt() -> None:
    assert hook(ShellLanguage.POWERSHELL, Path("proxy"), ["HTTPS_PROXY"], {}, {"HTTPS_PROXY": None}) == ""


@pytest.mark.parametrize(
    ("platform", "shell", "looks"),
    [
        ("linux", ShellLanguage.SH, '[ -e "/proc/$_podrole_pid/exe" ]'),
        ("darwin", ShellLanguage.SH, 'kill -0 "$_podrole_pid"'),
        ("linux", ShellLanguage.FISH, "test -e /proc/$at[1]/exe"),
        ("darwin", ShellLanguage.FISH, "kill -0 $at[1] 2>/dev/null"),
    ],
)
def test_shell_looks_whether_the_world_runs(
    monkeypatch: pytest.MonkeyPatch, platform: str, shell: ShellLanguage, looks: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert looks in hook(shell, Path("proxy"), ["HTTPS_PROXY"], {}, {"HTTPS_PROXY": None})
