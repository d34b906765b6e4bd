"""The third station: may this caller do what the call does?

A call needs one or more permissions, each an action on a resource; all of them must be allowed. The decision is
``podrole.iam``'s; here it is asked, and a refusal is put into the words of the service
(https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from podrole.aws.caller import Caller
from podrole.aws.directory import MotoDirectory
from podrole.aws.errors import AWSError
from podrole.aws.policies import policies_of
from podrole.aws.receive import ServiceRequest
from podrole.iam.evaluate import Decision, PolicySet, Request, evaluate
from podrole.iam.explain import denial_message, explain, summary
from podrole.sts.circumstances import Circumstances


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that a call needs: an action on a resource, ``*`` where the action has none."""

    action: str
    resource: str


def authorize(call: ServiceRequest, caller: Caller, directory: MotoDirectory) -> None:
    """Return if everything that the call does is allowed; raises AWSError otherwise."""
    policies = policies_of(caller, directory)
    context = {**circumstances(call).context_keys(), **caller.context_keys()}
    for permission in permissions(call):
        request = Request(caller.principal, permission.action, permission.resource, "", context)
        decision = evaluate(request, policies)
        if not decision.allowed:
            raise access_denied(call, request, policies, decision)


def permissions(call: ServiceRequest) -> Iterable[Permission]:
    """Return what the call needs."""
    if call.service is not None:
        yield Permission(f"{call.service.signing}:{call.operation}", "*")


def circumstances(call: ServiceRequest) -> Circumstances:
    """Return when, from where and how the call came."""
    return Circumstances(
        now=call.received_at,
        source_ip=call.http.client,
        region=call.region,
        secure_transport=call.http.scheme == "https",
        user_agent=call.http.header.get("user-agent", ""),
    )


def access_denied(call: ServiceRequest, request: Request, policies: PolicySet, decision: Decision) -> AWSError:
    """Return the refusal in the protocol's words, with the evidence for the event log."""
    evidence = explain(request, policies, decision)
    text = denial_message(request, decision)
    code, status = {"ec2": ("UnauthorizedOperation", 403), "json": ("AccessDeniedException", 400)}.get(
        call.protocol, ("AccessDenied", 403)
    )
    if call.protocol == "ec2":
        text = f"You are not authorized to perform this operation. {text}"
    elif call.protocol == "rest-json":
        code = "AccessDeniedException"
    elif call.protocol == "smithy-rpc-v2-cbor":
        code, status = "AccessDeniedException", 400
    return AWSError(
        code,
        status,
        text,
        why=summary(decision, evidence, request),
        explanation={
            "action": request.action,
            "resource": request.resource,
            "decision": decision.outcome.value,
            "decided_by": decision.decided_by.value if decision.decided_by else None,
            "evidence": [one.to_dict() for one in evidence],
        },
    )
