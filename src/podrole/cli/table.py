"""Tables that fit the terminal: columns are given up before a line breaks."""

from __future__ import annotations

from collections.abc import Sequence

from podrole.cli.terminal import visible

_GAP = "  "


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None, give_up: Sequence[str] = ()
) -> list[str]:
    """Return the lines of a table. Cells may hold colours.

    If it is wider than ``columns`` (None: any width), the columns of ``give_up`` go, the first one first, until it
    fits; the last line then names them.
    """
    shown = list(range(len(headings)))
    widths = [max(visible(row[index]) for row in (headings, *rows)) for index in shown]
    missing: list[str] = []
    for name in give_up:
        if columns is None or sum(widths[index] for index in shown) + len(_GAP) * (len(shown) - 1) <= columns:
            break
        shown.remove(headings.index(name))
        missing.append(name)
    lines = [
        _GAP.join(row[index] + " " * (widths[index] - visible(row[index])) for index in shown).rstrip()
        for row in (headings, *rows)
    ]
    if missing:
        lines.append(f"(without {', '.join(missing)}: the terminal has {columns} columns; --json shows everything)")
    return lines
