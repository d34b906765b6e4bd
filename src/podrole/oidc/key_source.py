"""Where verification keys come from: the seam between verifying a token and fetching its issuer's keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from podrole.oidc.keys import VerificationKey


class KeySource(Protocol):
    """Where verification keys come from."""

    async def keys(self, issuer: str, kid: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:
        """Return the issuer's keys of that id, at least one. Raises KeysUnavailable."""
        ...


class Issuers(KeySource, Protocol):
    """What can be asked of issuers' servers: their keys, and the certificate that stands for them."""

    async def served_thumbprint(self, issuer: str) -> str:
        """Return the SHA-1 of the last certificate that the issuer's server sends. Raises KeysUnavailable."""
        ...
