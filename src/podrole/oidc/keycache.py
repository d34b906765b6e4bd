"""An issuer's keys, remembered.

A key that is known costs nothing. A ``kid`` that is not known makes the keys be fetched again, because an issuer that
rotates publishes new names; but no more often than the cool-down allows: anyone can make up names. A request that
comes within the cool-down waits for its end, so neither a rotation nor a flood of made-up names fails a good token; one
fetch serves all who wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from podrole.base.clock import Clock
from podrole.oidc.discovery import TIMEOUT_SECONDS, discovery_url, fetch_keys
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import Fetcher
from podrole.oidc.jwks import Keys
from podrole.oidc.keys import VerificationKey

FRESH_SECONDS = 300.0
"""After this time the keys are fetched again before the next use, so a withdrawn key is not accepted any longer."""
STALE_SECONDS = 3_600.0
"""How long good keys serve on while their issuer does not answer."""
COOL_DOWN_SECONDS = 5.0
"""The least time between two fetches that unknown ids ask for, and between two tries to replace stale keys."""
MAX_WAITING = 256
"""How many requests may wait for the end of a cool-down; a flood beyond that is refused at once."""
MAX_ISSUERS = 256
"""How many issuers are remembered; the one asked for longest ago is forgotten first."""


@dataclass(slots=True)
class _Entry:
    keys: Keys = field(default_factory=dict)
    fetched_at: float = float("-inf")  # by the clock, which tests turn
    fetches: int = 0  # begun so far
    under_way: asyncio.Task[None] | None = None
    not_before: float = float("-inf")  # by the event loop: the end of the cool-down
    waiting: int = 0


class KeyCache:
    """The keys of every issuer that was asked for. One event loop uses it.

    Thumbprints are part of an entry's name: keys that came over a certificate that the provider no longer lists are not
    used again.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        clock: Clock,
        *,
        cool_down: float = COOL_DOWN_SECONDS,
        fetch_limit: float = TIMEOUT_SECONDS,
    ) -> None:
        """``cool_down`` and ``fetch_limit`` are in seconds: see COOL_DOWN_SECONDS and ``fetch_keys``."""
        self._fetcher = fetcher
        self._clock = clock
        self._cool_down = cool_down
        self.fetch_limit = fetch_limit
        self._entries: dict[tuple[str, tuple[str, ...]], _Entry] = {}

    async def keys(self, issuer: str, kid: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:
        """See KeySource."""
        entry = self._entry(issuer, tuple(thumbprints))
        begun_before = entry.fetches
        if not self._is_fresh(entry):
            await self._refresh(entry, issuer, thumbprints)
        # A fetch that began before this request came may have missed a key that its token already uses.
        while kid not in entry.keys and entry.fetches == begun_before:
            await self._look_again(entry, issuer, kid, thumbprints)
        if kid in entry.keys:
            return entry.keys[kid]
        raise _unknown(issuer, kid, entry.keys)

    async def served_thumbprint(self, issuer: str) -> str:
        """See Issuers."""
        try:
            async with asyncio.timeout(self.fetch_limit):
                return await self._fetcher.served_thumbprint(discovery_url(issuer))
        except TimeoutError:
            raise KeysUnavailable(
                KeysFault.TIMEOUT,
                f"The server of {issuer} did not answer in time.",
                expected=f"a certificate within {self.fetch_limit:g} s",
            ) from None

    def forget(self) -> None:
        """Drop what is known, so that the next use fetches."""
        self._entries.clear()

    def _entry(self, issuer: str, thumbprints: tuple[str, ...]) -> _Entry:
        name = (issuer, thumbprints)
        entry = self._entries.pop(name, None) or _Entry()
        self._entries[name] = entry  # last: asked for most recently
        if len(self._entries) > MAX_ISSUERS:
            del self._entries[next(iter(self._entries))]
        return entry

    def _is_fresh(self, entry: _Entry) -> bool:
        age = self._clock() - entry.fetched_at
        if 0 <= age <= FRESH_SECONDS:
            return True
        # An issuer that just failed to answer is not asked at every request, while its old keys may still serve.
        return age <= STALE_SECONDS and asyncio.get_running_loop().time() < entry.not_before

    async def _refresh(self, entry: _Entry, issuer: str, thumbprints: Sequence[str]) -> None:
        """Fetch, or join the fetch under way. Where it fails, good keys are kept, and it raises only without any."""
        if entry.under_way is None:
            entry.fetches += 1
            entry.under_way = asyncio.create_task(self._fetch(entry, issuer, thumbprints))
            entry.under_way.add_done_callback(_take_exception)
        try:
            await asyncio.shield(entry.under_way)
        except KeysUnavailable:
            if self._clock() - entry.fetched_at > STALE_SECONDS:
                raise

    async def _fetch(self, entry: _Entry, issuer: str, thumbprints: Sequence[str]) -> None:
        # The entry is up to date when the task ends, not in a callback after it: awaiting a task that has ended does
        # not yield, so a request that came between the two would wait for the callback without ever letting it run.
        try:
            entry.keys = await fetch_keys(
                issuer, thumbprints=thumbprints, fetcher=self._fetcher, limit_seconds=self.fetch_limit
            )
            entry.fetched_at = self._clock()
        except Exception:
            entry.not_before = asyncio.get_running_loop().time() + self._cool_down
            raise
        finally:
            entry.under_way = None

    async def _look_again(self, entry: _Entry, issuer: str, kid: str, thumbprints: Sequence[str]) -> None:
        """Fetch because of an unknown ``kid``, after the cool-down; all that wait share one fetch."""
        loop = asyncio.get_running_loop()
        begun_before = entry.fetches
        pause = entry.not_before - loop.time()
        if pause > 0 and entry.under_way is None:
            if entry.waiting >= MAX_WAITING:
                raise _unknown(issuer, kid, entry.keys)
            entry.waiting += 1
            try:
                await asyncio.sleep(pause)
            finally:
                entry.waiting -= 1
        if entry.under_way is None:
            if entry.fetches != begun_before:
                return  # another request that waited has fetched already
            entry.not_before = loop.time() + self._cool_down
        await self._refresh(entry, issuer, thumbprints)


def _take_exception(task: asyncio.Task[None]) -> None:
    """Mark a failure as seen: the requests that waited for it may all be gone."""
    if not task.cancelled():
        task.exception()


def _unknown(issuer: str, kid: str, keys: Keys) -> KeysUnavailable:
    return KeysUnavailable(
        KeysFault.UNKNOWN_KEY,
        f"The issuer {issuer} publishes no key with the token's key id.",
        got=f"kid {kid!r}",
        expected="one of " + ", ".join(sorted(map(repr, keys))),
    )
