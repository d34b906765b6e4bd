"""A new signing key for the cluster's tokens, without an interruption.

The steps are those of a cluster whose tokens are verified elsewhere
(https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller): first the new key is
published but signs nothing; then it signs; the old keys stay published for the tokens that they signed.
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
"""The API server's path for a rotation. Only users who may ``post`` to it can use it: administrators."""
PUBLISHED_SECONDS = 5.0
"""How many seconds the new key is published before it signs: the time that the local AWS waits before it fetches an
issuer's keys again for an unknown key id, so that no exchange has to wait."""
MAX_PUBLISHED_SECONDS = 600.0
MAX_KEYS = 10
"""How many keys are published at most. An older key is dropped, and its tokens are no longer valid: AWS limits the
number of keys, too."""


class RotationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``published_seconds`` is how long the new key is published before it signs."""

    published_seconds: float = PUBLISHED_SECONDS


class KeyRotation:
    """Rotates the cluster's keys, one rotation at a time. The keys in use are always in the directory, too."""

    def __init__(self, cluster: Cluster, directory: WorldDirectory) -> None:
        self._cluster = cluster
        self._directory = directory
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, body: bytes) -> Mapping[str, Any]:
        """Rotate as a RotationRequest asks; return which key signs, which are published and which one was dropped.

        Raises StatusError: 400 if the body is not a RotationRequest; 500 if the directory cannot be written, in which
        case the keys do not change.
        """
        try:
            request = msgspec.json.decode(body or b"{}", type=RotationRequest)
        except msgspec.MsgspecError as problem:
            raise bad_request(f"the request to rotate keys cannot be read: {problem}") from None
        if not 0 <= request.published_seconds <= MAX_PUBLISHED_SECONDS:
            raise bad_request(f"published_seconds must be from 0 to {MAX_PUBLISHED_SECONDS:g}")
        async with self._one_at_a_time:
            old = self._cluster.tokens.keys
            new = await asyncio.to_thread(SigningKey.generate, "RS256")
            kept, dropped = old[: MAX_KEYS - 1], old[MAX_KEYS - 1 :]
            self._use([*kept, new])
            await asyncio.sleep(request.published_seconds)
            self._use([new, *kept])
        return {
            "signing": new.kid,
            "published": [key.kid for key in (new, *kept)],
            "dropped": [key.kid for key in dropped],
        }

    def _use(self, keys: list[SigningKey]) -> None:
        """Use these keys, but write them first: a world that ends at any moment starts with every key that has
        signed."""
        try:
            self._directory.keep_signing_keys(keys)
        except FileProblem as problem:
            raise internal(problem.what) from problem
        self._cluster.tokens.use_keys(keys)
