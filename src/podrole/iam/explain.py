"""Why a request was decided as it was: the evidence, for people and for the event log.

There is one matcher. Evidence is what :class:`podrole.iam.policy.Statement`'s own elements answer when they are asked
one by one; only the sentences about the nearest miss (:mod:`podrole.iam.nearest`) are added. It is worked out when
somebody asks, never on the way of a request that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, Request, consulted
from podrole.iam.nearest import Hint, action_hint, resource_hint
from podrole.iam.nearest_condition import condition_hint, vacuous
from podrole.iam.nearest_principal import principal_hint
from podrole.iam.policy import Effect, Policy, PolicyKind, Statement
from podrole.iam.principal import PrincipalType
from podrole.iam.principal_element import Grant
from podrole.iam.request import NO_RESOURCE, Facts
from podrole.iam.undecided import undecided_condition, undecided_resource
from podrole.iam.unknown import UNKNOWN

_MOST_EVIDENCE = 20
_MOST_VALUES = 10
_LONGEST_VALUE = 200

_NAMES = {
    PolicyKind.IDENTITY: ("an", "identity-based policy"),
    PolicyKind.RESOURCE: ("a", "resource-based policy"),
    PolicyKind.TRUST: ("the", "role trust policy"),
    PolicyKind.SESSION: ("a", "session policy"),
    PolicyKind.BOUNDARY: ("a", "permissions boundary"),
    PolicyKind.SCP: ("a", "service control policy"),
    PolicyKind.RCP: ("a", "resource control policy"),
    PolicyKind.ENDPOINT: ("a", "VPC endpoint policy"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One element that does not fit the request.

    ``got`` is ``None`` where the request has no such key, and where its value is not known. ``unknown`` says that the
    element is neither true nor false, because the value of a key is not known. ``hint`` is the nearest miss in words
    and ``near`` its name (:class:`podrole.iam.nearest.Near`), both empty without a hint.
    """

    element: str
    expected: tuple[str, ...]
    got: tuple[str, ...] | None
    operator: str = ""
    key: str = ""
    hint: str = ""
    near: str = ""
    unknown: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as JSON-able data."""
        members: dict[str, Any] = {"element": self.element}
        if self.operator:
            members |= {"operator": self.operator, "key": self.key}
        members |= {"expected": list(self.expected), "got": None if self.got is None else list(self.got)}
        members |= {"unknown": True} if self.unknown else {}
        return members | ({"hint": self.hint, "near": self.near} if self.hint else {})

    def __str__(self) -> str:
        what = f"{self.operator} on {self.key}" if self.operator else self.element
        if self.hint:
            return f"{what}: {self.hint}"
        if self.got is None:
            return f"{what}: the request has no such key"
        return f"{what} expects {_listed(self.expected)} and got {_listed(self.got)}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement that applies or came near, or, without ``statement``, a kind of policy that said nothing.

    ``notes`` are facts about it that are no failure: a condition that holds because its key is absent.
    """

    kind: PolicyKind
    policy: str = ""
    statement: str = ""
    sid: str = ""
    effect: Effect | None = None
    applies: bool = False
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as JSON-able data."""
        members: dict[str, Any] = {"kind": self.kind.value}
        if self.statement:
            members |= {"policy": self.policy, "statement": self.statement}
            members |= {"sid": self.sid} if self.sid else {}
            members |= {"effect": self.effect.value if self.effect else None, "applies": self.applies}
            members |= {"failures": [failure.to_dict() for failure in self.failures]} if self.failures else {}
        return members | ({"notes": list(self.notes)} if self.notes else {})

    @property
    def reference(self) -> str:
        """The statement as a person looks for it."""
        return f"{self.sid} ({self.statement})" if self.sid else self.statement


def explain(request: Request, policies: PolicySet, decision: Decision) -> tuple[Evidence, ...]:
    """Return what the decision rests on, the nearest first.

    Every statement that applies is there; of those that do not, each Allow that speaks of the action and fails
    elsewhere, and each that fails by its action alone; and an entry for each kind of policy that should have allowed
    and says nothing near. For :func:`evaluate_trust` pass ``PolicySet(resource=trust)``. At most twenty entries.
    """
    facts = Facts(request, has_boundary=policies.boundaries is not None)
    evidence: list[Evidence] = []
    for kind, attached in consulted(policies, facts):
        near = [item for named in attached for item in _near(kind, named, facts)]
        evidence.extend(near)
        if decision.decided_by is kind and not decision.allowed and not near:
            evidence.append(_silence(kind, attached, facts))
    kind_at_fault = decision.decided_by if decision.outcome is Outcome.IMPLICITLY_DENIED else None
    if kind_at_fault and (_is_root_assuming(facts) or not any(item.kind is kind_at_fault for item in evidence)):
        evidence.append(_absence(kind_at_fault, facts))
    evidence.sort(key=lambda item: _distance(item, decision))
    return tuple(evidence[:_MOST_EVIDENCE])


def examine(statement: Statement, policy: Policy, facts: Facts) -> tuple[Failure, ...]:
    """Ask every element of a statement on its own, and return those that do not fit: none where the statement
    applies."""
    return tuple(_failures(statement, policy, facts))


def summary(decision: Decision, evidence: Sequence[Evidence], request: Request) -> str:
    """Put the decision and its nearest evidence into one sentence."""
    return _plain(_sentence(decision, evidence, request))


def render(evidence: Sequence[Evidence]) -> str:
    """Write the evidence as one block for a terminal, without colour and without a line break at its end."""
    lines: list[str] = []
    heading = ""
    for item in evidence:
        if item.policy and heading != (heading := f"{item.policy} ({_NAMES[item.kind][1]})"):
            lines.append(heading)
        lines.extend(_lines(item))
    return "\n".join(map(_plain, lines))


def denial_message(
    request: Request,
    decision: Decision,
    *,
    action: str | None = None,
    resource: str | None = None,
    with_policy: bool = False,
) -> str:
    """Return AWS's text for a refusal: ``User: … is not authorized to perform: … because …``.

    ``action`` and ``resource`` are shown instead of the request's, for services that write them in their own way.
    ``with_policy`` adds the ARN of the policy that denies, as AWS does since 2026 where caller and policy are of one
    account or organization. Raises ``ValueError`` for a decision that allows.
    """
    if decision.allowed:
        raise ValueError("an allowed request has no denial message")
    action = request.action if action is None else action
    text = f"User: {request.principal} is not authorized to perform: {action}"
    if request.resource != NO_RESOURCE:
        text += f" on resource: {request.resource if resource is None else resource}"
    if decision.decided_by is None:
        return text
    article, name = _NAMES[decision.decided_by]
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        policy = f": {decision.policy}" if with_policy and decision.policy.startswith("arn:") else ""
        return f"{text} with an explicit deny in {article} {name}{policy}"
    return f"{text} because no {name} allows the {action} action"


# Gathering


def _near(kind: PolicyKind, named: NamedPolicy, facts: Facts) -> Iterator[Evidence]:
    for statement in named.policy.statements:
        if not _came_near(statement, facts):
            continue
        failures = examine(statement, named.policy, facts)
        notes = () if failures else tuple(_notes(statement, facts))
        yield Evidence(kind, named.name, statement.path, statement.sid, statement.effect, not failures, failures, notes)


def _came_near(statement: Statement, facts: Facts) -> bool:
    """Say whether a statement is worth showing, without working out why it does not apply."""
    if statement.effect is Effect.DENY:
        return statement.applies(facts)
    if statement.speaks_of_action(facts):
        return True
    services = statement.actions.services
    return (services is None or facts.service in services) and statement.applies_beyond_action(facts)


def _notes(statement: Statement, facts: Facts) -> Iterator[str]:
    """Tell what may surprise about a statement that applies."""
    principal = statement.principal
    if principal is not None and principal.negated:
        if facts.has_boundary and facts.principal.has_account:
            yield "NotPrincipal does not exempt a principal that has a permissions boundary"
        elif unlisted := principal.unlisted(facts.principal):
            yield f"NotPrincipal spares only who is listed whole; not listed: {', '.join(unlisted)}"
    if why := undecided_resource(statement.resources, facts):
        yield f"{_resource_element(statement)} is unknown, and so a Deny applies: {why}"
    for condition in statement.conditions:
        if why := undecided_condition(condition, facts):
            yield f"{condition.operator} on {condition.key} is unknown, and so a Deny applies: {why}"
    yield from (note for condition in statement.conditions if (note := vacuous(condition, facts)))


def _failures(statement: Statement, policy: Policy, facts: Facts) -> Iterator[Failure]:
    actions, resources, principal = statement.actions, statement.resources, statement.principal
    if not statement.speaks_of_action(facts):
        name = "NotAction" if actions.negated else "Action"
        listed = _cut(_of_service(actions.actions, facts))
        yield _failure(name, listed, (facts.request.action,), action_hint(statement, facts))
    if principal is not None and principal.grant(facts) is Grant.NONE:
        name = "NotPrincipal" if principal.negated else "Principal"
        yield _failure(name, _cut(principal.listed()), (str(facts.principal),), principal_hint(statement, facts))
    if resources is not None and not statement.accepts(meant := statement.means_resource(facts), facts):
        hint = resource_hint(statement, facts, policy)
        name, unknown = _resource_element(statement), meant is UNKNOWN
        yield _failure(name, _cut(resources.resources), (facts.resource,), hint, unknown=unknown)
    for condition in statement.conditions:
        holds = condition.holds(facts)
        if not statement.accepts(holds, facts):
            values = condition.found(facts)
            yield _failure(
                "Condition",
                _cut(condition.values),
                None if values is None or values is UNKNOWN else _cut(values),
                condition_hint(condition, facts, policy),
                condition.operator,
                condition.key,
                unknown=holds is UNKNOWN,
            )


def _failure(
    element: str,
    expected: tuple[str, ...],
    got: tuple[str, ...] | None,
    hint: Hint | None,
    operator: str = "",
    key: str = "",
    *,
    unknown: bool = False,
) -> Failure:
    near, text = hint or ("", "")
    return Failure(element, expected, got, operator, key, text, str(near), unknown)


def _resource_element(statement: Statement) -> str:
    return "NotResource" if statement.resources is not None and statement.resources.negated else "Resource"


def _of_service(actions: Sequence[str], facts: Facts) -> Sequence[str]:
    """Leave out the actions of other services, where a statement has both."""
    return [action for action in actions if action.lower().startswith(f"{facts.service}:")] or actions


def _silence(kind: PolicyKind, attached: Sequence[NamedPolicy], facts: Facts) -> Evidence:
    """Tell of policies none of whose statements comes near."""
    if not attached:
        return Evidence(kind, notes=(f"no {_NAMES[kind][1]} is there",))
    names = ", ".join(named.name for named in attached[:5]) + (", …" if len(attached) > 5 else "")
    return Evidence(kind, notes=(f"no Allow of {names} speaks of {facts.request.action}",))


def _is_root_assuming(facts: Facts) -> bool:
    return facts.principal.type is PrincipalType.ROOT and facts.service == "sts"


def _absence(kind: PolicyKind, facts: Facts) -> Evidence:
    """Tell of a kind of policy that had to allow, and is not there."""
    if _is_root_assuming(facts):
        return Evidence(kind, notes=("the root user of an account cannot assume a role",))
    if kind is PolicyKind.SESSION:
        return Evidence(kind, notes=("a federated user has what session policies give, and none was passed",))
    if facts.principal.has_account:
        return Evidence(kind, notes=("the resource has no policy, and without one the caller's own do not suffice",))
    return Evidence(kind, notes=(f"the resource has no policy, and only that could let {facts.principal} in",))


def _distance(item: Evidence, decision: Decision) -> tuple[bool, bool, bool, bool, int]:
    """Order evidence: what decided, then the kind that decided, then by how little is missing.

    A statement that names the action is nearer than one that names another: policies have many actions with similar
    names. A trust policy has few, so a wrong one is probably the mistake.
    """
    decided = decision.statement is not None and (item.policy, item.statement) == (
        decision.policy,
        decision.statement.path,
    )
    denies = item.applies and item.effect is Effect.DENY
    names_action = item.kind is PolicyKind.TRUST or not any(
        failure.element in ("Action", "NotAction") for failure in item.failures
    )
    missing = len(item.failures) + 2 * sum(failure.element != "Condition" for failure in item.failures)
    return not decided, not denies, item.kind is not decision.decided_by, not names_action, missing


# Wording


def _sentence(decision: Decision, evidence: Sequence[Evidence], request: Request) -> str:
    asked = request.action + ("" if request.resource == NO_RESOURCE else f" on {request.resource}")
    if decision.allowed:
        by = f" by {_place(decision)}" if decision.statement else ": no policy is asked"
        return f"{asked} is allowed{by}."
    if decision.protected:
        return f"{asked} is refused whatever the policies allow: {decision.protected}."
    if decision.decided_by is None or decision.outcome is Outcome.EXPLICITLY_DENIED:
        return f"{asked} is denied by {_place(decision)}."
    first = next((item for item in evidence if item.kind is decision.decided_by and not item.applies), None)
    why = ""
    if first is not None and first.failures:
        why = f"; nearest is {first.reference} of {first.policy}: {first.failures[0]}"
    elif first is not None and first.notes:
        why = f"; {first.notes[0]}"
    return f"No {_NAMES[decision.decided_by][1]} allows {asked}{why}."


def _place(decision: Decision) -> str:
    article, name = _NAMES[decision.decided_by] if decision.decided_by else ("", "")
    statement = f"{decision.reference} of " if decision.statement else ""
    return f"{statement}{decision.policy or f'{article} {name}'} ({name})"


def _lines(item: Evidence) -> Iterator[str]:
    if not item.statement:
        yield from item.notes
        return
    applies = "applies" if item.applies else "does not apply"
    yield f"  {item.effect} {item.reference} {applies}"
    for failure in item.failures:
        nothing = "unknown" if failure.unknown else "nothing: the request has no such key"
        got = nothing if failure.got is None else _listed(failure.got)
        yield f"    {failure.operator} {failure.key}" if failure.operator else f"    {failure.element}"
        yield f"      expected  {_listed(failure.expected)}"
        yield f"      got       {got}"
        if failure.hint:
            yield f"      hint      {failure.hint}"
    yield from (f"    note: {note}" for note in item.notes)


def _listed(values: Sequence[str]) -> str:
    return ", ".join(value or "''" for value in values) or "(nothing)"


def _plain(text: str) -> str:
    """Keep control characters, which documents and tags may hold, away from a terminal and out of a log's lines."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _cut(values: Sequence[str]) -> tuple[str, ...]:
    short = tuple(
        value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…" for value in values[:_MOST_VALUES]
    )
    return short if len(values) <= _MOST_VALUES else (*short, f"… and {len(values) - _MOST_VALUES} more")
