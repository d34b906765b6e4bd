"""Draw the chain from a pod to an AWS call: docs/images/chain.svg, which the README and the site show, and
chain-narrow.svg, which the site shows on a phone.

Usage: python scripts/site_diagrams.py [FOLDER]

The drawings use no font and no script from elsewhere, and have a light and a dark theme.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parents[1] / "docs" / "images"
BOXES = (
    ("Service account", "annotated with a role"),
    ("Webhook", "injects role and token"),
    ("Token", "signed by the cluster"),
    ("STS", "checks issuer and trust"),
    ("Session", "temporary credentials"),
    ("AWS call", "signed and authorized"),
)
SOURCES = {3: "OIDC issuer · IAM provider · trust policy", 5: "policies of the role"}
STYLE = (
    "<style>text{font:14px system-ui,sans-serif;fill:#1b1f24;text-anchor:middle}.small{font-size:11px;fill:#57606a}"
    "rect{fill:#f6f8fa;stroke:#57606a}path{stroke:#57606a;fill:none;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9aa5b1}rect{fill:#161b22;stroke:#9aa5b1}"
    "path{stroke:#9aa5b1}}</style>"
)
WIDTH, HEIGHT, GAP, MARGIN, LINE = 150, 58, 26, 20, 16


TITLE = "From a pod's service account over the webhook, a token and STS to a session and an AWS call"


def drawings() -> dict[str, str]:
    """Return the SVGs by the names of their files."""
    return {"chain.svg": _wide(), "chain-narrow.svg": _narrow()}


def _wide() -> str:
    """Return the boxes in a row, with what STS and AWS consult below."""
    parts: list[str] = []
    for number, (name, what) in enumerate(BOXES):
        left = MARGIN + number * (WIDTH + GAP)
        middle = left + WIDTH // 2
        parts += _box(left, MARGIN, name, what)
        if number:
            y = MARGIN + HEIGHT // 2
            parts.append(f'<path d="M {left - GAP} {y} H {left - 3} m -6 -5 l 6 5 l -6 5"/>')
        if number in SOURCES:
            bottom = MARGIN + HEIGHT
            parts.append(f'<path d="M {middle} {bottom + 30} V {bottom + 3} m -5 6 l 5 -6 l 5 6"/>')
            parts.append(f'<text x="{middle}" y="{bottom + 46}" class="small">{escape(SOURCES[number])}</text>')
    return _svg(len(BOXES) * (WIDTH + GAP) - GAP + 2 * MARGIN, 150, parts)


def _narrow() -> str:
    """Return the boxes in a column, with what STS and AWS consult in their boxes' third lines."""
    parts: list[str] = []
    width, top = 2 * WIDTH, MARGIN
    for number, (name, what) in enumerate(BOXES):
        if number:
            x = MARGIN + width // 2
            parts.append(f'<path d="M {x} {top - GAP} V {top - 3} m -5 -6 l 5 6 l 5 -6"/>')
        lines = [what, SOURCES[number]] if number in SOURCES else [what]
        parts += _box(MARGIN, top, name, *lines, width=width)
        top += HEIGHT + (len(lines) - 1) * LINE + GAP
    return _svg(width + 2 * MARGIN, top - GAP + MARGIN, parts)


def _box(left: int, top: int, name: str, *lines: str, width: int = WIDTH) -> list[str]:
    height = HEIGHT + (len(lines) - 1) * LINE
    middle = left + width // 2
    return [
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="8"/>',
        f'<text x="{middle}" y="{top + 25}" font-weight="600">{escape(name)}</text>',
        *(
            f'<text x="{middle}" y="{top + 43 + number * LINE}" class="small">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ),
    ]


def _svg(width: int, height: int, parts: list[str]) -> str:
    size = f'viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        f'<title id="title">{escape(TITLE)}</title>',
        STYLE,
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for file, text in drawings().items():
        ((Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER) / file).write_text(text)
