"""Text from outside, fit for a log line, a warning or an audit annotation."""

from __future__ import annotations

MAX_LINE = 256
"""Characters. Kubernetes advises warnings of at most 256 characters: a client may cut longer ones."""


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """Return ``text`` cut to ``limit`` characters, with a space for each character that is not printable."""
    line = text if len(text) <= limit else text[: limit - 1] + "…"
    if line.isprintable():
        return line
    return "".join([character if character.isprintable() else " " for character in line])
