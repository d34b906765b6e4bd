"""What a world keeps of itself in its journal: its account and region, when it was made, and its initialization."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from podrole.base.journal import Journal, Write
from podrole.world.settings import Place

_TABLE = "world"
T = TypeVar("T")


class Origin(msgspec.Struct, frozen=True):
    """What the first start decided. ``created_at`` is epoch seconds."""

    place: Place
    created_at: float


class Initialization(msgspec.Struct, frozen=True):
    """How far ``podrole up --init`` came: the steps that are done, by name, and whether that is all of them."""

    done: tuple[str, ...] = ()
    complete: bool = False


class Kept:
    """The world's own records; without a journal they last as long as the process."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        records = {} if journal is None else journal.tables(_TABLE).get(_TABLE, {})
        self.origin = _read(records, "origin", Origin)
        """None until the first start has kept it."""
        self.initialization = _read(records, "initialization", Initialization) or Initialization()

    async def keep_origin(self, origin: Origin) -> None:
        """Raises WriteFailed."""
        await self._keep("origin", origin)
        self.origin = origin

    async def keep_initialization(self, initialization: Initialization) -> None:
        """Raises WriteFailed."""
        await self._keep("initialization", initialization)
        self.initialization = initialization

    async def _keep(self, key: str, value: Any) -> None:
        if self._journal is not None:
            await self._journal.commit([Write(_TABLE, key, msgspec.json.encode(value))])


def _read(records: dict[str, bytes], key: str, kind: type[T]) -> T | None:
    return msgspec.json.decode(records[key], type=kind) if key in records else None
