"""Why an issuer cannot be published or its keys rotated.

::

    PodroleError
    └── IssuerError
        ├── InvalidIssuer   a name, a key or a record that cannot be one
        ├── StepRefused     a step of a rotation that would lose a token, or that is not the next one
        └── StoreConflict   somebody else wrote the documents meanwhile
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class IssuerError(PodroleError):
    """The root of this package's errors."""

    code = "issuer"


class InvalidIssuer(IssuerError):
    """A name, a key or a record that cannot be one."""

    code = "issuer.invalid"


class StepRefused(IssuerError):
    """A step of a rotation that would lose a token, or that is not the next one."""

    code = "issuer.step_refused"


class StoreConflict(IssuerError):
    """Somebody else wrote the documents meanwhile."""

    code = "issuer.conflict"
