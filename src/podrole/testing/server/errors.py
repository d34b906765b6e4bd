"""The errors of a test's world.

::

    PodroleError
    └── ServerError
        ├── RequestRefused   a test asks for what cannot be
        └── RefusedByAWS AWS would refuse what a test asks for
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class ServerError(PodroleError):
    """The root of this package's errors."""

    code = "testing"


class RequestRefused(ServerError):
    """A test asks for what cannot be: an unknown action, a name that Kubernetes does not take."""

    code = "testing-bad-request"


class RefusedByAWS(ServerError):
    """AWS would refuse what a test asks for. ``aws_code`` is its error code; the message has its words."""

    code = "testing-refused-by-aws"

    def __init__(self, operation: str, aws_code: str, message: str, *, got: str | None = None) -> None:
        super().__init__(f"AWS refuses {operation}: {aws_code}: {message}", got=got)
        self.aws_code = aws_code
