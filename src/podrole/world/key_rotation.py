"""A new signing key for the cluster's tokens, without an interruption.

The steps are those of ``podrole.issuer.rotation``, whose state machine decides: first the new key is published but
signs nothing; then it signs, and the old key stays published until the last of its tokens has expired. A world that is
killed between the steps starts with the old key signing and the new one published; the next rotation goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.core.errors import StatusError, bad_request
from podrole.cluster.identity.service_accounts import ServiceAccountTokens
from podrole.issuer.errors import InvalidIssuer, StepRefused
from podrole.issuer.record import COMING, LEAVING, IssuerRecord, KeyState, jwk_set
from podrole.issuer.rotation import SeenServer, expired_keys, finish, forget_gone, promote, start
from podrole.oidc.keys import SigningKey
from podrole.world.cluster_keys import RecordedKeys
from podrole.world.secrets import recorded
from podrole.world.settings import CLUSTER_NAME

PATH = "/podrole/rotate-keys"
"""The API server's path for a rotation. Only users who may ``post`` to it can use it: administrators."""
PUBLISHED_SECONDS = 5.0
"""How many seconds the new key is published before it signs: the time that the local AWS waits before it fetches an
issuer's keys again for an unknown key id, so that no exchange has to wait."""
MAX_PUBLISHED_SECONDS = 600.0


class RotationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``published_seconds`` is how long the new key is published before it signs."""

    published_seconds: float = PUBLISHED_SECONDS


class KeyRotation:
    """Rotates the cluster's keys, one rotation at a time."""

    def __init__(
        self, keys: RecordedKeys, tokens: ServiceAccountTokens, clock: Clock, *, refused: bool = False
    ) -> None:
        """``refused``: the cluster's issuer or keys are not the world's, and neither is their rotation."""
        self._refused = refused
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, body: bytes) -> Mapping[str, Any]:
        """Rotate as a RotationRequest asks; return which key signs, which are published and which ones left.

        Raises StatusError: 400 if the body is not a RotationRequest; 409 if AWS's limit of keys would be passed, or the
        keys are not the world's; 500 if the directory cannot be written, in which case the step changes nothing.
        """
        try:
            request = msgspec.json.decode(body or b"{}", type=RotationRequest)
        except msgspec.MsgspecError as problem:
            raise bad_request(f"the request to rotate keys cannot be read: {problem}") from None
        if not 0 <= request.published_seconds <= MAX_PUBLISHED_SECONDS:
            raise bad_request(f"published_seconds must be from 0 to {MAX_PUBLISHED_SECONDS:g}")
        if self._refused:
            raise _conflict(
                "this cluster was started with an issuer or keys that podrole up was given, and the world does not "
                "publish those; podrole issuer rotate changes the key"
            )
        async with self._one_at_a_time:
            gone = self._without_expired()
            await self._publish_next()
            await self._promote(request.published_seconds)
        return {
            "signing": self._keys.signing.kid,
            "published": [key.kid for key in self._keys.in_order],
            "dropped": gone,
        }

    def _without_expired(self) -> list[str]:
        """Take out the keys whose last token has expired; return their ids."""
        now, record = self._clock(), self._keys.record
        gone = [key.kid for key in expired_keys(record, CLUSTER_NAME, now)]
        if gone:
            self._use(forget_gone(finish(record, CLUSTER_NAME, self._servers(), now)))
        return gone

    async def _publish_next(self) -> None:
        """Publish the next key, unless an interrupted rotation has done so."""
        coming = self._keys.record.of(CLUSTER_NAME, *COMING)
        if coming:
            now = self._clock()
            if coming[0].since > now:  # the clock was set back
                self._use(self._keys.record.with_key(replace(coming[0], since=now)))
            return
        new = await asyncio.to_thread(SigningKey.generate, "RS256")
        now = self._clock()
        # Read after the wait: tokens were signed, and recorded, meanwhile.
        record = start(self._keys.record, CLUSTER_NAME, new.kid, recorded(new, KeyState.NEXT, now).jwk, now)
        record = record.with_key(recorded(new, KeyState.NEXT, now, expires=now))
        try:
            jwk_set(record)
        except InvalidIssuer as problem:
            raise _conflict(
                f"{problem.got} would be published, and AWS reads at most 100: each may have signed tokens that are "
                f"still valid, the first of them until {_first_expiry(record)}"
            ) from problem
        self._use(record, {new.kid: new})

    async def _promote(self, published_seconds: float) -> None:
        """Let the next key sign, once it was published for the time that the request asks for."""
        (new,) = self._keys.record.of(CLUSTER_NAME, *COMING)
        await asyncio.sleep(max(0.0, new.since + published_seconds - self._clock()))
        served = frozenset(key.kid for key in self._tokens.accepted)
        try:
            self._use(promote(self._keys.record, CLUSTER_NAME, self._servers(signing=new.kid), served, self._clock()))
        except StepRefused as refused:
            raise _conflict(refused.what) from refused

    def _servers(self, *, signing: str | None = None) -> Mapping[str, SeenServer]:
        """Return the only API server; with ``signing``, as it is from the moment when the record says so."""
        accepts = frozenset(key.kid for key in self._tokens.accepted)
        return {"the world": SeenServer(accepts, signing or self._tokens.keys[0].kid)}

    def _use(self, record: IssuerRecord, new: Mapping[str, SigningKey] | None = None) -> None:
        self._keys.use(self._tokens, record, new or {})


def _first_expiry(record: IssuerRecord) -> str:
    return rfc3339(min(record.last_expiry(key) for key in record.of(CLUSTER_NAME, *LEAVING)))


def _conflict(message: str) -> StatusError:
    return StatusError(409, "Conflict", message)
