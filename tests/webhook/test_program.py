"""``python -m podrole.webhook``: what it says and exits with."""

from __future__ import annotations

import subprocess
import sys

from podrole import __version__
from podrole.webhook.flags.table import FLAGS


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "podrole.webhook", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env={})


def test_help_names_every_flag() -> None:
    done = program("--help")
    assert done.returncode == 0
    for flag in FLAGS:
        assert flag.name in done.stdout


def test_the_version() -> None:
    done = program("--version")
    assert (done.returncode, done.stdout) == (0, f"podrole {__version__}\n")


def test_a_wrong_flag_is_explained() -> None:
    done = program("--token-audiance=x")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "There is no flag --token-audiance.",
        "  got:      --token-audiance",
        "  next:     did you mean --token-audience?",
    ]


def test_nowhere_to_go_is_explained_and_flags_without_effect_are_noted() -> None:
    done = program("--port=0", "--metrics-port=0", "--address=127.0.0.1", "--logtostderr")
    assert done.returncode == 1
    assert done.stderr.startswith("note: --logtostderr has no effect here: logs go to standard error\n")
    assert "No Kubernetes API was found" in done.stderr
    assert "Traceback" not in done.stderr
