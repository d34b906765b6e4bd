"""Calls that wait for something to come: ReceiveMessage, and SWF's polls for tasks.

moto sleeps while it waits, in the one thread that serves every call. Here it answers at once; the call waits in the
event loop and is served once more after each change, until there is something to return or its time is over.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

RETRY_SECONDS = 1.0
"""How often a call looks for what comes without a change: a delayed message, or one that is visible once more."""

_seconds_wanted = 0.0
"""How long the call in moto's thread would have waited."""


def before_call() -> None:
    """Prepare for a call. Runs in moto's thread."""
    global _seconds_wanted  # noqa: PLW0603 - a process has one moto
    _seconds_wanted = 0.0
    for name, replace in list(_waiting.items()):
        if name in sys.modules:
            replace(sys.modules[name])
            del _waiting[name]


def seconds_wanted() -> float:
    """Return how long the call that was just served should wait for more, 0 if its answer is final."""
    return _seconds_wanted


def _want(seconds: float) -> None:
    global _seconds_wanted  # noqa: PLW0603 - as above
    _seconds_wanted = float(seconds)


def _replace_in_sqs(sqs: Any) -> None:
    receive = sqs.SQSBackend.receive_message

    @functools.wraps(receive)
    def receive_now(
        self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *values: Any, **options: Any
    ) -> Any:
        messages = receive(self, queue_name, count, 0, *values, **options)
        if not messages:
            _want(wait_seconds_timeout)
        return messages

    sqs.SQSBackend.receive_message = receive_now


def _replace_in_swf(swf: Any) -> None:
    swf.sleep = _want


REPLACEMENTS = {"moto.sqs.models": _replace_in_sqs, "moto.swf.models": _replace_in_swf}
"""By module of moto. A call can wait only for what an earlier call created, and that call imported the module."""

_waiting = dict(REPLACEMENTS)
"""The modules that have not been imported yet."""
