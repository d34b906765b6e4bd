"""A fact that could not be read, as a value; and the one place where a source's error becomes such a value.

Sources raise ``SourceError``, because their answers pass through functions that know nothing of the doctor: STS's
exchange, the policy engine. Facts and links hold and test values only: ``read`` and ``read_async`` catch the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from podrole.doctor.errors import SourceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UnknownFact:
    """A fact that could not be read. ``what`` is one sentence: what could not be read, and why."""

    what: str
    got: str | None = None
    next_step: str | None = None


def read(reading: Callable[[], T]) -> T | UnknownFact:
    """Return what ``reading`` returns, or UnknownFact if a source could not answer."""
    try:
        return reading()
    except SourceError as error:
        return _unknown(error)


async def read_async(reading: Awaitable[T]) -> T | UnknownFact:
    """Return what ``reading`` returns, or UnknownFact if a source could not answer."""
    try:
        return await reading
    except SourceError as error:
        return _unknown(error)


def _unknown(error: SourceError) -> UnknownFact:
    return UnknownFact(error.what, error.got, error.next_step)
