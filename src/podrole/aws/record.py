"""The last station: one event for each call, with the reason of a refusal, and one for each call that was refused to a
service which made it for the call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import UNAUTHENTICATED, IdentifiedCall, ReceivedRequest, UnidentifiedRequest
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.events import Event, EventLog
from podrole.base.user_agents import DOCTOR


def record(events: EventLog, call: IdentifiedCall, outcome: HTTPResponse | AWSError) -> None:
    """Record the outcome of a call: ``allowed``, ``refused`` by a check, or ``failed`` (an error of the service)."""
    for number, (inner, refusal) in enumerate(call.refused, 1):
        made = replace(inner, id=f"{call.id}-{number}")
        events.record(_error(refusal, made, call.principal, made.action, None))
    role = call.parameters.get("RoleArn")
    if isinstance(outcome, AWSError):
        events.record(_error(outcome, call, call.principal, call.action, role))
        return
    events.record(
        Event(
            id=call.id,
            time=call.received_at,
            kind="aws",
            who=call.principal,
            what=call.action,
            outcome="allowed" if outcome.status < 400 else "failed",
            on=role,
            status=outcome.status,
            explanation=dict(call.explanation) if call.explanation else None,
            probe=_is_probe(call),
        )
    )


def record_unidentified(events: EventLog, request: ReceivedRequest, error: UnidentifiedRequest) -> None:
    """Record the refusal of a request that names no operation."""
    events.record(_error(error, request, UNAUTHENTICATED, error.action, None))


def _is_probe(request: ReceivedRequest | IdentifiedCall) -> bool:
    return DOCTOR in request.http.header.get("user-agent", "")


def _error(error: AWSError, request: ReceivedRequest | IdentifiedCall, who: str, what: str, on: str | None) -> Event:
    explanation = without_tokens(error.explanation)
    return Event(
        id=request.id,
        time=request.received_at,
        kind="aws",
        who=who,
        what=without_tokens(what),
        outcome="refused" if error.status < 500 else "failed",
        on=without_tokens(on),
        status=error.status,
        code=error.error_code,
        why=without_tokens(error.why or error.message),
        explanation=dict(explanation) if explanation else None,
        probe=_is_probe(request),
    )


# A JSON Web Token that was sent in the wrong parameter: error texts often repeat the value that they refuse. The
# look-behind and the possessive quantifiers keep the search linear in the length of the text.
_PART = r"[A-Za-z0-9_-]{16,}+"
_TOKEN = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}\.{_PART}\.{_PART}")


def without_tokens(value: Any) -> Any:
    """Return a JSON-able value without the tokens in its texts."""
    if isinstance(value, str):
        return _TOKEN.sub("(a token)", value) if value.count(".") >= 2 else value
    if isinstance(value, Mapping):
        return {name: without_tokens(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_tokens(element) for element in value]
    return value
