"""The errors of the Python API for tests.

::

    PodroleError
    └── TestingError
        ├── InvalidArrangement   a test asks for what cannot be, or what AWS would refuse
        ├── NotRefused   no call was refused where a test expects it; also an AssertionError
        ├── OutsideCall  a test wanted to reach a host outside its world
        └── WorldFailed  the world could not start, or has ended
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class TestingError(PodroleError):
    """The root of this package's errors. Its text is the whole explanation."""

    code = "testing"

    def __str__(self) -> str:
        return self.diagnostics()


class InvalidArrangement(TestingError):
    """A test asks for what cannot be: an unknown action, a policy that AWS would refuse."""

    code = "testing-bad-request"


class NotRefused(TestingError, AssertionError):
    """No call was refused where a test expects it."""

    code = "testing-not-refused"


class OutsideCall(TestingError):
    """The process wanted to reach a host outside the world.

    It is no OSError: clients that repeat failed connections give up at once.
    """

    code = "testing-outside-call"


class WorldFailed(TestingError):
    """The world could not start, or has ended."""

    code = "testing-world-failed"
