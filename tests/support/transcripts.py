"""What pages show of a terminal: commands and their real output, with its random parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SAFE = "bcdfghjklmnpqrstvwxz2-9"  # https://pkg.go.dev/k8s.io/apimachinery/pkg/util/rand#SafeEncodeString
RANDOM = re.compile(
    r"i-[0-9a-f]{17}|AROA[A-Z0-9]{17}|botocore-session-\d+|[0-9A-F]{32}|[0-9a-f]{40}|podrole-demo-\w+"
    rf"|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|(?<=-)[{_SAFE}]{{10}}-(?:[{_SAFE}]{{5}}\b)?"
    r"|127\.0\.0\.1:\d+|on port \d+|\d\d:\d\d:\d\d|in \d+ s"
)
LEFT_OUT = "⋮"
"""A line of a page that stands for any lines of output, or none."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and the output that the page shows."""

    line: str
    shown: tuple[str, ...]

    def shows(self, output: str) -> bool:
        """Return whether the page shows this output, but for its random parts and what is left out."""
        shown = map(_comparable, self.shown)
        parts = [r"(?:.*\n)*?" if line == LEFT_OUT else re.escape(line) + "\n" for line in shown]
        real = "".join(_comparable(line) + "\n" for line in output.splitlines())
        return re.fullmatch("".join(parts), real) is not None


def _comparable(line: str) -> str:
    """Return a line without its random parts; columns of a table may be wider."""
    return re.sub(r"(?<=\S) {2,}", "  ", RANDOM.sub("…", line.rstrip()))


def commands(page: str) -> Iterator[Command]:
    """Yield the commands of a page's console blocks, which may be items of a list."""
    for indent, block in re.findall(r"^( *)```console\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE):
        lines = [line.removeprefix(indent) for line in block.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            last = next(number for number in range(start, end) if not lines[number].endswith("\\"))
            yield Command("\n".join(lines[start : last + 1])[2:], tuple(lines[last + 1 : end]))
