"""A denial: AWS's error for the client, and podrole's reason for the event log and the explanation.

A denial is a value. Inside this package it travels as ``Denied`` so that each check can be written as a sentence; the
public functions return it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """The checks that an operation makes. Each operation has its own, in its own order."""

    PARAMETERS = "parameters"
    CALLER = "caller"
    TOKEN = "token form"  # noqa: S105 - the name of a step
    CLAIMS = "required claims"
    PROVIDER = "identity provider"
    AUDIENCE = "audience"
    KEYS = "issuer's keys"
    SIGNATURE = "signature"
    TIME = "time"
    TRUST = "trust policy"
    DURATION = "duration"
    SESSION_POLICY = "session policy"
    ASSOCIATION = "pod identity association"


WEB_IDENTITY_STEPS = (
    Step.PARAMETERS,
    Step.TOKEN,
    Step.CLAIMS,
    Step.PROVIDER,
    Step.AUDIENCE,
    Step.KEYS,
    Step.SIGNATURE,
    Step.TIME,
    Step.TRUST,
    Step.DURATION,
    Step.SESSION_POLICY,
)
ASSUME_ROLE_STEPS = (Step.PARAMETERS, Step.CALLER, Step.TRUST, Step.DURATION, Step.SESSION_POLICY)
POD_IDENTITY_STEPS = (
    Step.PARAMETERS,
    Step.TOKEN,
    Step.CLAIMS,
    Step.AUDIENCE,
    Step.KEYS,
    Step.SIGNATURE,
    Step.TIME,
    Step.ASSOCIATION,
    Step.TRUST,
    Step.SESSION_POLICY,
)


@dataclass(frozen=True, slots=True)
class Denial:
    """What the client gets (``code``, ``status``, ``message``) and what is known beyond that.

    ``steps`` are the operation's checks in their order: those before ``step`` have held. ``why`` is one sentence;
    ``expected`` and ``got`` its two sides where it has them; ``evidence`` whatever else the deciding function found,
    JSON-able. None of them holds a token, a key or a signature.
    """

    code: str
    status: int
    message: str
    step: Step
    why: str
    expected: str | None = None
    got: str | None = None
    next_step: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def verified_subject(self) -> str | None:
        """The subject of the token; None if the token was not verified."""
        if self.step not in _TOKEN_BELIEVED:
            return None
        subject: str | None = self.evidence.get("token", {}).get("claims", {}).get("sub")
        return subject

    def explanation(self) -> dict[str, Any]:
        """Return the denial's reasons as JSON-able data, without empty values."""
        held = self.steps[: self.steps.index(self.step)] if self.step in self.steps else ()
        parts: dict[str, Any] = {
            "step": self.step.value,
            "held": [step.value for step in held],
            "why": self.why,
            "expected": self.expected,
            "got": self.got,
            "next": self.next_step,
            **self.evidence,
        }
        return {name: value for name, value in parts.items() if value not in (None, [], {}, "")}

    def of(self, steps: tuple[Step, ...], known: Mapping[str, Any]) -> Denial:
        """Return the denial as one of an operation with ``steps``, with what was ``known`` by then."""
        return replace(self, steps=steps, evidence={**known, **self.evidence})


_TOKEN_BELIEVED = (Step.TRUST, Step.DURATION, Step.SESSION_POLICY)


class Denied(Exception):
    """Carries a Denial out of a check."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.why)
        self.denial = denial


def denied(
    step: Step,
    code: str,
    message: str,
    why: str,
    *,
    status: int = 400,
    expected: str | None = None,
    got: str | None = None,
    next_step: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Denied:
    """Return a Denied to raise."""
    return Denied(Denial(code, status, message, step, why, expected, got, next_step, evidence or {}))
