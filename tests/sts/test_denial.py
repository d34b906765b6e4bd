"""What a denial says to the client, and what it explains beyond that."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.sts.denial import Denial, Denied, Step, denied

STEPS = (Step.PARAMETERS, Step.CLAIMS, Step.TRUST)
CLAIMS = {"token": {"claims": {"sub": "web"}}}


def denial(step: Step = Step.CLAIMS, steps: tuple[Step, ...] = STEPS, **more: Any) -> Denial:
    return Denial("Code", 400, "message", step, "why", steps=steps, **more)


@pytest.mark.parametrize(
    ("made", "explanation"),
    [
        (denial(), {"step": "required claims", "held": ["parameters"], "why": "why"}),
        (denial(Step.PARAMETERS), {"step": "parameters", "why": "why"}),
        (denial(Step.TRUST), {"step": "trust policy", "held": ["parameters", "required claims"], "why": "why"}),
        (denial(Step.CALLER), {"step": "caller", "why": "why"}),
        (denial(steps=()), {"step": "required claims", "why": "why"}),
        (
            denial(steps=(), expected="this", got="that", next_step="do it"),
            {"step": "required claims", "why": "why", "expected": "this", "got": "that", "next": "do it"},
        ),
        (
            denial(steps=(), expected="", evidence={"none": None, "list": [], "map": {}, "text": "", "zero": 0}),
            {"step": "required claims", "why": "why", "zero": 0},
        ),
        (denial(steps=(), evidence={"why": "another"}), {"step": "required claims", "why": "another"}),
    ],
)
def test_a_denial_explains_what_it_knows(made: Denial, explanation: dict[str, Any]) -> None:
    assert made.explanation() == explanation


@pytest.mark.parametrize(
    ("step", "evidence", "subject"),
    [
        (Step.TRUST, CLAIMS, "web"),
        (Step.DURATION, CLAIMS, "web"),
        (Step.SESSION_POLICY, CLAIMS, "web"),
        (Step.CLAIMS, CLAIMS, None),
        (Step.TRUST, {}, None),
        (Step.TRUST, {"token": {}}, None),
    ],
)
def test_the_subject_of_a_token_is_named_only_if_the_token_was_verified(
    step: Step, evidence: dict[str, Any], subject: str | None
) -> None:
    assert denial(step, evidence=evidence).verified_subject == subject


def test_what_an_operation_knew_does_not_replace_what_the_check_found() -> None:
    made = denial(steps=(), evidence={"a": 1}).of(STEPS, {"a": 2, "b": 3})
    assert (made.steps, made.evidence) == (STEPS, {"a": 1, "b": 3})


def test_a_refusal_is_a_bad_request_unless_it_says_otherwise() -> None:
    refusal = denied(Step.TRUST, "Code", "message", "why")
    assert isinstance(refusal, Denied)
    assert refusal.denial == Denial("Code", 400, "message", Step.TRUST, "why")
    assert denied(Step.TRUST, "Code", "message", "why", status=403).denial.status == 403
