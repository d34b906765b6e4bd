"""The standalone webhook as a program: ``python -m podrole.webhook [flags]``, and ``/webhook`` in its container image.

Exit codes: 0 stopped by a signal, 1 an error that is explained on standard error, 2 a wrong flag.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from podrole import __version__
from podrole.base.errors import PodroleError
from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.flags.table import FLAGS, Flag

HELP = frozenset({"-h", "-help", "--help"})


def main(arguments: Sequence[str]) -> int:
    """Run the webhook with these flags; return the exit code."""
    if HELP.intersection(arguments):
        sys.stdout.write(help_text())
        return 0
    try:
        line = parse_flags(arguments)
        if line.version:
            sys.stdout.write(f"podrole {__version__}\n")
            return 0
        for note in line.notes:
            sys.stderr.write(f"note: {note}\n")
        from podrole.webhook.serving.standalone import run  # not for --help: it loads the server

        return run(line.settings, ask_host_for_account=line.ask_host_for_account)
    except PodroleError as problem:
        sys.stderr.write(problem.diagnostics() + "\n")
        return 2 if isinstance(problem, BadFlag) else 1


def help_text() -> str:
    """Return every flag with its default and effect."""
    lines = ["The mutating webhook that gives Kubernetes pods their AWS identity.", ""]
    for title, origin in (("Flags of the EKS webhook", "amazon"), ("podrole's own flags", "podrole")):
        lines.append(f"{title}:")
        lines += [*flag_lines([flag for flag in FLAGS if flag.origin == origin]), ""]
    ignored = ", ".join([f"--{flag.name}" for flag in FLAGS if flag.origin == "no effect"])
    return "\n".join([*lines, f"Accepted, without effect: {ignored}", ""])


def flag_lines(flags: Iterable[Flag]) -> list[str]:
    """Return each flag with its default and effect, as lines of a help text."""
    lines: list[str] = []
    for flag in flags:
        default = f" (default {flag.default})" if flag.default not in ("", "false") else ""
        lines += [f"  {'-' if len(flag.name) == 1 else '--'}{flag.name}", f"        {flag.effect}{default}"]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
