"""Caches of a function's results by text that clients send: bounded in entries and length, or in all texts together."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
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


def cached_by_length(characters: int) -> Callable[[F], F]:
    """Return a decorator that keeps the latest results of a function, as long as the texts that they belong to have no
    more than ``characters`` together. The text is the first parameter; a longer text is not kept. For results whose
    size grows with their text. Any thread may call the function.
    """

    def decorate(function: F) -> F:
        kept: OrderedDict[tuple[Any, ...], list[Any]] = OrderedDict()
        """The results in order of age, each with whether it was asked for since it was last the oldest."""
        lock = threading.Lock()
        held = 0

        @functools.wraps(function)
        def call(text: str, *args: Any) -> Any:
            entry = kept.get((text, *args))
            if entry is None:
                entry = [function(text, *args), False]
                keep((text, *args), entry)
            else:
                entry[1] = True  # without the lock: at worst the result is worked out once more
            return entry[0]

        def keep(key: tuple[Any, ...], entry: list[Any]) -> None:
            nonlocal held
            if len(key[0]) > characters:
                return
            with lock:
                if key not in kept:
                    held += len(key[0])
                kept[key] = entry
                while held > characters:
                    oldest, its_entry = kept.popitem(last=False)
                    if its_entry[1]:
                        its_entry[1] = False
                        kept[oldest] = its_entry
                    else:
                        held -= len(oldest[0])

        return cast("F", call)

    return decorate
