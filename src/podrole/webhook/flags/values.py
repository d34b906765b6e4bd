"""How flags are written, which is as Go's ``pflag`` reads them. Nothing here knows a particular flag.

``--flag=value`` or ``--flag value``, a boolean only as ``--flag`` or ``--flag=value``, with one or two dashes;
``-v=4``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.table import Flag
from podrole.webhook.golang import parse_bool, parse_duration


def collect(
    arguments: Sequence[str], table: Sequence[Flag], *, only_flags: bool = False
) -> tuple[dict[str, str], list[str]]:
    """Return the last value of each flag as text, and notes for the user. Raises BadFlag, with ``only_flags`` also for
    an argument that belongs to no flag."""
    by_name = {flag.name: flag for flag in table}
    values: dict[str, str] = {}
    notes: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument in ("-", "--"):
            if only_flags:
                raise BadFlag(
                    "This command takes flags only.", got=repr(argument), next_step="run with --help to see all flags"
                )
            notes.append(f"the argument {argument!r} belongs to no flag and is ignored; write --flag=value")
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("--") and name != "v" and name.startswith("v") and name[1:].isdecimal():
            name, equals, value = "v", "=", name[1:]
        flag = by_name.get(name.replace("-", "_") if name.replace("-", "_") in by_name else name)
        if flag is None:
            near = difflib.get_close_matches(name, by_name, 1)
            raise BadFlag(
                f"There is no flag --{name}.",
                got=argument.partition("=")[0],
                next_step=f"did you mean --{near[0]}?" if near else "run with --help to see all flags",
            )
        if not equals:
            if flag.kind == "bool":
                value = "true"
            elif rest:
                value = rest.pop(0)
            else:
                raise BadFlag(f"--{flag.name} needs a value.", expected=f"--{flag.name}=…: {flag.effect}")
        if flag.origin == "no effect" and flag.name != "in-cluster":
            notes.append(f"--{flag.name} has no effect here: {flag.effect}")
        values[flag.name] = value
    return values, notes


class FlagValues:
    """The values of flags, with defaults. Every method raises BadFlag for a malformed value."""

    def __init__(self, values: Mapping[str, str], table: Sequence[Flag]) -> None:
        self._values = values
        self._by_name = {flag.name: flag for flag in table}

    def text(self, name: str) -> str:
        """Return the value as text."""
        return self._values.get(name, self._by_name[name].default)

    def boolean(self, name: str) -> bool:
        """Return the value of a bool, as Go reads it."""
        value = parse_bool(self.text(name))
        if value is None:
            raise self._bad(name, "true or false")
        return value

    def integer(self, name: str, least: int = -(1 << 31), most: int = 1 << 32) -> int:
        """Return a whole number within bounds."""
        text = self.text(name)
        try:
            value = int(text, 0)
        except ValueError:
            raise self._bad(name, "a whole number") from None
        if not least <= value <= most:
            raise self._bad(name, f"between {least} and {most}")
        return value

    def seconds(self, name: str) -> float:
        """Return a duration, written as Go's, in seconds."""
        value = parse_duration(self.text(name))
        if value is None or value < 0:
            raise self._bad(name, "a duration such as 500ms, 1.5s or 2m")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of the choices."""
        if self.text(name) not in choices:
            raise self._bad(name, " or ".join(choices))
        return self.text(name)

    def parsed(self, name: str, parse: Callable[[str], Any], expected: str) -> Any:
        """Return what ``parse`` returns for the value; None from it means that the value is malformed."""
        value = parse(self.text(name))
        if value is None:
            raise self._bad(name, expected)
        return value

    def _bad(self, name: str, expected: str) -> BadFlag:
        return BadFlag(f"The value of --{name} is malformed.", got=repr(self.text(name)), expected=expected)
