"""The third value: what is not known of a request is neither there nor absent.

A condition on a key whose value is unknown is neither true nor false. An Allow needs true; a Deny applies unless false.
So whatever the value is, nothing is allowed that it could forbid.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from enum import Enum
from typing import Final, NoReturn


class UnknownValue(Enum):
    """The third truth value, and the value of a condition key that is not known.

    It has no truth value of its own: compare with ``is``.
    """

    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("an unknown answer is neither true nor false; compare it with `is UNKNOWN`")


UNKNOWN: Final = UnknownValue.UNKNOWN

Truth = bool | UnknownValue


class UnknownKeys(Container[str]):
    """A set of condition keys, compared without regard to case. A name that ends in ``*`` stands for a family of keys:
    ``aws:ResourceTag/*``."""

    __slots__ = ("_families", "_keys")

    def __init__(self, names: Iterable[str]) -> None:
        lowered = [name.lower() for name in names]
        self._keys = frozenset(name for name in lowered if not name.endswith("*"))
        self._families = tuple(name.removesuffix("*") for name in lowered if name.endswith("*"))

    def __contains__(self, key: object) -> bool:
        """Take the key in lower case."""
        return key in self._keys or (isinstance(key, str) and key.startswith(self._families))


def all_of(answers: Iterable[Truth]) -> Truth:
    """Return false if any answer is false, else unknown if any is unknown, else true."""
    result: Truth = True
    for answer in answers:
        if answer is False:
            return False
        if answer is UNKNOWN:
            result = UNKNOWN
    return result


def any_of(answers: Iterable[Truth]) -> Truth:
    """Return true if any answer is true, else unknown if any is unknown, else false."""
    result: Truth = False
    for answer in answers:
        if answer is True:
            return True
        if answer is UNKNOWN:
            result = UNKNOWN
    return result
