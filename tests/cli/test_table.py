"""A table gives up columns before a line breaks."""

from __future__ import annotations

import pytest

from podrole.cli.table import table

HEADINGS = ("NAME", "ROLE", "STATE")
ROWS = [("a", "arn:aws:iam::111122223333:role/a", "\033[32msound\033[0m"), ("bcdef", "", "broken")]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (None, "NAME   ROLE                              STATE"),
        (80, "NAME   ROLE                              STATE"),
        (46, "NAME   STATE"),
        (9, "NAME"),
    ],
)
def test_columns_go_in_the_order_that_is_given(columns: int | None, shown: str) -> None:
    lines = table(HEADINGS, ROWS, columns, ["ROLE", "STATE"])
    assert lines[0] == shown
    missing = [name for name in ("ROLE", "STATE") if name not in lines[0]]
    assert ("--json shows everything" in lines[-1]) is bool(missing)
    assert all(name in lines[-1] for name in missing)


def test_colours_take_no_room() -> None:
    assert table(HEADINGS, ROWS, None)[1:] == [
        "a      arn:aws:iam::111122223333:role/a  \033[32msound\033[0m",
        "bcdef                                    broken",
    ]
