"""What the store remembers and watchers are told: one write."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Object = dict[str, Any]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class Change(msgspec.Struct, frozen=True, gc=False):
    """One write. ``previous`` is the object before it; of a deletion, ``object`` is the last state."""

    type: ChangeType
    object: Object
    previous: Object | None
    revision: int
