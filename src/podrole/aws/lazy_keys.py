"""Condition keys that are worked out when a policy first asks for one."""

from __future__ import annotations

from collections.abc import Callable, Container, ItemsView, Iterator, Mapping

from podrole.iam.actions.keys import ConditionKeys


class LazyKeys(Mapping[str, "str | list[str]"]):
    """Condition keys that are computed when a policy first reads one: most policies read none."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], dict[str, str | list[str]]]) -> None:
        self._make = make
        self._made: dict[str, str | list[str]] | None = None

    def _all(self) -> dict[str, str | list[str]]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def items(self) -> ItemsView[str, str | list[str]]:
        """Return the keys with their values, without a look-up for each."""
        return self._all().items()

    def __getitem__(self, key: str) -> str | list[str]:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class PermissionKeys(LazyKeys):
    """The keys of one permission. ``unknown`` are those whose value is unknown."""

    __slots__ = ("unknown",)

    def __init__(self, make: Callable[[], ConditionKeys]) -> None:
        # The function refers to ``unknown``, not to ``self``: a reference cycle for each permission would leave its
        # memory to the garbage collector.
        self.unknown = unknown = _LazyUnknown(make)
        super().__init__(lambda: unknown.made().values)


class _LazyUnknown(Container[str]):
    """The unknown keys, which are not computed either before one is asked for."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], ConditionKeys]) -> None:
        self._make = make
        self._made: ConditionKeys | None = None

    def made(self) -> ConditionKeys:
        """Return the keys, computed once."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def __contains__(self, key: object) -> bool:
        return key in self.made().unknown
