"""The ``podrole`` command: it renders; it decides nothing.

Each sub-command is a module of its own, imported when it runs: ``podrole --help`` must answer at once.
"""

from __future__ import annotations

import io
import sys


def main(argv: list[str] | None = None) -> None:
    """Run the command line; ``argv`` is ``sys.argv[1:]`` by default. Exits with the command's code.

    0: done, 1: an error, explained on stderr, 2: wrong usage or a missing extra, 130: interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding does not have is escaped: a name or a path must not end the command.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")
    try:  # also around the imports, which may be interrupted
        _run(argv)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _run(argv: list[str] | None) -> None:
    from podrole.base.errors import PodroleError
    from podrole.base.extras import ExtraMissing
    from podrole.cli.app import command_line
    from podrole.cli.terminal import complain

    try:
        command_line()(args=argv, prog_name="podrole")
    except ExtraMissing as missing:
        complain(missing.diagnostics())
        raise SystemExit(2) from None
    except PodroleError as fault:
        complain(fault.diagnostics())
        raise SystemExit(1) from None
    except BrokenPipeError:
        # The reader of the output has ended (podrole events | head): that is not an error.
        sys.stderr.close()
        raise SystemExit(0) from None
