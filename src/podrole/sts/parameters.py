"""Parameters of STS operations, validated as the API's model says.

All violations of one request go into one message, in the form that AWS's services share. Limits and patterns are
those of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html and its siblings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podrole.sts.denial import Denied, Step, denied

MIN_DURATION, MAX_DURATION, DEFAULT_DURATION = 900, 43_200, 3_600
MAX_POLICY_ARNS = 10
_POLICY_ARN = re.compile(r"PolicyArns\.member\.([1-9][0-9]*)\.arn")


@dataclass(frozen=True, slots=True)
class Text:
    """A text parameter: its length in characters and the pattern of all of it. A sensitive value is not repeated."""

    name: str
    minimum: int
    maximum: int
    pattern: str | None = None
    required: bool = False
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two limits."""

    name: str
    minimum: int
    maximum: int


ROLE_ARN = Text("RoleArn", 20, 2_048, required=True)
ROLE_SESSION_NAME = Text("RoleSessionName", 2, 64, r"[\w+=,.@-]*", required=True)
WEB_IDENTITY_TOKEN = Text("WebIdentityToken", 4, 20_000, required=True, sensitive=True)
PROVIDER_ID = Text("ProviderId", 4, 2_048)
POLICY = Text("Policy", 1, 2_048)
DURATION_SECONDS = Integer("DurationSeconds", MIN_DURATION, MAX_DURATION)

WEB_IDENTITY_PARAMETERS = (ROLE_ARN, ROLE_SESSION_NAME, WEB_IDENTITY_TOKEN, PROVIDER_ID, POLICY, DURATION_SECONDS)


def validate(parameters: Mapping[str, str], model: Iterable[Text | Integer]) -> None:
    """Raise Denied (ValidationError) naming every parameter that breaks the model."""
    faults: list[str] = []
    for member in model:
        value = parameters.get(member.name)
        if isinstance(member, Text):
            faults.extend(_text_faults(member, value))
        elif value is not None:
            faults.extend(_integer_faults(member, value))
    if faults:
        raise validation_error(faults)


def policy_arns(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``PolicyArns`` in the order of their numbers. Raises Denied where there are too many."""
    numbered = sorted(
        (int(match[1]), value) for name, value in parameters.items() if (match := _POLICY_ARN.fullmatch(name))
    )
    if len(numbered) > MAX_POLICY_ARNS:
        shown = f"[{', '.join(f'PolicyDescriptorType(arn={value})' for _, value in numbered)}]"
        raise validation_error(
            [_fault(shown, "policyArns", f"Member must have length less than or equal to {MAX_POLICY_ARNS}")]
        )
    faults: list[str] = []
    for number, value in numbered:
        faults.extend(_text_faults(Text(f"policyArns.{number}.member.arn", 20, 2_048), value))
    if faults:
        raise validation_error(faults)
    return tuple(value for _, value in numbered)


def duration(parameters: Mapping[str, str], *, default: int = DEFAULT_DURATION) -> int:
    """Return ``DurationSeconds`` of validated parameters."""
    return int(parameters.get("DurationSeconds", default))


def validation_error(faults: list[str]) -> Denied:
    """Return the one error that names all ``faults``."""
    noun = "error" if len(faults) == 1 else "errors"
    message = f"{len(faults)} validation {noun} detected: " + "; ".join(faults)
    return denied(Step.PARAMETERS, "ValidationError", message, "The parameters are not what the API takes.")


def _text_faults(member: Text, value: str | None) -> Iterable[str]:
    name = _member_name(member.name)
    if value is None:
        if member.required:
            yield f"Value null at '{name}' failed to satisfy constraint: Member must not be null"
        return
    shown = None if member.sensitive else value
    if member.pattern is not None and not re.fullmatch(member.pattern, value, re.ASCII):
        yield _fault(shown, name, f"Member must satisfy regular expression pattern: {member.pattern}")
    if len(value) < member.minimum:
        yield _fault(shown, name, f"Member must have length greater than or equal to {member.minimum}")
    if len(value) > member.maximum:
        yield _fault(shown, name, f"Member must have length less than or equal to {member.maximum}")


def _integer_faults(member: Integer, value: str) -> Iterable[str]:
    name = _member_name(member.name)
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", value):
        yield f"Value '{value[:64]}' at '{name}' failed to satisfy constraint: Member must be an integer"
    elif int(value) < member.minimum:
        yield _fault(value, name, f"Member must have value greater than or equal to {member.minimum}")
    elif int(value) > member.maximum:
        yield _fault(value, name, f"Member must have value less than or equal to {member.maximum}")


def _fault(value: str | None, name: str, constraint: str) -> str:
    shown = "Value" if value is None else f"Value '{value}'"
    return f"{shown} at '{name}' failed to satisfy constraint: {constraint}"


def _member_name(name: str) -> str:
    return name[0].lower() + name[1:]
