"""Whether this machine's clock can be trusted: it says from when a key may sign, and when it may go."""

from __future__ import annotations

from podrole.base.clock import rfc3339, system_clock
from podrole.issuer.errors import StepRefused

CLOCK_SECONDS = 60
"""How far this machine's clock may differ from another one."""


def server_named(address: str) -> str:
    """Return how an API server is named in a message."""
    return f"the API server at {address}"


def require_same_time(where: str, seen: float, before: float) -> None:
    """Raise StepRefused if the time that was ``seen`` somewhere between ``before`` and now is not this machine's."""
    after = system_clock()
    difference = min(0.0, seen - before + CLOCK_SECONDS) or max(0.0, seen - after - CLOCK_SECONDS)
    if difference:
        ahead = "behind" if difference > 0 else "ahead of"
        raise StepRefused(
            f"This machine's clock is {ahead} the clock of {where}.",
            got=rfc3339(after),
            expected=f"about {rfc3339(seen)}",
            next_step="set the clock: a key would sign or go at the wrong time",
        )
