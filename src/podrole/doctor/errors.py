"""Why the doctor cannot examine something.

::

    PodroleError
    └── DoctorError
        ├── SourceError   a source cannot answer: not reachable, not allowed, not in these files
        ├── BadTarget     the target to examine was not understood, or does not exist
        └── BadFile       a file that should be checked cannot be read

A broken link is none of these: it is a ``Finding``. Sources raise ``SourceError``; ``podrole.doctor.unknown``
turns it into the value ``UnknownFact``, and the link reports that it could not be checked.
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class DoctorError(PodroleError):
    """The root of this package's errors."""

    code = "doctor"


class SourceError(DoctorError):
    """A source cannot answer."""

    code = "doctor.cannot_tell"


class BadTarget(DoctorError):
    """The target to examine was not understood, or does not exist."""

    code = "doctor.bad_target"


class BadFile(DoctorError):
    """A file cannot be read as what it should be."""

    code = "doctor.bad_file"
