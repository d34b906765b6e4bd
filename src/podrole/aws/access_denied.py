"""A refusal by policy, in each service's own words.

The sentence is the same everywhere (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html);
codes, statuses, and how actions and resources are spelt in it differ by service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.iam.actions.call import Call
from podrole.iam.evaluate import Decision, Request
from podrole.iam.explain import Evidence, denial_message, summary
from podrole.iam.principal import PrincipalType
from podrole.iam.request import NO_RESOURCE

_EC2 = "You are not authorized to perform this operation."
# IAM names an entity where it could print its ARN.
_IAM_KINDS = {
    "group": "group",
    "instance-profile": "instance profile",
    "policy": "policy",
    "role": "role",
    "user": "user",
}


class Refusals:
    """Writes refusals. ``messages`` seals what EC2 tells only to who may decode it."""

    def __init__(self, messages: EncodedMessages) -> None:
        self._messages = messages

    def access_denied(
        self, call: IdentifiedCall, request: Request, decision: Decision, evidence: Sequence[Evidence]
    ) -> AWSError:
        """Return the refusal, with the evidence for the event log."""
        name = call.service.name
        code, status = _code(name, call.protocol)
        text = _sentence(name, request, decision)
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
        "evidence": [one.to_dict() for one in evidence],
    }


def _code(service: str, protocol: str) -> tuple[str, int]:
    if service == "sns":
        return "AuthorizationError", 403
    if service in ("cloudwatch", "sqs"):  # once query services, they kept that protocol's code
        return "AccessDenied", 403
    match protocol:
        case "ec2":
            return "UnauthorizedOperation", 403
        case "json" | "smithy-rpc-v2-cbor":
            return "AccessDeniedException", 400
        case "rest-json":
            return "AccessDeniedException", 400 if service == "eks-auth" else 403
    return "AccessDenied", 403


def _sentence(service: str, request: Request, decision: Decision) -> str:
    action, resource = request.action, request.resource
    if service == "s3":
        if request.principal.type is PrincipalType.ANONYMOUS or _is_elsewhere(request):
            return "Access Denied"
        return denial_message(request, decision, resource=f'"{resource}"')
    if service == "sqs":
        return denial_message(request, decision, action=action.lower())
    if service == "sns":
        return denial_message(request, decision, action=f"SNS:{action.partition(':')[2]}")
    if service == "iam" and action.startswith("iam:") and not action.startswith(("iam:Create", "iam:PassRole")):
        return denial_message(request, decision, resource=_friendly(resource))
    return denial_message(request, decision)


def _is_elsewhere(request: Request) -> bool:
    return bool(request.resource_account) and request.resource_account != request.principal.account


def _friendly(resource: str) -> str:
    kind, _, name = resource.split(":", 5)[-1].partition("/")
    if kind not in _IAM_KINDS:
        return resource
    return f"policy {resource}" if kind == "policy" else f"{_IAM_KINDS[kind]} {name.rpartition('/')[2]}"
