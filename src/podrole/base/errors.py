"""The root of every error that podrole raises on purpose.

::

    PodroleError
    ├── podrole.base       FileProblem, PortInUse
    ├── podrole.iam        PolicyError …
    ├── podrole.oidc       TokenRefused, KeysUnavailable …
    └── …                  one root for each package, drawn in that package's ``errors`` module

An error here is a fault that a person can fix; a *decision* that refuses something is not an error but a value
(``Decision``, ``Denial``). An error says what failed, what was found, what was expected, and what to do next. The CLI
and the HTTP layers render it; nothing below them prints.
"""

from __future__ import annotations

from typing import ClassVar


class PodroleError(Exception):
    """A fault with its evidence.

    ``what`` is one sentence. ``got`` and ``expected`` are shown as they are, so the caller quotes them; never pass a
    token, a key or a signature. ``next_step`` is what the reader should do now.
    """

    code: ClassVar[str] = "podrole"
    """Stable and machine-readable: documented, tested, never reworded."""

    def __init__(
        self, what: str, *, got: str | None = None, expected: str | None = None, next_step: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.got = got
        self.expected = expected
        self.next_step = next_step

    def diagnostics(self) -> str:
        """Return the explanation for a person, one fact a line, ending with what to do."""
        lines = [self.what]
        if self.expected is not None:
            lines.append(f"  expected: {self.expected}")
        if self.got is not None:
            lines.append(f"  got:      {self.got}")
        if self.next_step is not None:
            lines.append(f"  next:     {self.next_step}")
        return "\n".join(lines)


def outline(problem: BaseException) -> str:
    """Return the class of an exception and the places that it passed, innermost first, for a log.

    Its message is left out: it may repeat what a client sent, a token or a key.
    """
    import traceback  # only for an error that is logged: commands start quicker without it

    frames = traceback.extract_tb(problem.__traceback__)
    places = " < ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
    return f"{type(problem).__name__} at {places}" if places else type(problem).__name__
