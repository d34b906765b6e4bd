"""Check a built site: every link inside it leads to a page and an anchor that are there, every picture too.

Usage: python scripts/check_site.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class PageLinks(HTMLParser):
    """The anchors of a page, and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        """See HTMLParser."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.links += [given[name] for name in ("href", "src") if given.get(name)]


def problems(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the site's links."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        page = PageLinks()
        page.feed(path.read_text())
        pages[path.resolve()] = page
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = f"{path.relative_to(folder.resolve())}: {link}"
            if not target.exists():
                yield f"{where}: there is no such file"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where}: there is no such anchor"


def main() -> int:
    """Print the problems; return 1 if there are any."""
    found = list(problems(Path(sys.argv[1])))
    print("\n".join(found) or "Every link inside the site leads somewhere.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
