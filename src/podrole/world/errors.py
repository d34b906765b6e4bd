"""The errors of starting, finding and running a world.

::

    PodroleError
    └── WorldError
        ├── AlreadyRunning   a world already runs in this directory
        ├── BadSetting       an account or region that cannot be one
        ├── NotRunning       no world runs in this directory
        ├── PartFailed       a background task of a part has failed
        └── StartFailed      a world could not start, and was stopped again
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class WorldError(PodroleError):
    """The root of this package's errors."""

    code = "world"


class AlreadyRunning(WorldError):
    """A world runs in this directory already."""

    code = "world-already-running"


class BadSetting(WorldError):
    """A setting has a value that cannot be right."""

    code = "bad-option"


class NotRunning(WorldError):
    """No world runs in this directory."""

    code = "world-not-running"


class PartFailed(WorldError):
    """A background task of a part has failed. The world ends: its other parts would give wrong answers."""

    code = "world-part-failed"


class StartFailed(WorldError):
    """A world could not start; the parts that had started were stopped again."""

    code = "world-start-failed"
