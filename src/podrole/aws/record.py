"""The last station: one event for each call, with the explanation of a refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from podrole.aws.errors import AWSError
from podrole.aws.protocol.identify import ServiceRequest
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.events import Event, EventLog


def record(events: EventLog, call: ServiceRequest, outcome: HTTPResponse | AWSError) -> None:
    """Keep what happened. A refusal by a check is ``refused``; an answer that is an error of the service,
    ``failed``."""
    error = outcome if isinstance(outcome, AWSError) else None
    explanation = call.explanation if error is None else without_tokens(error.explanation)
    on = call.parameters.get("RoleArn")
    if error is None:
        kind = "allowed" if outcome.status < 400 else "failed"
    else:
        kind = "refused" if error.status < 500 else "failed"
    events.record(
        Event(
            id=call.id,
            time=call.received_at,
            kind="aws",
            who=call.principal,
            what=call.action if error is None else without_tokens(call.action),
            outcome=kind,  # type: ignore[arg-type]  # one of the three words above
            on=on if error is None else without_tokens(on),
            status=outcome.status,
            code=error.error_code if error else None,
            why=without_tokens(error.why or error.message) if error else None,
            explanation=dict(explanation) if explanation else None,
        )
    )


# A JSON Web Token, in whichever parameter it came by mistake: what is refused is often told of in its own words. It
# begins where its letters do and gives nothing back, so that reading takes time linear in the text.
_PART = r"[A-Za-z0-9_-]{16,}+"
_TOKEN = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}\.{_PART}\.{_PART}")


def without_tokens(value: Any) -> Any:
    """Return text, or whatever holds text, without the tokens in it."""
    if isinstance(value, str):
        return _TOKEN.sub("(a token)", value) if value.count(".") >= 2 else value
    if isinstance(value, Mapping):
        return {name: without_tokens(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_tokens(one) for one in value]
    return value
