"""What a context of a refusal accepts, and what it lets pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from podrole.testing import Call, NotRefused, Refusal

CALL = Call(
    id="1",
    time=0.0,
    who="arn:aws:sts::111122223333:assumed-role/shop-inventory/s",
    action="s3:DeleteObject",
    resource="arn:aws:s3:::reports/a.csv",
    outcome="refused",
    status=403,
    code="AccessDenied",
    why="No identity-based policy allows s3:DeleteObject.",
    explanation=None,
)


class ClientError(Exception):
    """As botocore's."""

    response = {"Error": {"Code": "AccessDenied"}}  # noqa: RUF012 - an answer as a stand-in for AWS's


def wrapped() -> None:
    try:
        raise_client_error()
    except ClientError as problem:
        raise RuntimeError("the upload failed") from problem


def swallowed() -> None:
    """The code under test handles the refusal itself."""


def raise_client_error() -> None:
    raise ClientError


def refusal(*made: Call, match: str | None = None, before: tuple[Call, ...] = ()) -> Refusal:
    answers = iter([list(before), [*before, *made]])
    return Refusal(lambda: next(answers), match)


@pytest.mark.parametrize("code", [raise_client_error, wrapped, swallowed])
@pytest.mark.parametrize("match", [None, "s3:DeleteObject", r"reports/a\.csv", "AccessDenied", "No identity-based"])
def test_a_refused_call_is_accepted(code: Callable[[], None], match: str | None) -> None:
    with refusal(CALL, match=match) as found:
        code()
    assert found.calls == [CALL]


@pytest.mark.parametrize(
    ("made", "match"),
    [
        ((), None),
        ((dataclasses.replace(CALL, outcome="allowed", code=None),), None),
        ((dataclasses.replace(CALL, outcome="failed", code="NoSuchKey"),), None),
        ((CALL,), "s3:PutObject"),
    ],
)
@pytest.mark.parametrize("code", [raise_client_error, swallowed])
def test_without_the_refusal_the_context_fails_and_shows_what_was(
    made: tuple[Call, ...], match: str | None, code: Callable[[], None]
) -> None:
    with pytest.raises(NotRefused) as raised, refusal(*made, match=match):
        code()
    shown = str(raised.value)
    assert "AWS refused no call" in shown
    assert ("s3:DeleteObject on arn:aws:s3:::reports/a.csv by arn:aws:sts" in shown) == bool(made)
    assert isinstance(raised.value, AssertionError)


def test_a_refusal_before_the_context_does_not_count() -> None:
    with pytest.raises(NotRefused), refusal(before=(CALL,)):
        pass


@pytest.mark.parametrize("made", [(), (CALL,)])
def test_an_error_that_has_nothing_to_do_with_aws_passes(made: tuple[Call, ...]) -> None:
    with pytest.raises(ZeroDivisionError), refusal(*made):
        raise ZeroDivisionError


def test_an_interruption_passes() -> None:
    with pytest.raises(KeyboardInterrupt), refusal(CALL):
        raise KeyboardInterrupt


async def test_a_refusal_is_an_asynchronous_context_too() -> None:
    async with refusal(CALL) as found:
        raise_client_error()
    assert found.calls == [CALL]
