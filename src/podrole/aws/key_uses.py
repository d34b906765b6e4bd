"""When and for what each long-term access key was last used. Kept in memory: a restart forgets it."""

from __future__ import annotations

from typing import Any

from podrole.base.clock import rfc3339

_MOST_KEYS = 10_000
"""Keys remembered; the one that was used longest ago is forgotten first."""


class KeyUses:
    """The last use of each access key."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[float, str, str]] = {}

    def note(self, key_id: str, now: float, service: str, region: str) -> None:
        """Remember a use."""
        self._uses.pop(key_id, None)
        if len(self._uses) >= _MOST_KEYS:
            del self._uses[next(iter(self._uses))]
        self._uses[key_id] = (now, service, region)

    def shown(self, key_id: str) -> dict[str, Any]:
        """Return the last use as IAM's AccessKeyLastUsed."""
        if key_id not in self._uses:
            return {"ServiceName": "N/A", "Region": "N/A"}
        used_at, service, region = self._uses[key_id]
        return {"LastUsedDate": rfc3339(used_at), "ServiceName": service, "Region": region}
