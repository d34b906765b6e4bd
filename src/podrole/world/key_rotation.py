"""A new key for the cluster's tokens, while everything goes on.

The order is the one that a cluster with consumers outside must keep
(https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller): first the new key is
published, still signing nothing; then it signs; the old ones stay published, for the tokens that they signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from podrole.base.files import FileProblem
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.errors import bad_request, internal
from podrole.oidc.keys import SigningKey
from podrole.world.state import WorldDirectory

PATH = "/podrole/rotate-keys"
"""Where the API server takes the order, from those who may ``post`` to this path: its administrators."""
PUBLISHED_SECONDS = 5.0
"""How long the new key is published before it signs: as long as the local AWS waits between two looks at an issuer's
keys for a name that it does not know, so that no exchange has to wait."""
MAX_PUBLISHED_SECONDS = 600.0
MAX_KEYS = 10
"""The oldest key beyond these is no longer published, and its tokens are void: AWS takes no endless list either."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is ordered; ``published_seconds``: how long the new key is published before it signs."""

    published_seconds: float = PUBLISHED_SECONDS


class KeyRotation:
    """Gives the cluster new keys, one rotation after the other. What is in use is always in the directory, too."""

    def __init__(self, cluster: Cluster, directory: WorldDirectory) -> None:
        self._cluster = cluster
        self._directory = directory
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, body: bytes) -> Mapping[str, Any]:
        """Do what an Order asks and return which key signs, which ones are published and which one was dropped.

        Raises StatusError: 400 where it is no Order; 500 where the directory cannot be written, and the keys in use are
        then those in it.
        """
        try:
            order = msgspec.json.decode(body or b"{}", type=Order)
        except msgspec.MsgspecError as problem:
            raise bad_request(f"the order to rotate keys cannot be read: {problem}") from None
        if not 0 <= order.published_seconds <= MAX_PUBLISHED_SECONDS:
            raise bad_request(f"published_seconds must be from 0 to {MAX_PUBLISHED_SECONDS:g}")
        async with self._one_at_a_time:
            old = self._cluster.tokens.keys
            new = await asyncio.to_thread(SigningKey.generate, "RS256")
            kept, dropped = old[: MAX_KEYS - 1], old[MAX_KEYS - 1 :]
            self._use([*kept, new])
            await asyncio.sleep(order.published_seconds)
            self._use([new, *kept])
        return {
            "signing": new.kid,
            "published": [key.kid for key in (new, *kept)],
            "dropped": [key.kid for key in dropped],
        }

    def _use(self, keys: list[SigningKey]) -> None:
        """Written first: a world that ends at any moment begins again with every key that has signed."""
        try:
            self._directory.keep_signing_keys(keys)
        except FileProblem as problem:
            raise internal(problem.what) from problem
        self._cluster.tokens.use_keys(keys)
