"""The errors of starting, finding and running a world.

::

    PodroleError
    └── WorldError
        ├── AlreadyRunning   a world already runs in this directory
        ├── BadSetting       an account or region that cannot be one, or not this world's
        ├── DirectoryGone    the directory was deleted while its world ran
        ├── InitializationFailed  a step of podrole up --init failed
        ├── NoEngine         the world's pods run in no container engine
        ├── NotRunning       no world runs in this directory
        ├── PartFailed       a background task of a part has failed
        ├── StateRefused     a saved state cannot be loaded, or not here
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


class DirectoryGone(WorldError):
    """The world's directory was deleted or replaced while the world ran. The world ends: it could keep nothing more."""

    code = "world-directory-gone"


class InitializationFailed(WorldError):
    """A step of ``podrole up --init`` failed. The world ends."""

    code = "world-initialization-failed"


class NoEngine(WorldError):
    """What needs a container engine is asked of a world whose pods are processes."""

    code = "world-no-engine"


class NotRunning(WorldError):
    """No world runs in this directory."""

    code = "world-not-running"


class PartFailed(WorldError):
    """A background task of a part has failed. The world ends: its other parts would give wrong answers."""

    code = "world-part-failed"


class StateRefused(WorldError):
    """A saved state cannot be loaded: the file is not one, or a newer one, or there is a world that it would
    overwrite."""

    code = "world-state-refused"


class StartFailed(WorldError):
    """A world could not start; the parts that had started were stopped again."""

    code = "world-start-failed"
