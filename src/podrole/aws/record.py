"""The last station: one event for each call, with the explanation of a refusal."""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.receive import ServiceRequest
from podrole.aws.wire import HTTPResponse
from podrole.base.events import Event, EventLog


def record(events: EventLog, call: ServiceRequest, outcome: HTTPResponse | AWSError) -> None:
    """Keep what happened. A refusal by a check is ``refused``; an answer that is an error of the service,
    ``failed``."""
    error = outcome if isinstance(outcome, AWSError) else None
    explanation = call.explanation if error is None else error.explanation
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
            what=call.action,
            outcome=kind,  # type: ignore[arg-type]  # one of the three words above
            on=call.parameters.get("RoleArn"),
            status=outcome.status,
            code=error.error_code if error else None,
            why=error.why or error.message if error else None,
            explanation=dict(explanation) if explanation else None,
        )
    )
