"""What the identity-token code raises.

::

    OIDCError
    ├── TokenRefused      the token is refused: its form, a claim, its signature or its time
    └── KeysUnavailable   the issuer's keys could not be fetched, so the token could not be checked

The two stay apart everywhere: a check that said no is not a check that could not run.
"""

from __future__ import annotations

from enum import StrEnum

from podrole.base.errors import PodroleError


class OIDCError(PodroleError):
    """The root of this package's errors."""

    code = "oidc"


class TokenFault(StrEnum):
    """Why a token is refused; STS and the API server each turn these into their own words."""

    NOT_A_JWT = "not-a-jwt"
    MISSING_CLAIM = "missing-claim"
    BAD_CLAIM = "bad-claim"
    BAD_TIMESTAMP = "bad-timestamp"
    SEVERAL_AUDIENCES = "several-audiences"
    BAD_SIGNATURE = "bad-signature"
    WRONG_KEY = "wrong-key"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    TOO_OLD = "too-old"


class TokenRefused(OIDCError):
    """The token is refused. ``claim`` names the claim at fault, if there is one.

    ``seconds`` is the expiry of an expired token (epoch seconds), and the age of a token that is too old.
    """

    code = "token-refused"

    def __init__(
        self,
        fault: TokenFault,
        what: str,
        *,
        claim: str | None = None,
        got: str | None = None,
        expected: str | None = None,
        next_step: str | None = None,
        thumbprint: str | None = None,
        seconds: int = 0,
    ) -> None:
        super().__init__(what, got=got, expected=expected, next_step=next_step)
        self.fault = fault
        self.thumbprint = thumbprint
        self.claim = claim
        self.seconds = seconds


class KeysFault(StrEnum):
    """Why an issuer's keys could not be fetched."""

    UNREACHABLE = "unreachable"
    NOT_FROM_HERE = "not-from-here"
    """This machine does not resolve the host's name, or has no route to it: others may reach it."""
    TIMEOUT = "timeout"
    UNTRUSTED = "untrusted-certificate"
    THUMBPRINT = "thumbprint-mismatch"
    REDIRECT = "redirect"
    STATUS = "http-status"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    OTHER_ISSUER = "other-issuer"
    NOT_HTTPS = "not-https"
    NO_KEYS = "no-keys"
    TOO_MANY_KEYS = "too-many-keys"
    PRIVATE_KEY = "private-key-published"
    UNKNOWN_KEY = "unknown-kid"


class KeysUnavailable(OIDCError):
    """The issuer's discovery document or keys could not be fetched, were refused, or hold no key of that name.

    ``thumbprint`` is that of the last certificate that the server sent, if the fault is THUMBPRINT.
    """

    code = "keys-unavailable"

    def __init__(
        self,
        fault: KeysFault,
        what: str,
        *,
        got: str | None = None,
        expected: str | None = None,
        next_step: str | None = None,
        thumbprint: str | None = None,
    ) -> None:
        super().__init__(what, got=got, expected=expected, next_step=next_step)
        self.fault = fault
        self.thumbprint = thumbprint
