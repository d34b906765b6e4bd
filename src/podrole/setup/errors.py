"""Why a set-up cannot be planned or applied.

::

    PodroleError
    └── SetupError
        ├── InvalidSetup      what is wanted was not understood, or contradicts itself
        ├── Refused       the set-up may not change what is there
        └── CallFailed    a cluster or an account refused a call, or did not answer
            ├── PermissionMissing
            ├── Conflict  the object was changed, or exists already: read it again
            ├── Throttled the call may be tried again later
            └── NotThere  the object, or one that the call names, does not exist
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class SetupError(PodroleError):
    """The root of this package's errors."""

    code = "setup"


class InvalidSetup(SetupError):
    """What is wanted was not understood, or contradicts itself."""

    code = "setup.invalid"


class Refused(SetupError):
    """The set-up may not change what is there."""

    code = "setup.refused"


class CallFailed(SetupError):
    """A cluster or an account refused a call, or did not answer."""

    code = "setup.call_failed"


class PermissionMissing(CallFailed):
    """A permission is missing; ``next_step`` shows the statement that grants it."""

    code = "setup.permission_missing"


class Conflict(CallFailed):
    """The object was changed meanwhile, or exists already."""

    code = "setup.conflict"


class Throttled(CallFailed):
    """The account asks to try again later."""

    code = "setup.throttled"


class NotThere(CallFailed):
    """The object, or one that the call names, does not exist, or is not visible yet."""

    code = "setup.not_there"
