"""Text that fits the terminal: lines are broken between words, and what is copied stays whole."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

NARROWEST, WIDEST = 50, 120
_COMMAND = re.compile(
    r"\s*(?:\$ |(?:read more|then check): +)?(?:aws|curl|eval|export|helm|kubectl|openssl|pip|podrole|[^ ]*/podrole)\s"
)
"""A line to be copied: a break in it would break the command."""
_ESCAPE = re.compile(r"\033\[[0-9;]*m|\033\]8;;[^\033]*\033\\")
"""Colours, and the beginning and the end of a hyperlink."""
_FIELD = re.compile(r"\s*\S[^:]{0,40}?(?:  +|: +)(?=\S)")
"""A label with the blanks behind it: the lines that follow stand under the value."""


def width(stream: TextIO | None = None) -> int | None:
    """Return how many columns text may have on a stream, by default standard output; None if it is not a terminal:
    other programs read lines."""
    if not (stream or sys.stdout).isatty():
        return None
    return max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST))


def fitted(text: str, columns: int | None) -> str:
    """Return ``text`` with lines of at most ``columns``; None leaves it alone.

    A word that is longer (an ARN, a path) and a command to be copied stay whole. A broken line goes on under its value,
    or at its own indentation.
    """
    if columns is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _broken(line, columns))


def harmless(text: str) -> str:
    """Return a text from elsewhere with control characters escaped, line breaks excepted: a terminal obeys them."""
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in text
    )


def say(text: str) -> None:
    """Print text for a person, fitted to the terminal."""
    print(fitted(text, width()), flush=True)


def complain(text: str) -> None:
    """Print an error or a warning for a person on standard error, fitted to the terminal."""
    print(fitted(text, width(sys.stderr)), file=sys.stderr, flush=True)


def visible(text: str) -> int:
    """Return how many columns a text takes: colours and hyperlinks take none."""
    return len(_ESCAPE.sub("", text))


def _broken(line: str, columns: int) -> Iterator[str]:
    if visible(line) <= columns or _COMMAND.match(_ESCAPE.sub("", line)):
        yield line
        return
    plain = _ESCAPE.sub("", line)
    label = _FIELD.match(plain)
    indent = " " * (len(plain) - len(plain.lstrip()))
    if label is not None and len(label[0]) <= columns // 2:
        indent = " " * len(label[0])
    head, current = line[: len(line) - len(line.lstrip())], ""
    for word in re.findall(r"\S+\s*", line[len(head) :]):
        stays = visible(head + current) == len(indent) and visible(indent + word.rstrip()) > columns  # behind its label
        if current and not stays and visible(head + current + word.rstrip()) > columns:
            yield (head + current).rstrip()
            head, current = indent, ""
        current += word
    yield (head + current).rstrip()
