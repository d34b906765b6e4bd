"""The standalone webhook as a program: ``python -m podrole.webhook [flags]``, and ``/webhook`` in its container image.

Exits with 0 once it was told to stop, 1 for a fault that is explained on standard error, 2 for a wrong flag.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from podrole import __version__
from podrole.base.errors import PodroleError
from podrole.webhook.errors import BadFlag
from podrole.webhook.flag_table import FLAGS
from podrole.webhook.flags import parse_flags


def main(arguments: Sequence[str]) -> int:
    """Run the webhook with these flags; return the exit code."""
    if {"-h", "-help", "--help"}.intersection(arguments):
        sys.stdout.write(help_text())
        return 0
    try:
        line = parse_flags(arguments)
        if line.version:
            sys.stdout.write(f"podrole {__version__}\n")
            return 0
        for note in line.notes:
            sys.stderr.write(f"note: {note}\n")
        from podrole.webhook.standalone import run  # not for --help: it loads the server

        return run(line.settings, ask_host_for_account=line.ask_host_for_account)
    except PodroleError as problem:
        sys.stderr.write(problem.diagnostics() + "\n")
        return 2 if isinstance(problem, BadFlag) else 1


def help_text() -> str:
    """Return every flag with its default and effect."""
    lines = ["The mutating webhook that gives Kubernetes pods their AWS identity.", ""]
    for title, origin in (("Flags of the EKS webhook", "amazon"), ("Flags of podrole's own", "podrole")):
        lines.append(f"{title}:")
        for flag in FLAGS:
            if flag.origin == origin:
                default = f" (default {flag.default})" if flag.default not in ("", "false") else ""
                dashes = "-" if len(flag.name) == 1 else "--"
                lines += [f"  {dashes}{flag.name}", f"        {flag.effect}{default}"]
        lines.append("")
    ignored = ", ".join([f"--{flag.name}" for flag in FLAGS if flag.origin == "no effect"])
    return "\n".join([*lines, f"Taken, and without effect: {ignored}", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
