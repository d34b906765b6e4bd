"""The existing name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LEAST_LIKENESS = 0.7
_MOST = 2_000


def nearest(name: str, others: Iterable[str]) -> str | None:
    """Return the most similar name, None if none is similar enough. A name that differs only in case comes first."""
    candidates = [other for other in others if other != name][:_MOST]
    folded = name.lower()
    for other in candidates:
        if other.lower() == folded:
            return other
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=LEAST_LIKENESS)
    return matches[0] if matches else None
