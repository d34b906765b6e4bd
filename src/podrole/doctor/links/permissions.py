"""Link 7: the role's policies allow the calls of the pod.

The call is named with ``--can``, or taken from recent denied calls of the role's sessions. ``podrole.iam`` decides.
Service and resource control policies of an organization, and the policies of resources, are not read.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from podrole.base.events import Event
from podrole.doctor.facts.chain import ChainFacts, DesiredCall
from podrole.doctor.facts.exchange import policy_set
from podrole.doctor.facts.gather import UNKNOWN_ADDRESS
from podrole.doctor.facts.history import session_begun_by
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.remedies.permissions import allow_calls, smallest_statement
from podrole.doctor.report.findings import About, Finding, Link, LinkState, LinkVerdict, broken, holds, unknown
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import assumed_role_arn
from podrole.iam.directory import PrincipalPolicies, Role
from podrole.iam.errors import InvalidRequest, PolicyError
from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.explain import Evidence, explain, summary
from podrole.iam.policy import PolicyKind
from podrole.iam.possible import evaluate_possible
from podrole.iam.principal import Principal, PrincipalType
from podrole.iam.request import NO_RESOURCE

LINK = Link.PERMISSIONS
_CODES = {PolicyKind.IDENTITY: "PR701", PolicyKind.BOUNDARY: "PR703"}
_MOST_REFUSALS = 5
_OWN_POLICIES = frozenset({"PR701", "PR702", "PR703"})
"""Codes of denials by policies that can be read here."""


def check(facts: ChainFacts) -> LinkVerdict | None:
    """Check that the role allows the named call, or recent denied calls; None if there are none."""
    refused = [] if facts.desired_call is not None else _refusals(facts)
    if facts.desired_call is None and not refused:
        return None
    role = facts.role.role
    if isinstance(role, UnknownFact):
        return unknown(LINK, role.what)
    if role is None:
        return unknown(LINK, "The role does not exist, so its policies could not be read.")
    attached = read(lambda: facts.account.policies_of(role))
    if isinstance(attached, UnknownFact):
        return unknown(LINK, attached.what)
    if facts.desired_call is not None:
        return _judged(facts, role, attached, facts.desired_call)
    return _of_events(facts, role, attached, refused)


def _of_events(facts: ChainFacts, role: Role, attached: PrincipalPolicies, refused: list[Event]) -> LinkVerdict:
    """Evaluate denied calls again: they may be allowed now."""
    findings: list[Finding] = []
    undecided: list[str] = []
    denied: list[Request] = []
    for event in refused:
        explanation = event.explanation or {}
        desired_call = DesiredCall(str(explanation["action"]), str(explanation.get("resource", NO_RESOURCE)))
        if explanation.get("decided_by") in (PolicyKind.IDENTITY, PolicyKind.BOUNDARY):
            verdict = _judged(facts, role, attached, desired_call)
            findings += verdict.findings
            undecided += [verdict.why] if verdict.state is LinkState.UNKNOWN else []
            denied += [_request(facts, role, desired_call)] if verdict.state is LinkState.BROKEN else []
        else:
            findings.append(_of_another_policy(role, desired_call, event))
    if len(denied) > 1:  # one remedy for all: several changes of one document would undo each other
        remedy = read(lambda: _allowing(role, attached, denied))
        findings = [
            finding
            if isinstance(remedy, UnknownFact) or finding.code not in _OWN_POLICIES
            else replace(finding, remedy=remedy)
            for finding in findings
        ]
    if findings:
        return broken(LINK, *findings)
    if undecided:
        return unknown(LINK, undecided[0])
    names = ", ".join(sorted({str((event.explanation or {})["action"]) for event in refused}))
    return holds(LINK, f"{names} was denied before and is allowed now")


def _judged(facts: ChainFacts, role: Role, attached: PrincipalPolicies, desired_call: DesiredCall) -> LinkVerdict:
    request = _request(facts, role, desired_call)
    try:
        policies = policy_set(attached)
        decision, depends_on = evaluate_possible(request, policies)
    except PolicyError as fault:
        return broken(LINK, _unreadable(role, fault))
    except InvalidRequest as fault:
        return unknown(LINK, f"{desired_call.action!r} cannot be evaluated: {fault.what}")
    evidence = explain(request, policies, decision)
    if decision.allowed:
        on = "" if desired_call.resource is None else f" on {desired_call.resource}"
        return holds(LINK, f"{decision.reference} of {decision.policy} allows {desired_call.action}{on}")
    if depends_on:
        return unknown(
            LINK,
            f"Whether {desired_call.action} is allowed depends on {', '.join(depends_on)}, which the real call has. "
            "podrole policy evaluate takes values for them.",
        )
    if desired_call.resource is None and _only_resource_fails(evidence):
        fits = sorted({pattern for each in evidence for failure in each.failures for pattern in failure.expected})
        return unknown(
            LINK, f"{desired_call.action} is allowed on {', '.join(fits[:5])}: name a resource with --resource."
        )
    return broken(LINK, _finding(role, attached, request, decision, evidence))


def _request(facts: ChainFacts, role: Role, desired_call: DesiredCall) -> Request:
    session = assumed_role_arn(role.arn, facts.session_name or "podrole-doctor")
    principal = Principal(
        PrincipalType.ASSUMED_ROLE,
        account=role.account,
        arn=session,
        id=f"{role.id}:{facts.session_name or 'podrole-doctor'}",
        role_arn=role.arn,
        role_id=role.id,
    )
    context: dict[str, str | list[str]] = {
        **facts.at.context_keys(),
        "aws:PrincipalAccount": role.account,
        "aws:PrincipalArn": role.arn,
        "aws:PrincipalType": PrincipalType.ASSUMED_ROLE.value,
        "aws:userid": principal.id,
        **{f"aws:PrincipalTag/{key}": value for key, value in role.tags.items()},
    }
    if facts.at.source_ip == UNKNOWN_ADDRESS:
        del context["aws:SourceIp"]
    granted = None if isinstance(facts.role.evaluation, UnknownFact) else facts.role.evaluation.granted
    if granted is not None:
        context.update(granted.session.context)
    return Request(
        principal, desired_call.action, desired_call.resource or NO_RESOURCE, "", context, unknown=_OF_THE_CALL
    )


class _KeysOfTheCall(Container[str]):
    """The condition keys that only the real call has: where it comes from, its parameters, what it is on."""

    def __contains__(self, key: object) -> bool:
        """Take the key in lower case. The keys of the session and its token are known, or absent."""
        prefix, _, name = str(key).partition(":")
        if prefix == "aws":
            return name.startswith(_GLOBAL_OF_THE_CALL) and name != "sourceidentity"
        return prefix not in ("saml", "sts") and "." not in prefix  # a provider's keys have its host name


_GLOBAL_OF_THE_CALL = (
    "calledvia",
    "principalorg",
    "referer",
    "requesttag/",
    "resource",
    "source",
    "tagkeys",
    "useragent",
    "viaawsservice",
    "vpc",
)
_OF_THE_CALL = _KeysOfTheCall()


def _only_resource_fails(evidence: tuple[Evidence, ...]) -> bool:
    near = [entry for entry in evidence if entry.failures]
    return bool(near) and any(all(failure.element == "Resource" for failure in entry.failures) for entry in near)


# PR701 to PR706


def _finding(
    role: Role,
    attached: PrincipalPolicies,
    request: Request,
    decision: Decision,
    evidence: tuple[Evidence, ...],
) -> Finding:
    denied = decision.outcome is Outcome.EXPLICITLY_DENIED
    code = "PR702" if denied else _CODES.get(decision.decided_by or PolicyKind.RESOURCE, "PR705")
    return Finding(
        code,
        summary(decision, evidence, request),
        About("Policy", "", decision.policy or role.arn, ("Statement",)),
        _allowing(role, attached, [request]),
        expected=f"an Allow of {request.action}" if not denied else f"no Deny of {request.action}",
        got=_got(evidence, decision),
        evidence={"evidence": [entry.to_dict() for entry in evidence]},
    )


def _allowing(role: Role, attached: PrincipalPolicies, requests: list[Request]) -> Remedy:
    return allow_calls(
        role, attached, requests, lambda request, with_: evaluate_possible(request, policy_set(with_)).decision
    )


def _got(evidence: tuple[Evidence, ...], decision: Decision) -> str:
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        return f"Deny {decision.reference} of {decision.policy}"
    for entry in evidence:
        if entry.failures:
            return f"{entry.reference} of {entry.policy}: {entry.failures[0]}"
        if entry.notes:
            return entry.notes[0]
    return "nothing"


def _unreadable(role: Role, fault: PolicyError) -> Finding:
    return Finding(
        "PR706",
        f"A policy of role {role.name} is malformed, so it allows nothing: {fault.message}",
        About("Role", "", role.arn),
        Remedy("correct the policy", (ByHand("podrole policy validate shows the place"),)),
        expected=fault.expected,
        got=fault.got,
    )


# Denied calls


def _refusals(facts: ChainFacts) -> list[Event]:
    """Return the last denied calls of the role's sessions that began with this service account's token."""
    arn = facts.binding.role_arn
    if not arn or not facts.log:
        return []
    of_role = assumed_role_arn(arn, "x").rpartition("/")[0]
    sessions = {
        arn_of_session
        for event in facts.log
        if (event.explanation or {}).get("subject") == facts.target.subject
        and (arn_of_session := session_begun_by(event)) is not None
        and arn_of_session.rpartition("/")[0] == of_role
        and _of_this_pod(facts, event.explanation or {})
    }
    refusals: dict[tuple[str, str], Event] = {}
    for event in facts.log:  # newest first
        explanation = event.explanation or {}
        if event.kind != "aws" or event.outcome != "refused" or event.probe:
            continue
        if event.who in sessions and explanation.get("action"):
            refusals.setdefault((explanation["action"], explanation.get("resource", "*")), event)
    return list(refusals.values())[:_MOST_REFUSALS]


def _of_this_pod(facts: ChainFacts, explanation: Mapping[str, Any]) -> bool:
    return facts.target.pod is None or explanation.get("pod") in (None, facts.target.pod)


def _of_another_policy(role: Role, desired_call: DesiredCall, event: Event) -> Finding:
    """Return a denial by a session policy or a resource's policy, as it was recorded: neither can be read here."""
    explanation = event.explanation or {}
    kind = explanation.get("decided_by")
    code = "PR704" if kind == PolicyKind.SESSION else "PR705"
    wanted = json.dumps(smallest_statement(desired_call.action, desired_call.resource or NO_RESOURCE))
    who = "the session policy of the exchange" if code == "PR704" else f"the {kind or 'resource'} policy"
    return Finding(
        code,
        event.why or f"{desired_call.action} was denied.",
        About("Policy", "", role.arn, ("Statement",)),
        Remedy(f"allow the call in {who}", (ByHand(f"add this statement: {wanted}"),)),
        expected=f"an Allow of {desired_call.action} in {who}",
        got=f"denied in request {event.id}",
        evidence={"request": event.id, "evidence": explanation.get("evidence", [])},
    )
