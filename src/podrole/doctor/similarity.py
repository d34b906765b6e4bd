"""The name that was probably meant: by likeness, among names that exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LEAST_LIKENESS = 0.7
_MOST = 2_000


def nearest(name: str, others: Iterable[str]) -> str | None:
    """Return the name most like ``name``, None where none is much like it. Equal but for case comes first."""
    candidates = [other for other in others if other != name][:_MOST]
    folded = name.lower()
    for other in candidates:
        if other.lower() == folded:
            return other
    found = difflib.get_close_matches(name, candidates, n=1, cutoff=LEAST_LIKENESS)
    return found[0] if found else None
