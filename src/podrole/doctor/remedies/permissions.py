"""How a denied call is allowed: by a statement more, or by one action less in a statement that denies."""

from __future__ import annotations

import json
from typing import Any

from podrole.doctor.remedies.changes import ByHand, Change, PutRolePolicy, Remedy, SetManagedPolicy
from podrole.iam.directory import PolicyText, PrincipalPolicies, Role
from podrole.iam.evaluate import Decision, Outcome
from podrole.iam.policy import PolicyKind
from podrole.iam.request import NO_RESOURCE


def smallest_statement(action: str, resource: str) -> dict[str, Any]:
    """Return the statement that allows just this."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def allow_call(role: Role, attached: PrincipalPolicies, wanted: dict[str, Any], decision: Decision) -> Remedy:
    """Return the smallest change that allows a denied call. ``wanted`` is the statement that would allow it."""
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        return _without_deny(role, attached, decision, wanted["Action"])
    boundary = attached.boundary
    match decision.decided_by:
        case PolicyKind.IDENTITY:
            document = json.dumps({"Version": "2012-10-17", "Statement": [wanted]})
            name = "Allow-" + wanted["Action"].replace(":", "-").replace("*", "all")
            narrower = "; name a resource with --resource to allow less" if wanted["Resource"] == NO_RESOURCE else ""
            return Remedy(
                f"add the smallest statement that allows the call{narrower}",
                (PutRolePolicy(role.name, name[:128], document),),
            )
        case PolicyKind.BOUNDARY if boundary is not None and ":iam::aws:" not in boundary.name:
            document = _plus(boundary.document, wanted)
            return Remedy("allow the call in the boundary too", (SetManagedPolicy(boundary.name, document),))
        case _:
            return Remedy("allow the call there", (ByHand(f"add this statement: {json.dumps(wanted)}"),))


def _plus(document: str, statement: dict[str, Any]) -> str:
    parsed = json.loads(document)
    statements = parsed.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    return json.dumps({**parsed, "Statement": [*statements, statement]})


def _without_deny(role: Role, attached: PrincipalPolicies, decision: Decision, action: str) -> Remedy:
    what = f"remove {action} from the statement that denies it, unless the denial is intended"
    text = next((one for one in _all(attached) if one.name == decision.policy), None)
    if text is None or decision.statement is None:
        return Remedy(what, (ByHand(f"change {decision.reference} of {decision.policy or 'the policy'}"),))
    changed = _not_denying(text.document, decision.statement.index, action)
    change: Change = ByHand(
        f"change {decision.reference} of {text.name}: it denies by a wildcard, which cannot be narrowed automatically"
    )
    if changed is not None:
        if text.inline_name is not None:
            change = PutRolePolicy(role.name, text.inline_name, changed)
        elif text.name.startswith("arn:") and ":iam::aws:" not in text.name:
            change = SetManagedPolicy(text.name, changed)
    return Remedy(what, (change,))


def _all(attached: PrincipalPolicies) -> tuple[PolicyText, ...]:
    return (*attached.identity, *((attached.boundary,) if attached.boundary is not None else ()))


def _not_denying(document: str, index: int, action: str) -> str | None:
    """Return the document without ``action`` in one statement's list; None if a wildcard denies it."""
    parsed = json.loads(document)
    statements = parsed["Statement"] if isinstance(parsed["Statement"], list) else [parsed["Statement"]]
    actions = statements[index].get("Action", [])
    listed = [actions] if isinstance(actions, str) else list(actions)
    kept = [one for one in listed if one.lower() != action.lower()]
    if kept == listed or any("*" in one or "?" in one for one in kept):
        return None
    if kept:
        statements[index]["Action"] = kept
    else:
        del statements[index]
    return json.dumps({**parsed, "Statement": statements}) if statements else None
