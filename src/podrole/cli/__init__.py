"""The ``podrole`` command: it renders; it decides nothing."""

from __future__ import annotations


def main(argv: list[str] | None = None) -> None:
    """Run the command line; ``argv`` is ``sys.argv[1:]`` by default."""
    raise NotImplementedError
