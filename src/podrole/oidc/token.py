"""Reads a JWT without believing it.

``parse_token`` is purely structural (RFC 7519 7.2 steps 1 to 10, RFC 8725): three base64url segments, JSON without
duplicate members, a header that names one of the allowed algorithms and contains no key. What it returns is called
unverified until ``podrole.oidc.verify`` has checked the signature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NewType

from podrole.base.short_texts import cached_for_short_texts
from podrole.oidc.base64url import decode_base64url
from podrole.oidc.errors import TokenFault, TokenRefused
from podrole.oidc.keys import ALGORITHMS

MAX_TOKEN_CHARACTERS = 20_000
"""STS takes no longer WebIdentityToken
(https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)."""

# Headers that bring a key, or say where to find one, or change how the rest is to be read. None is ever honoured, so a
# token that carries one is refused rather than read as if it did not (RFC 7515 4.1, RFC 8725 3.10).
FORBIDDEN_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})

_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_LONG = 1 << 63
_TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that STS and the API server read, with their types checked and nothing else."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    authorized_party: str | None
    issued_at: int
    expires_at: int
    not_before: int | None
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def effective_audience(self) -> str:
        """What AWS compares with a provider's client ids: ``azp`` where there is one, else the only ``aud``."""
        return self.authorized_party if self.authorized_party is not None else self.audiences[0]


UnverifiedClaims = NewType("UnverifiedClaims", Claims)
SignedClaims = NewType("SignedClaims", Claims)
"""Claims of a token whose signature holds; its times are not checked. Only ``podrole.oidc.verify`` makes them."""
VerifiedClaims = NewType("VerifiedClaims", Claims)
"""Claims of a token whose signature and times hold. Only ``podrole.oidc.verify`` makes them."""


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token. Nothing in it is verified."""

    algorithm: str
    kid: str
    header: Mapping[str, Any]
    payload: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    _claims: UnverifiedClaims | None = field(init=False, repr=False, compare=False, default=None)
    """What read_claims has found: None until it is asked."""


def parse_token(text: str) -> UnverifiedToken:
    """Return the token's parts. Guarantees form, not truth. Raises TokenRefused (NOT_A_JWT)."""
    shape = _SHAPE.fullmatch(text) if len(text) <= MAX_TOKEN_CHARACTERS else None
    if shape is None:
        raise _not_a_jwt("It does not consist of three base64url segments.", got=f"{len(text)} characters")
    header = _header(shape[1])
    payload = _json_object(shape[2], "payload")
    signature = _decode(shape[3], "signature")
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _not_a_jwt(
            "Its algorithm is not accepted.",
            got=f"alg {algorithm!r}",
            expected="one of " + ", ".join(sorted(ALGORITHMS)),
        )
    forbidden = FORBIDDEN_HEADERS & header.keys()
    if forbidden:
        raise _not_a_jwt(
            "Its header has members that a verifier must not follow.", got="header " + ", ".join(sorted(forbidden))
        )
    if not isinstance(kid, str):
        raise _not_a_jwt("Its key id is not a string.", got=f"kid {_kind(kid)}")
    signed = text[: shape.end(2)].encode("ascii")
    return UnverifiedToken(algorithm, kid, header, payload, signed, signature)


REQUIRED_CLAIMS = ("iss", "sub", "aud", "iat", "exp")
"""In the order in which STS names the first one missing."""


def read_claims(token: UnverifiedToken) -> UnverifiedClaims:
    """Return the claims with their presence and types checked, still unverified. Raises TokenRefused.

    Times must be JSON integers: no strings, no fractions, no booleans (AWS reads them as long). A token's claims are
    read once: every caller gets the same ones.
    """
    claims = token._claims
    if claims is None:
        claims = _claims_of(token.payload)
        object.__setattr__(token, "_claims", claims)
    return claims


def _claims_of(payload: Mapping[str, Any]) -> UnverifiedClaims:
    for name in REQUIRED_CLAIMS:
        if payload.get(name) is None:
            raise TokenRefused(
                TokenFault.MISSING_CLAIM,
                f"The token has no claim {name!r}.",
                claim=name,
                expected="the claims " + ", ".join(REQUIRED_CLAIMS),
            )
    return UnverifiedClaims(
        Claims(
            issuer=_string(payload, "iss"),
            subject=_string(payload, "sub"),
            audiences=_audiences(payload["aud"]),
            authorized_party=None if payload.get("azp") is None else _string(payload, "azp"),
            issued_at=_timestamp(payload, "iat"),
            expires_at=_timestamp(payload, "exp"),
            not_before=None if payload.get("nbf") is None else _timestamp(payload, "nbf"),
            payload=payload,
        )
    )


def _audiences(value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if (
        isinstance(values, list)
        and values
        and all(isinstance(audience, str) and audience and audience.isprintable() for audience in values)
    ):
        return tuple(values)
    raise TokenRefused(
        TokenFault.BAD_CLAIM,
        "The claim 'aud' is neither a string nor a list of strings.",
        claim="aud",
        got=_kind(value),
    )


def _string(payload: Mapping[str, Any], name: str) -> str:
    value = payload[name]
    # What cannot be printed cannot be answered in XML either, and no issuer has a reason to send it.
    if isinstance(value, str) and value.isprintable() and value:
        return value
    raise TokenRefused(TokenFault.BAD_CLAIM, f"The claim {name!r} is not printable text.", claim=name, got=_kind(value))


def _timestamp(payload: Mapping[str, Any], name: str) -> int:
    value = payload[name]
    if type(value) is int and -_LONG <= value < _LONG:  # a bool is an int to isinstance
        return value
    raise TokenRefused(
        TokenFault.BAD_TIMESTAMP,
        f"The claim {name!r} is not a whole number of seconds.",
        claim=name,
        got=_kind(value),
        expected="a JSON integer of at most 64 bits",
    )


@cached_for_short_texts(256)
def _header(segment: str) -> Mapping[str, Any]:
    """Return a header, which is the same for all tokens of a key."""
    return MappingProxyType(_json_object(segment, "header"))


def _json_object(segment: str, name: str) -> dict[str, Any]:
    try:
        value = _STRICT.decode(_decode(segment, name).decode("utf-8"))
    except RecursionError:
        raise _not_a_jwt(f"Its {name} is nested too deeply.") from None
    except ValueError as problem:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        detail = str(problem) if isinstance(problem, _Refused) else ""
        raise _not_a_jwt(f"Its {name} is not JSON.", got=detail or None) from None
    if not isinstance(value, dict):
        raise _not_a_jwt(f"Its {name} is not a JSON object.", got=_kind(value))
    return value


class _Refused(ValueError):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a member appears twice")
    return members


def _no_constant(name: str) -> object:
    raise _Refused(f"{name} is not a JSON number")


_STRICT = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def _decode(segment: str, name: str) -> bytes:
    try:
        return decode_base64url(segment)
    except ValueError:
        raise _not_a_jwt(f"Its {name} is not base64url.") from None


def _not_a_jwt(detail: str, *, got: str | None = None, expected: str | None = None) -> TokenRefused:
    return TokenRefused(TokenFault.NOT_A_JWT, f"The token is not a valid JWT. {detail}", got=got, expected=expected)


def _kind(value: object) -> str:
    """Name a JSON type: the value itself may be anything, so it is not repeated."""
    return "null" if value is None else _TYPE_NAMES.get(type(value), type(value).__name__)
