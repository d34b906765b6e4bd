"""The ``podrole`` command: it renders; it decides nothing.

Each sub-command is a module of its own, imported when it runs: ``podrole --help`` must answer at once.
"""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> None:
    """Run the command line; ``argv`` is ``sys.argv[1:]`` by default. Exits with the command's code.

    0: done, 1: an error, explained on stderr, 2: wrong usage, 130: interrupted.
    """
    try:  # also around the imports, which may be interrupted
        _run(argv)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _run(argv: list[str] | None) -> None:
    from podrole.base.errors import PodroleError
    from podrole.cli.app import app

    try:
        app(args=argv, prog_name="podrole")
    except PodroleError as fault:
        print(fault.diagnostics(), file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:
        # The reader of the output has ended (podrole events | head): that is not an error.
        sys.stderr.close()
        raise SystemExit(0) from None
