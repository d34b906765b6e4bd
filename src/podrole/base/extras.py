"""What is missing if an extra of podrole's package is not installed."""

from __future__ import annotations

from podrole.base.errors import PodroleError


class ExtraMissing(PodroleError):
    """A command needs libraries or programs that one of podrole's extras brings. The command exits with code 2."""

    code = "extra-missing"

    def __init__(self, what: str, extra: str) -> None:
        """``what`` says what is missing for which purpose; ``extra`` is what brings it."""
        super().__init__(what, next_step=f"pip install 'podrole[{extra}]'")
        self.extra = extra
