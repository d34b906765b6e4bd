"""What can be wrong with what a SPDY client sends."""

from __future__ import annotations

from podrole.base.errors import PodroleError


class SpdyProblem(PodroleError):
    """A client does not speak SPDY/3.1, or sends more than is taken. The connection cannot go on."""

    code = "spdy"
