"""What keeps a world from starting, or from being found.

::

    PodroleError
    └── WorldError
        ├── AlreadyRunning   a world runs in this directory
        ├── BadSetting       an account or region that cannot be one
        ├── NotRunning       none does
        ├── PartFailed       a part of a running world stopped working
        └── StartFailed      it could not start, and nothing is left of it
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
    """A background task of a part has failed: the world ends, as half of it would mislead."""

    code = "world-part-failed"


class StartFailed(WorldError):
    """A world could not start; whatever had started of it is gone."""

    code = "world-start-failed"
