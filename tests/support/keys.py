"""Keys for tests of what is done with a key: an RSA key costs as much as a hundred requests."""

from __future__ import annotations

import functools

from podrole.oidc.keys import SigningKey


@functools.cache
def rsa_key(number: int = 0) -> SigningKey:
    """Return an RSA key of this process; another one for each number."""
    return SigningKey.generate("RS256")
