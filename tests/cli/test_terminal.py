"""Text fits the terminal without broken words, and commands stay whole."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cli.terminal import complain, fitted, visible, width
from support.world import PODROLE, clean_environment

ARN = "arn:aws:iam::111122223333:role/a-role-with-a-name-that-is-longer-than-the-terminal"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("one two three four five", ["one two three", "four five"]),
        ("    one two three four", ["    one two", "    three four"]),
        ("why  one two three four", ["why  one two", "     three four"]),
        ("  got: one two three four", ["  got: one two", "       three", "       four"]),
        (f"on {ARN} it is", ["on", ARN, "it is"]),
        (
            "  podrole doctor shop/web --live --can s3:GetObject",
            ["  podrole doctor shop/web --live --can s3:GetObject"],
        ),
        ("$ kubectl get pods --all-namespaces", ["$ kubectl get pods --all-namespaces"]),
        (f"on   {ARN} it", [f"on   {ARN}", "     it"]),
        ("", [""]),
        ("a\n\nb", ["a", "", "b"]),
    ],
)
def test_lines_are_broken_between_words(text: str, lines: list[str]) -> None:
    assert fitted(text, 15).split("\n") == lines


def test_colours_take_no_columns() -> None:
    red = "\033[31mrefused\033[0m"
    assert fitted(f"{red} by it", 13) == f"{red} by it"
    assert fitted(f"{red} by that", 13) == f"{red} by\nthat"


def test_without_a_terminal_text_is_left_alone() -> None:
    assert fitted("one two three four five", None) == "one two three four five"


@pytest.mark.parametrize(("columns", "expected"), [("80", 80), ("20", 50), ("500", 120)])
def test_columns_are_those_of_the_terminal_within_limits(
    monkeypatch: pytest.MonkeyPatch, columns: str, expected: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert width() == expected


class Terminal(io.StringIO):
    """Standard output as it is on a terminal."""

    def isatty(self) -> bool:
        return True


def test_output_that_another_program_reads_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert width() is None


@pytest.mark.parametrize("columns", [50, 80])
@pytest.mark.parametrize(
    "words",
    [
        ["status", "--dir", "."],
        ["check", "a-file-that-does-not-exist", "another-one"],
        ["policy", "validate", "--as", "nonsense", "x.json"],
        ["wait", "a/b/c/d", "--timeout", "5 minutes or so, or perhaps a little longer if you like"],
        ["migrate", "--to", "somewhere else that is not a method of podrole's at all"],
    ],
    ids=" ".join,
)
def test_the_errors_of_a_command_fit_a_real_terminal(tmp_path: Path, words: list[str], columns: int) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, columns))
    environment = {name: value for name, value in clean_environment().items() if name not in ("COLUMNS", "LINES")}
    words = [PODROLE, *words]
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment, cwd=tmp_path)
    os.close(theirs)
    process.wait(30)
    lines = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert lines
    assert all(len(line) <= columns or max(map(len, line.split())) > 20 for line in lines)


def test_an_error_is_fitted_to_the_terminal_of_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    complain("word " * 20)
    assert max(map(len, terminal.getvalue().splitlines())) <= 50


@given(st.text("ab :\n", max_size=200), st.integers(15, 60))
def test_no_word_is_lost_and_no_line_is_too_long(text: str, columns: int) -> None:
    result = fitted(text, columns)
    assert result.split() == text.split()
    for line in result.split("\n"):
        words = line.split()
        assert visible(line) <= columns or len(words) <= 1 or max(map(len, words)) > columns // 3


def test_a_line_that_fits_is_not_changed() -> None:
    text = "a  b   c\n  d: e"
    assert fitted(text, 50) == text
    assert re.sub(r"\s", "", fitted(text, 15)) == re.sub(r"\s", "", text)
