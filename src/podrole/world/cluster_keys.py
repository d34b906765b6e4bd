"""The keys of a world's cluster: those in use, and the record of what has happened to each.

The record is on disk before what it says takes effect: before a key is published, before it signs, and before it signs
a token that expires later than any of its tokens so far. So a world that is killed at any moment starts with every key
that has signed an unexpired token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from podrole.base.files import FileProblem
from podrole.cluster.core.errors import internal
from podrole.cluster.identity.service_accounts import ServiceAccountTokens
from podrole.issuer.record import IssuerRecord, KeyState
from podrole.oidc.keys import SigningKey
from podrole.oidc.verify import STS_TIME_RULES
from podrole.world.secrets import EMPTY_RECORD, recorded
from podrole.world.state import WorldDirectory

_STEP_SECONDS = 3_600
"""The recorded expiry is rounded up to this, so that most tokens need no write."""


class RecordedKeys:
    """Keeps a cluster's keys and their record in the world's directory."""

    def __init__(
        self,
        directory: WorldDirectory,
        issuer: str,
        keys: Sequence[SigningKey],
        record: IssuerRecord | None,
        now: float,
    ) -> None:
        """``keys`` are those that are stored, the first of which signs."""
        self._directory = directory
        self.by_id = {key.kid: key for key in keys}
        kept = replace(record or EMPTY_RECORD, issuer=issuer)
        self.record = _completed(kept, keys, now)

    @property
    def in_order(self) -> list[SigningKey]:
        """The keys, the one that signs first, then the newest."""
        keys = sorted(self.record.published, key=lambda key: (key.state is not KeyState.SIGNING, -key.since))
        return [self.by_id[key.kid] for key in keys]

    @property
    def signing(self) -> SigningKey:
        """The key that signs."""
        return self.in_order[0]

    def follow(self, tokens: ServiceAccountTokens) -> None:
        """Record the expiry of the tokens that are signed from now on."""
        tokens.before_signing = self._before_signing

    def use(self, tokens: ServiceAccountTokens, record: IssuerRecord, new: Mapping[str, SigningKey]) -> None:
        """Write the record with its keys, and then use them; ``new`` are keys that were not there. Raises StatusError
        (500) if they cannot be written: then nothing changes."""
        by_id = {
            kid: key
            for kid, key in {**self.by_id, **new}.items()
            if kid in {published.kid for published in record.published}
        }
        self._keep(by_id, record)
        tokens.use_keys(self.in_order)

    def _before_signing(self, kid: str, expiry: float) -> None:
        key = next((known for known in self.record.keys if known.kid == kid), None)
        if key is None or (key.expires is not None and expiry + STS_TIME_RULES.expiry_leeway <= key.expires):
            return  # a key of a file is not the world's to keep
        until = math.ceil((expiry + STS_TIME_RULES.expiry_leeway) / _STEP_SECONDS) * _STEP_SECONDS
        if key.expires is not None:
            self._keep(self.by_id, self.record.with_key(replace(key, expires=until)))

    def _keep(self, by_id: Mapping[str, SigningKey], record: IssuerRecord) -> None:
        before = self.by_id, self.record
        self.by_id, self.record = dict(by_id), record
        try:
            self._directory.keep_signing_keys(self.in_order, record)
        except FileProblem as problem:
            self.by_id, self.record = before
            raise internal(problem.what) from problem


def _completed(record: IssuerRecord, keys: Sequence[SigningKey], now: float) -> IssuerRecord:
    """Return the record of exactly these keys. What is not known of a key is assumed so that no token is lost."""
    stored = {key.kid for key in keys}
    record = replace(record, keys=tuple(known for known in record.keys if known.kid in stored))
    for index, key in enumerate(keys):
        if key.kid not in {known.kid for known in record.keys}:
            record = record.with_key(recorded(key, KeyState.RETIRED if index else KeyState.SIGNING, now))
    return record
