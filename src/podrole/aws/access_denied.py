"""A refusal by policy, in each service's own words.

The sentence is the same everywhere (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html);
codes, statuses, and how actions and resources are spelled in it differ by service (podrole.aws.services).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.services.registry import rules_of
from podrole.iam.actions.call import Call
from podrole.iam.evaluate import Decision, Request
from podrole.iam.explain import Evidence, denial_message, summary
from podrole.iam.request import NO_RESOURCE

_EC2 = "You are not authorized to perform this operation."


class Refusals:
    """Writes refusals. ``messages`` seals what EC2 tells only to who may decode it."""

    def __init__(self, messages: EncodedMessages) -> None:
        self._messages = messages

    def access_denied(
        self, call: IdentifiedCall, request: Request, decision: Decision, evidence: Sequence[Evidence]
    ) -> AWSError:
        """Return the refusal, with the evidence for the event log."""
        rules = rules_of(call.service.name)
        own = rules.key_denied if request.action.startswith("kms:") else None
        code, status = own or rules.denied or _by_protocol(call.protocol)
        text = _sentence(call.service.name, request, decision)
        if call.protocol == "ec2":
            text = f"{_EC2} {text}"
            if request.resource != NO_RESOURCE:
                text += f". Encoded authorization failure message: {self._messages.seal(request, decision)}"
        return AWSError(
            code,
            status,
            text,
            why=summary(decision, evidence, request),
            explanation=explanation(request, decision, evidence),
        )

    def text(self, call: Call, request: Request, decision: Decision) -> str:
        """Return the sentence alone."""
        return _sentence(call.client, request, decision)


def explanation(request: Request, decision: Decision, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return the decision and its evidence as JSON-able data."""
    return {
        "action": request.action,
        "resource": request.resource,
        "decision": decision.outcome.value,
        "decided_by": decision.decided_by.value if decision.decided_by else None,
        "evidence": [item.to_dict() for item in evidence],
    }


def _by_protocol(protocol: str) -> tuple[str, int]:
    match protocol:
        case "ec2":
            return "UnauthorizedOperation", 403
        case "json" | "smithy-rpc-v2-cbor":
            return "AccessDeniedException", 400
        case "rest-json":
            return "AccessDeniedException", 403
    return "AccessDenied", 403


def _sentence(service: str, request: Request, decision: Decision) -> str:
    return rules_of(service).spell(denial_message(request, decision), request)
