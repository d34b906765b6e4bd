"""The runner of typer's for podrole's whole command line."""

from __future__ import annotations

from typing import Any
from unittest import mock

from typer.testing import CliRunner, Result

from podrole.cli.app import app, command_line


class Runner(CliRunner):
    """Runs the commands that are there: ``CliRunner`` builds all of them for every run."""

    def podrole(self, words: list[str], **more: Any) -> Result:
        """Run ``podrole`` with these words to its end."""
        with mock.patch("typer.testing._get_command", return_value=command_line()):
            return self.invoke(app, words, **more)
