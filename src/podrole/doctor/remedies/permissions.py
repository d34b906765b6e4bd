"""How denied calls are allowed: by a statement more, or by one action less in a statement that denies.

All calls are allowed together, each change on top of those before it, so that no change undoes another. The changes are
shown only if the policy engine allows the calls with them, and AWS stores the documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from podrole.doctor.facts.desired_call import needed_resource
from podrole.doctor.remedies.changes import ByHand, Change, PutRolePolicy, Remedy, SetManagedPolicy
from podrole.iam.directory import PolicyText, PrincipalPolicies, Role
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.policy import PolicyKind
from podrole.iam.request import NO_RESOURCE
from podrole.iam.storing import StoredAs, check_storable

Decide = Callable[[Request, PrincipalPolicies], Decision]
"""Decides a request with these policies. Raises PolicyError."""

_MOST_CHANGES = 6


@dataclass(frozen=True, slots=True)
class _Step:
    """One change: what it is in words, and the policies with it. Without ``change`` a person has to make it."""

    what: str
    by_hand: str = ""
    change: PutRolePolicy | SetManagedPolicy | None = None
    after: PrincipalPolicies | None = None


def smallest_statement(action: str, resource: str) -> dict[str, Any]:
    """Return the statement that allows just this."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def allow_calls(role: Role, attached: PrincipalPolicies, requests: Sequence[Request], decide: Decide) -> Remedy:
    """Return the smallest changes with which all calls are allowed; by hand as soon as one cannot be made or proven."""
    words: dict[str, None] = {}
    changes: dict[tuple[str, ...], Change] = {}
    policies = attached
    for request in requests:
        for _ in range(_MOST_CHANGES):
            decision = decide(request, policies)
            if decision.allowed:
                break
            step = _step(role, policies, request, decision)
            words[step.what] = None
            if step.change is None or step.after is None:
                return Remedy("; ".join(words), (*changes.values(), ByHand(step.by_hand)))
            changes[_document_of(step.change)] = step.change
            policies = step.after
        else:
            return Remedy("; ".join(words), (ByHand("no single change allows the call: review the role's policies"),))
    unstored = _not_stored(role, policies, changes.values())
    if unstored:
        return Remedy("; ".join(words), (ByHand(f"AWS would not store the changed policy: {unstored}"),))
    return Remedy("; ".join(words), tuple(changes.values()))


def _document_of(change: PutRolePolicy | SetManagedPolicy) -> tuple[str, ...]:
    return ("inline", change.policy_name) if isinstance(change, PutRolePolicy) else ("managed", change.arn)


def _step(role: Role, attached: PrincipalPolicies, request: Request, decision: Decision) -> _Step:
    wanted = smallest_statement(request.action, request.resource)
    if decision.protected:
        return _Step("nothing allows this", "do it to a policy, role or alias of your own")
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        return _without_deny(role, attached, decision, request)
    boundary = attached.boundary
    match decision.decided_by:
        case PolicyKind.IDENTITY:
            return _with_statement(role, attached, wanted)
        case PolicyKind.BOUNDARY if boundary is not None and ":iam::aws:" not in boundary.name:
            changed = replace(boundary, document=_plus(boundary.document, wanted))
            return _Step(
                "allow the call in the boundary too, which every role and user with this boundary then has",
                change=SetManagedPolicy(boundary.name, changed.document),
                after=replace(attached, boundary=changed),
            )
        case _:
            return _Step("allow the call there", f"add this statement: {json.dumps(wanted)}")


def _with_statement(role: Role, attached: PrincipalPolicies, wanted: dict[str, Any]) -> _Step:
    action, resource = str(wanted["Action"]), str(wanted["Resource"])
    forms = needed_resource(action) if resource == NO_RESOURCE else ""
    if forms:
        return _Step(
            f"say on which resource {action} should be allowed: --resource ARN",
            f"name the resource, {forms}, so that nothing else is allowed",
        )
    document = json.dumps({"Version": "2012-10-17", "Statement": [wanted]})
    name = _free_name(action, resource, {policy.inline_name for policy in attached.identity})
    added = PolicyText(f"inline policy {name} of role {role.name}", document, inline_name=name)
    return _Step(
        "add the smallest statement that allows the call",
        change=PutRolePolicy(role.name, name, document),
        after=replace(attached, identity=(*attached.identity, added)),
    )


def _free_name(action: str, resource: str, taken: set[str | None]) -> str:
    """Return a name for an inline policy that the role does not have: another one would be replaced."""
    name = "Allow-" + action.replace(":", "-")
    if resource != NO_RESOURCE:
        name = f"{name[:110]}-{hashlib.sha256(resource.encode()).hexdigest()[:8]}"
    numbered = [name, *(f"{name[:120]}-{number}" for number in range(2, 100))]
    return next(candidate for candidate in numbered if candidate not in taken)


def _plus(document: str, statement: dict[str, Any]) -> str:
    parsed = json.loads(document)
    statements = parsed.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    return json.dumps({**parsed, "Statement": [*statements, statement]})


def _without_deny(role: Role, attached: PrincipalPolicies, decision: Decision, request: Request) -> _Step:
    what = f"remove {request.action} from the statement that denies it, unless the denial is intended"
    text = next((policy for policy in _all(attached) if policy.name == decision.policy), None)
    if text is None or decision.statement is None:
        return _Step(what, f"change {decision.reference} of {decision.policy or 'the policy'}")
    changed = _not_denying(text.document, decision.statement.index, request)
    if changed is None:
        return _Step(what, f"change {decision.reference} of {text.name}: it denies more than this call")
    after = _replaced(attached, text, replace(text, document=changed))
    if text.inline_name is not None:
        return _Step(what, change=PutRolePolicy(role.name, text.inline_name, changed), after=after)
    if text.name.startswith("arn:") and ":iam::aws:" not in text.name:
        shared = f"{what}; every role, user and group with {text.name} then has the call"
        return _Step(shared, change=SetManagedPolicy(text.name, changed), after=after)
    return _Step(what, f"change {decision.reference} of {text.name}")


def _replaced(attached: PrincipalPolicies, old: PolicyText, new: PolicyText) -> PrincipalPolicies:
    identity = tuple(new if policy.name == old.name else policy for policy in attached.identity)
    boundary = attached.boundary
    if boundary is not None and boundary.name == old.name:
        boundary = new
    return PrincipalPolicies(identity, boundary)


def _all(attached: PrincipalPolicies) -> tuple[PolicyText, ...]:
    return (*attached.identity, *((attached.boundary,) if attached.boundary is not None else ()))


def _not_denying(document: str, index: int, request: Request) -> str | None:
    """Return the document without the action in one statement's list; None if that would allow other calls too."""
    parsed = json.loads(document)
    statements = parsed["Statement"] if isinstance(parsed["Statement"], list) else [parsed["Statement"]]
    resources = statements[index].get("Resource")
    listed = resources if isinstance(resources, list) else [resources]
    has_resources = request.resource != NO_RESOURCE and needed_resource(request.action)
    if has_resources and any(resource != request.resource for resource in listed):
        return None
    actions = statements[index].get("Action", [])
    denied = [actions] if isinstance(actions, str) else list(actions)
    kept = [action for action in denied if action.lower() != request.action.lower()]
    if kept == denied or any("*" in action or "?" in action for action in kept):
        return None
    if kept:
        statements[index]["Action"] = kept
    else:
        del statements[index]
    return json.dumps({**parsed, "Statement": statements}) if statements else None


def _not_stored(role: Role, policies: PrincipalPolicies, changes: Any) -> str:
    """Return why AWS would not store one of the changed documents; empty if it stores all."""
    inline = {policy.inline_name: policy.document for policy in policies.identity if policy.inline_name is not None}
    try:
        for change in changes:
            if isinstance(change, PutRolePolicy):
                beside = [text for name, text in inline.items() if name != change.policy_name]
                check_storable(change.document, StoredAs.INLINE, beside=beside, name=role.name)
            else:
                check_storable(change.document, StoredAs.MANAGED)
    except PolicyError as fault:
        return fault.message
    return ""
