"""Page tokens of lists that podrole itself returns in pages: the position of the next page's first item, in base64."""

from __future__ import annotations

import base64


def page_token(position: int) -> str:
    """Return the token for the page that begins at a position."""
    return base64.b64encode(str(position).encode()).decode()


def page_start(token: str, available: int) -> int | None:
    """Return the position that a token stands for; None if no page of a list of ``available`` items begins there."""
    try:
        position = int(base64.b64decode(token, validate=True))
    except ValueError:  # binascii.Error is one
        return None
    return position if 0 < position < available else None
