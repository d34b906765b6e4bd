"""Verifying a token: the one place that turns unverified claims into verified ones.

The claims are read from the token whose signature is checked: no caller can pass those of another. The steps, for a
token that ``parse_token`` has taken:

1. the keys of that ``kid``  (the caller's: fetched from the issuer that the *account registered*, never from the token)
2. a key among them that fits the token's algorithm
3. the signature
4. ``exp``, ``iat`` and ``nbf`` against now

The issuer and the audience are the caller's to compare: it knows which ones it expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podrole.oidc.errors import TokenFault, TokenRefused
from podrole.oidc.keys import VerificationKey
from podrole.oidc.token import SignedClaims, UnverifiedToken, VerifiedClaims, read_claims


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How far clocks may be apart, in seconds.

    ``expiry_leeway``: a token is taken this long after ``exp``. ``future_leeway``: ``iat`` and ``nbf`` may be this far
    ahead. ``max_age``: a token older than this since ``iat`` is refused whatever its ``exp``; None for no such limit.
    """

    expiry_leeway: int
    future_leeway: int
    max_age: int | None


STS_TIME_RULES = TimeRules(expiry_leeway=300, future_leeway=300, max_age=86_400)
"""AWS takes a token for 5 minutes after its ``exp``
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html) and refuses one as too old whatever its
``exp`` says; the age of 24 hours is inferred, see docs/fidelity.md."""


def verify(token: UnverifiedToken, keys: Sequence[VerificationKey], *, now: float, times: TimeRules) -> VerifiedClaims:
    """Check steps 2 to 4 and return this token's claims. ``now`` is epoch seconds. Raises TokenRefused."""
    return verify_times(verify_signature(token, keys), now=now, times=times)


def verify_signature(token: UnverifiedToken, keys: Sequence[VerificationKey]) -> SignedClaims:
    """Check steps 2 and 3 and return this token's claims. Does not check any time. Raises TokenRefused."""
    claims = read_claims(token)
    fitting = [key for key in keys if key.fits(token.algorithm)]
    if not fitting:
        raise TokenRefused(
            TokenFault.WRONG_KEY,
            "The issuer's key with the token's key id is not for the token's algorithm.",
            got=f"alg {token.algorithm!r}",
            expected="the algorithm and type of the key " + repr(token.kid),
        )
    if not any(key.verifies(token.algorithm, token.signature, token.signed) for key in fitting):
        raise TokenRefused(
            TokenFault.BAD_SIGNATURE,
            "The token's signature was not made with the issuer's key.",
            expected=f"a signature by the issuer's key {token.kid!r}",
        )
    return SignedClaims(claims)


def verify_times(claims: SignedClaims, *, now: float, times: TimeRules) -> VerifiedClaims:
    """Check step 4 and return the claims. ``now`` is epoch seconds. Raises TokenRefused."""
    seconds = int(now)
    if seconds > claims.expires_at + times.expiry_leeway:
        raise TokenRefused(
            TokenFault.EXPIRED,
            "The token has expired.",
            claim="exp",
            got=f"exp {claims.expires_at}",
            expected=f"at least {seconds - times.expiry_leeway} (now {seconds}, leeway {times.expiry_leeway} s)",
            seconds=claims.expires_at,
        )
    if times.max_age is not None and seconds - claims.issued_at > times.max_age:
        raise TokenRefused(
            TokenFault.TOO_OLD,
            "The token was issued too long ago.",
            claim="iat",
            got=f"{seconds - claims.issued_at} s old",
            expected=f"at most {times.max_age} s",
            seconds=seconds - claims.issued_at,
        )
    for name, moment in (("iat", claims.issued_at), ("nbf", claims.not_before)):
        if moment is not None and moment > seconds + times.future_leeway:
            raise TokenRefused(
                TokenFault.NOT_YET_VALID,
                "The token is not valid yet.",
                claim=name,
                got=f"{name} {moment}",
                expected=f"at most {seconds + times.future_leeway} (now {seconds}, leeway {times.future_leeway} s)",
            )
    return VerifiedClaims(claims)
