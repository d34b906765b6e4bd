"""What keeps the doctor from telling.

::

    PodroleError
    └── DoctorError
        ├── CannotTell    a source gives no answer: not reachable, not allowed, not in these files
        ├── BadTarget     what to examine was not understood, or does not exist
        └── BadFile       a file that was to be checked cannot be read

A link that is broken is none of these: it is a ``Finding``. That something cannot be told is often a result too; then
the error is kept as a value, and a link says so.
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class DoctorError(PodroleError):
    """The root of this package's errors."""

    code = "doctor"


class CannotTell(DoctorError):
    """A source gives no answer."""

    code = "doctor.cannot_tell"


class BadTarget(DoctorError):
    """What to examine was not understood, or does not exist."""

    code = "doctor.bad_target"


class BadFile(DoctorError):
    """A file cannot be read as what it should be."""

    code = "doctor.bad_file"
