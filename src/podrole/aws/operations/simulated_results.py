"""One simulation: whose policies are asked, and what they say to each action on each resource."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts as AccountFacts
from podrole.iam.arn import ARN, is_account_id, parse_arn
from podrole.iam.context_keys import context_keys
from podrole.iam.directory import PolicyText
from podrole.iam.document import compile_policy
from podrole.iam.errors import InvalidARN, InvalidRequest, PolicyError
from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, Request, evaluate
from podrole.iam.policy import Effect, Policy, PolicyKind, Statement
from podrole.iam.principal import Principal
from podrole.iam.request import Facts
from podrole.iam.spans import statement_span

_DECISIONS = {
    Outcome.ALLOWED: "allowed",
    Outcome.EXPLICITLY_DENIED: "explicitDeny",
    Outcome.IMPLICITLY_DENIED: "implicitDeny",
}


@dataclass(frozen=True, slots=True)
class SimulatedPolicy:
    """A policy with where it came from, as the simulator says it."""

    named: NamedPolicy
    kind: str


@dataclass(slots=True)
class SimulatedCaller:
    """The simulated caller: the principal, its own condition keys, and its policies."""

    principal: Principal
    keys: dict[str, str | list[str]] = field(default_factory=dict)
    sources: list[SimulatedPolicy] = field(default_factory=list)
    boundaries: tuple[NamedPolicy, ...] | None = None


class SimulatedResults:
    """What all results of one simulation share."""

    def __init__(self, call_input: Mapping[str, Any], subject: SimulatedCaller, facts: AccountFacts) -> None:
        self._subject = subject
        self._context = {**subject.keys, **_entries(call_input)}
        account = subject.principal.account
        owner = call_input.get("ResourceOwner")
        self._owner = _account(str(owner)) if owner else account
        document = call_input.get("ResourcePolicy")
        self._resource = (
            NamedPolicy("ResourcePolicy", parsed(str(document), PolicyKind.RESOURCE, "ResourcePolicy"))
            if document
            else None
        )
        # Without a resource policy the simulator decides by identity policies alone, even for KMS keys and roles.
        root: Any = {"AWS": account} if account else "*"
        statement = {"Effect": "Allow", "Principal": root, "Action": "*", "Resource": "*"}
        delegating = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self._delegating = NamedPolicy("", compile_policy(delegating, PolicyKind.RESOURCE))
        scps = facts.control_policies(account, "scp") if subject.keys else None
        self._scps = (
            None
            if scps is None
            else tuple(tuple(compiled(policy, PolicyKind.SCP) for policy in level) for level in scps)
        )
        identity = tuple(source.named for source in subject.sources)
        asked = self._resource or self._delegating
        self._policies = PolicySet(identity, asked, subject.boundaries, None, self._scps)
        self._sources = {source.named.name: source.kind for source in subject.sources} | {
            "ResourcePolicy": "Resource Policy"
        }

    def result(self, action: str, resource: str) -> dict[str, Any]:
        """Evaluate one action on one resource."""
        request = Request(self._subject.principal, action, resource, self._owner, self._context)
        try:
            decision = evaluate(request, self._policies)
            facts = Facts(request, has_boundary=self._subject.boundaries is not None)
        except InvalidRequest as fault:
            raise invalid(f"Invalid Input Action Name: {action}") from fault
        result: dict[str, Any] = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": _DECISIONS[decision.outcome],
            "MatchedStatements": list(self._matched(decision, facts)),
            "MissingContextValues": self._missing(facts),
        }
        if self._scps is not None:
            result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": self._organizations_allow(request)}
        if self._subject.boundaries is not None:
            allowed = self._allows(self._subject.boundaries, facts)
            result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
        if self._resource is not None and self._owner != self._subject.principal.account:
            result["EvalDecisionDetails"] = self._sides(self._resource, facts)
        return result

    def _asked(self) -> tuple[NamedPolicy, ...]:
        resource = () if self._resource is None else (self._resource,)
        return (*self._policies.identity, *resource)

    def _matched(self, decision: Decision, facts: Facts) -> Iterator[dict[str, Any]]:
        if decision.outcome is Outcome.IMPLICITLY_DENIED:
            return
        wanted = Effect.ALLOW if decision.allowed else Effect.DENY
        more = () if decision.allowed else self._subject.boundaries or ()
        for named in (*self._asked(), *more):
            for statement in named.policy.statements:
                if statement.effect is wanted and statement.applies(facts):
                    yield _statement(named, self._sources.get(named.name, "IAM Policy"), statement)

    def _missing(self, facts: Facts) -> list[str]:
        held = {key.lower() for key in self._context}
        missing_keys = []
        for named in (*self._asked(), *(self._subject.boundaries or ())):
            speaking = [statement for statement in named.policy.statements if statement.speaks_of_action(facts)]
            about = Policy(named.policy.kind, named.policy.version, "", speaking, named.policy.text)
            missing_keys += [key for key in context_keys([about]) if key.lower() not in held]
        return list(dict.fromkeys(missing_keys))

    def _organizations_allow(self, request: Request) -> bool:
        every = NamedPolicy("", compile_policy(_EVERYTHING, PolicyKind.IDENTITY))
        policies = PolicySet((every,), self._delegating, scps=self._scps)
        return evaluate(request, policies, by_policies_alone=True).allowed

    @staticmethod
    def _allows(policies: Sequence[NamedPolicy], facts: Facts) -> bool:
        if any(policy.policy.denying(facts) is not None for policy in policies):
            return False
        return any(policy.policy.allowing(facts) is not None for policy in policies)

    def _sides(self, resource: NamedPolicy, facts: Facts) -> dict[str, str]:
        def side(policies: Sequence[NamedPolicy]) -> str:
            if any(policy.policy.denying(facts) is not None for policy in policies):
                return "explicitDeny"
            return (
                "allowed" if any(policy.policy.allowing(facts) is not None for policy in policies) else "implicitDeny"
            )

        return {"IAM Policy": side(self._policies.identity), "Resource Policy": side((resource,))}


_EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def parsed(document: str, kind: PolicyKind, label: str) -> Policy:
    """Return a policy that the call itself has. Raises AWSError, which names it by ``label``."""
    try:
        return compile_policy(document, kind)
    except PolicyError as fault:
        raise AWSError("InvalidInput", 400, f"Invalid policy in {label}: {fault.message}", why=str(fault)) from fault


def compiled(policy: PolicyText, kind: PolicyKind) -> NamedPolicy:
    """Return a policy of the account."""
    return NamedPolicy(policy.name, compile_policy(policy.document, kind))


def _entries(call_input: Mapping[str, Any]) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    for entry in call_input.get("ContextEntries") or ():
        if entry.get("ContextKeyName"):
            context[str(entry["ContextKeyName"])] = [str(value) for value in entry.get("ContextKeyValues") or ()]
    return context


def arn_of(text: str) -> ARN:
    """Return an ARN in its parts. Raises AWSError."""
    try:
        return parse_arn(text)
    except InvalidARN as fault:
        raise AWSError("ValidationError", 400, f"ARN {text} is not valid.") from fault


def _account(owner: str) -> str:
    account = owner if is_account_id(owner) else arn_of(owner).account
    if not is_account_id(account):
        raise invalid(f"Invalid resource owner: {owner}")
    return account


def invalid(message: str) -> AWSError:
    """Return the refusal of input that cannot be simulated."""
    return AWSError("InvalidInput", 400, message)


def _statement(named: NamedPolicy, kind: str, statement: Statement) -> dict[str, Any]:
    start, end = statement_span(named.policy, statement)
    return {
        "SourcePolicyId": named.name,
        "SourcePolicyType": kind,
        "StartPosition": {"Line": start.line, "Column": start.column},
        "EndPosition": {"Line": end.line, "Column": end.column},
    }
