"""Draw the chain from a pod to an AWS call: docs/images/chain.svg, which the README and the site show.

Usage: python scripts/site_diagrams.py [FILE]

The drawing uses no font and no script from elsewhere, and has a light and a dark theme.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

FILE = Path(__file__).parents[1] / "docs" / "images" / "chain.svg"
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
WIDTH, HEIGHT, GAP, TOP = 150, 58, 26, 20


def drawing() -> str:
    """Return the SVG."""
    total = len(BOXES) * (WIDTH + GAP) - GAP + 2 * TOP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} 150" role="img" aria-labelledby="title">',
        '<title id="title">'
        + escape("From a pod's service account over the webhook, a token and STS to a session and an AWS call")
        + "</title>",
        STYLE,
    ]
    for number, (name, what) in enumerate(BOXES):
        left = TOP + number * (WIDTH + GAP)
        middle = left + WIDTH // 2
        parts.append(f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>')
        parts.append(f'<text x="{middle}" y="{TOP + 25}" font-weight="600">{escape(name)}</text>')
        parts.append(f'<text x="{middle}" y="{TOP + 43}" class="small">{escape(what)}</text>')
        if number:
            y = TOP + HEIGHT // 2
            parts.append(f'<path d="M {left - GAP} {y} H {left - 3} m -6 -5 l 6 5 l -6 5"/>')
        if number in SOURCES:
            text = SOURCES[number]
            bottom = TOP + HEIGHT
            parts.append(f'<path d="M {middle} {bottom + 30} V {bottom + 3} m -5 6 l 5 -6 l 5 6"/>')
            parts.append(f'<text x="{middle}" y="{bottom + 46}" class="small">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(drawing())
