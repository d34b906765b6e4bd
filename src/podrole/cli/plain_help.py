"""Help and usage errors as plain text: names of options and summaries of commands stay whole on a narrow terminal."""

from __future__ import annotations

import sys
from typing import Any

from typer import TyperException
from typer.core import TyperCommand, TyperGroup

from podrole.cli.terminal import fitted, width

_WHOLE = 1_000
"""More characters than a summary has: Typer would cut it to its line."""
_LABEL = "Error: "
_NARROW = 4
"""A column that no option fits in: each description begins below its option."""


class StackedCommand(TyperCommand):
    """A command with long options: each description has a line of its own, and almost the whole width."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, each with its description below."""
        rows = [param.get_help_record(ctx) for param in self.get_params(ctx)]
        with formatter.section("Options"):
            formatter.write_dl([row for row in rows if row is not None], col_max=_NARROW)


class CommandGroup(TyperGroup):
    """A command with sub-commands."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sub-commands with their whole summaries, broken between words."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(_WHOLE))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """See Typer. The message of a usage error is fitted to the terminal."""
        try:
            return super().make_context(*arguments, **named)
        except TyperException as problem:
            _fit(problem)
            raise

    def invoke(self, ctx: Any) -> Any:
        """See Typer. The message of a usage error is fitted to the terminal."""
        try:
            return super().invoke(ctx)
        except TyperException as problem:
            _fit(problem)
            raise


def _fit(problem: Any) -> None:
    if hasattr(problem, "format_message"):
        text = fitted(f"{_LABEL}{problem.format_message()}", width(sys.stderr))
        problem.format_message = lambda: text.removeprefix(_LABEL)
