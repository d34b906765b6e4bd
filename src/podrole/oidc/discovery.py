"""From an issuer's URL to its keys: the discovery document, then the JWK Set (OpenID Connect Discovery 1.0, 4).

Where a document lies depends only on the issuer that the account registered; nothing in a token leads here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import Fetcher
from podrole.oidc.jwks import Keys, parse_jwks

TIMEOUT_SECONDS = 5.0
"""Both documents must have come by then, as for STS (https://repost.aws/knowledge-center/iam-sts-invalididentitytoken)."""


def discovery_url(issuer: str) -> str:
    """Return where the discovery document of ``issuer`` lies; one trailing slash is not doubled."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


async def fetch_keys(
    issuer: str, *, thumbprints: Sequence[str], fetcher: Fetcher, limit_seconds: float = TIMEOUT_SECONDS
) -> Keys:
    """Fetch the keys that ``issuer`` publishes now. Raises KeysUnavailable, whatever goes wrong.

    Guarantees that the document names that same issuer, byte for byte, and that everything came over https.
    """
    url = discovery_url(issuer)
    try:
        async with asyncio.timeout(limit_seconds):
            document = _json(await fetcher.get(url, thumbprints), url)
            named, jwks_uri = document.get("issuer"), document.get("jwks_uri")
            if named != issuer:
                raise KeysUnavailable(
                    KeysFault.OTHER_ISSUER,
                    f"The discovery document at {url} names another issuer.",
                    got=repr(named) if isinstance(named, str) else "no issuer",
                    expected=repr(issuer),
                    next_step="the names must be equal to the last character: mind a trailing slash or a port",
                )
            if not isinstance(jwks_uri, str) or not jwks_uri.startswith("https://"):
                raise KeysUnavailable(
                    KeysFault.NOT_HTTPS,
                    f"The discovery document at {url} has no https address for the keys.",
                    got=f"jwks_uri {jwks_uri!r}" if isinstance(jwks_uri, str) else "no jwks_uri",
                    expected="https://…",
                )
            return parse_jwks(_json(await fetcher.get(jwks_uri, thumbprints), jwks_uri), where=jwks_uri)
    except TimeoutError:
        raise KeysUnavailable(
            KeysFault.TIMEOUT,
            f"The issuer {issuer} did not send its documents in time.",
            expected=f"discovery document and keys within {limit_seconds:g} s",
        ) from None


def _json(body: bytes, url: str) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise KeysUnavailable(KeysFault.MALFORMED, f"The document at {url} is not a JSON object.")
    return document
