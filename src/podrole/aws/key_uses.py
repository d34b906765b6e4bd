"""When and for what each long-term access key and each role was last used. Kept in memory: a restart forgets it."""

from __future__ import annotations

from typing import Any

from podrole.base.clock import rfc3339

_MOST = 20_000
"""Keys and roles remembered; what was used longest ago is forgotten first."""


class KeyUses:
    """The last use of each access key, and of each role by its unique id."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[float, str, str]] = {}

    def note(self, used: str, now: float, service: str, region: str) -> None:
        """Remember a use of an access key or a role."""
        self._uses.pop(used, None)
        if len(self._uses) >= _MOST:
            del self._uses[next(iter(self._uses))]
        self._uses[used] = (now, service, region)

    def shown(self, key_id: str) -> dict[str, Any]:
        """Return the last use as IAM's AccessKeyLastUsed."""
        if key_id not in self._uses:
            return {"ServiceName": "N/A", "Region": "N/A"}
        used_at, service, region = self._uses[key_id]
        return {"LastUsedDate": rfc3339(used_at), "ServiceName": service, "Region": region}

    def shown_role(self, role_id: str) -> dict[str, Any]:
        """Return the last use as IAM's RoleLastUsed; it is empty for a role that was not used."""
        if role_id not in self._uses:
            return {}
        used_at, _, region = self._uses[role_id]
        return {"LastUsedDate": rfc3339(used_at), "Region": region}
