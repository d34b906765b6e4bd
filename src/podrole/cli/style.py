"""How output looks, and where a reader learns more about the doctor's codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from podrole.cli.tools import podrole_command
from podrole.doctor.errors import BadTarget
from podrole.doctor.report.codes import CODES

DOCS_VARIABLE = "PODROLE_DOCS"


@dataclass(frozen=True, slots=True)
class Style:
    """How output is shown: with colours and hyperlinks only on a terminal. ``site`` is the address of the
    documentation site, if there is one."""

    colour: bool = False
    site: str | None = None
    hyperlinks: bool = False

    def paint(self, text: str, code: str) -> str:
        """Return the text in a colour, or as it is."""
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def code(self, code: str, colour: str | None = None) -> str:
        """Return a code of the doctor's, possibly in a colour, as a hyperlink to its section.

        https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda (OSC 8)
        """
        painted = code if colour is None else self.paint(code, colour)
        if self.site is None or not self.hyperlinks:
            return painted
        return f"\033]8;;{self.site}/{CODES[code].page}\033\\{painted}\033]8;;\033\\"


def style(site: str | None = None) -> Style:
    """Return the style of standard output."""
    terminal = sys.stdout.isatty()
    return Style(colour=terminal and "NO_COLOR" not in os.environ, site=site, hyperlinks=terminal)


def documentation_site() -> str | None:
    """Return the address of the documentation site that PODROLE_DOCS names; None if it names none. Raises BadTarget."""
    address = os.environ.get(DOCS_VARIABLE, "")
    if not address:
        return None
    if not _is_site(address):
        raise BadTarget(
            f"{DOCS_VARIABLE} is not the address of a documentation site.",
            got=repr(address),
            expected="https://HOST/PATH or file:///PATH, the folder that has doctor.html",
            next_step=f"correct {DOCS_VARIABLE}, or unset it",
        )
    return address.rstrip("/")


def _is_site(address: str) -> bool:
    if not address.isprintable() or set(" ?#") & set(address):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address
        return False
    return parts.scheme == "file" or (parts.scheme in ("http", "https") and bool(parts.netloc))


def read_more(codes: Iterable[str], look: Style, label: str = "read more: ") -> Iterator[str]:
    """Yield how to read more about the codes that were shown: the command, and addresses if there are no hyperlinks."""
    shown = sorted(set(codes))
    if shown:
        yield f"{label}{podrole_command()} explain {' '.join(shown)}"
    if look.site is not None and not look.hyperlinks:
        yield from (f"  {look.site}/{CODES[code].page}" for code in shown)
