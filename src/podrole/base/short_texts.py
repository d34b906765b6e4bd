"""A cache of a function's results by text that clients send: bounded in entries and in the length of each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

LONGEST = 512
"""Characters. Names, labels and selectors are shorter, except for wrong ones."""


def cached_for_short_texts(entries: int, *, longest: int = LONGEST) -> Callable[[F], F]:
    """Return a decorator that keeps the last ``entries`` results of a function whose first parameter is a text.

    The result for a text longer than ``longest`` is not kept: a few such texts could fill the memory.
    """

    def decorate(function: F) -> F:
        cached: Callable[..., Any] = functools.lru_cache(maxsize=entries)(function)

        @functools.wraps(function)
        def call(text: str, *args: Any, **kwargs: Any) -> Any:
            return (cached if len(text) <= longest else function)(text, *args, **kwargs)

        return cast("F", call)

    return decorate
