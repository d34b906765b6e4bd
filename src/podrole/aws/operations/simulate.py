"""IAM's policy simulator, answered by the engine that decides real calls.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and its three siblings. One result
is returned for each action on each resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import Caller, caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts as AccountFacts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.paging import page_start, page_token
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import text, xml_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import ARN, is_account_id, parse_arn
from podrole.iam.context_keys import context_keys
from podrole.iam.directory import PolicyText, Role, User
from podrole.iam.document import compile_policy
from podrole.iam.errors import InvalidARN, InvalidRequest, PolicyError
from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, Request, evaluate
from podrole.iam.policy import Effect, Policy, PolicyKind, Statement
from podrole.iam.principal import Principal, PrincipalType, principal_of
from podrole.iam.request import NO_RESOURCE, Facts
from podrole.iam.spans import statement_span

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_MOST_ITEMS = 1_000
_USUAL_ITEMS = 100
_DECISIONS = {
    Outcome.ALLOWED: "allowed",
    Outcome.EXPLICITLY_DENIED: "explicitDeny",
    Outcome.IMPLICITLY_DENIED: "implicitDeny",
}


@dataclass(frozen=True, slots=True)
class _Source:
    """A policy with where it came from, as the simulator says it."""

    named: NamedPolicy
    kind: str


@dataclass(slots=True)
class _Subject:
    """The simulated caller: the principal, its own condition keys, and its policies."""

    principal: Principal
    keys: dict[str, str | list[str]] = field(default_factory=dict)
    sources: list[_Source] = field(default_factory=list)
    boundaries: tuple[NamedPolicy, ...] | None = None


class Simulation:
    """The simulator's operations over an account's directory."""

    def __init__(self, directory: IdentityDirectory, facts: AccountFacts) -> None:
        self._directory = directory
        self._facts = facts

    async def simulate_custom_policy(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Evaluate the policies in the call's parameters."""
        given = parameters(call)
        self._require(given, "PolicyInputList", "ActionNames")
        arn = given.get("CallerArn")
        if given.get("ResourcePolicy") and not arn:
            raise _invalid("The CallerArn must be provided when a ResourcePolicy is.")
        principal = _principal(str(arn or f"arn:aws:iam::{caller.account}:user/simulated"))
        subject = _Subject(principal, sources=_inputs(given, "PolicyInputList"))
        return self._simulated(call, given, subject)

    async def simulate_principal_policy(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Evaluate the policies of a user, a group or a role, and those in the call's parameters."""
        given = parameters(call)
        self._require(given, "PolicySourceArn", "ActionNames")
        subject = self._subject(given)
        subject.sources += _inputs(given, "PolicyInputList")
        if given.get("CallerArn"):
            subject.principal = _principal(str(given["CallerArn"]))
        return self._simulated(call, given, subject)

    async def get_context_keys_for_custom_policy(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """List the condition keys that the policies in the call's parameters read."""
        given = parameters(call)
        self._require(given, "PolicyInputList")
        return _keys_answer(call, _inputs(given, "PolicyInputList"))

    async def get_context_keys_for_principal_policy(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """List the condition keys that the policies of a user, a group or a role read."""
        given = parameters(call)
        self._require(given, "PolicySourceArn")
        return _keys_answer(call, [*self._subject(given).sources, *_inputs(given, "PolicyInputList")])

    @staticmethod
    def _require(given: Mapping[str, Any], *names: str) -> None:
        missing = [name for name in names if not given.get(name)]
        if missing:
            text = "; ".join(
                f"Value at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
                for name in missing
            )
            plural = "s" if len(missing) > 1 else ""
            raise AWSError("ValidationError", 400, f"{len(missing)} validation error{plural} detected: {text}")

    def _subject(self, given: Mapping[str, Any]) -> _Subject:
        source = _arn(str(given["PolicySourceArn"]))
        entity: Role | User | None = None
        if source.is_user:
            entity = self._directory.user(str(source))
        elif source.is_role:
            entity = self._directory.role(str(source))
        elif source.resource.startswith("group/"):
            policies = self._directory.group_policies(str(source))
            if policies is not None:
                principal = principal_of(f"arn:{source.partition}:iam::{source.account}:user/simulated")
                return _Subject(principal, sources=[_source(one) for one in policies])
        if entity is None:
            raise AWSError("NoSuchEntity", 404, f"The {source.resource_type} with name {source.name} cannot be found.")
        caller = _caller(entity)
        attached = self._directory.policies_of(entity)
        boundary = attached.boundary
        return _Subject(
            caller.principal,
            caller.context_keys(),
            [_source(one) for one in attached.identity],
            None if boundary is None else (_compiled(boundary, PolicyKind.BOUNDARY),),
        )

    def _simulated(self, call: IdentifiedCall, given: Mapping[str, Any], subject: _Subject) -> HTTPResponse:
        boundaries = _inputs(given, "PermissionsBoundaryPolicyInputList", PolicyKind.BOUNDARY)
        if boundaries:
            subject.boundaries = tuple(one.named for one in boundaries)
        question = _Question(given, subject, self._facts)
        actions = [str(one) for one in given["ActionNames"]]
        resources = [str(one) for one in given.get("ResourceArns") or [NO_RESOURCE]]
        pairs = [(action, resource) for action in actions for resource in resources]
        start, most = _page(given, len(pairs))
        shown = pairs[start : start + most]
        results = [question.result(action, resource) for action, resource in shown]
        more = start + most < len(pairs)
        marker = {"Marker": page_token(start + most)} if more else {}
        return _answer(call, {"EvaluationResults": results, "IsTruncated": more, **marker})


class _Question:
    """What all results of one simulation share."""

    def __init__(self, given: Mapping[str, Any], subject: _Subject, facts: AccountFacts) -> None:
        self._subject = subject
        self._context = {**subject.keys, **_entries(given)}
        account = subject.principal.account
        owner = given.get("ResourceOwner")
        self._owner = _account(str(owner)) if owner else account
        document = given.get("ResourcePolicy")
        self._resource = (
            NamedPolicy("ResourcePolicy", _parsed(str(document), PolicyKind.RESOURCE, "ResourcePolicy"))
            if document
            else None
        )
        # Without a resource policy the simulator decides by identity policies alone, even for KMS keys and roles.
        root: Any = {"AWS": account} if account else "*"
        statement = {"Effect": "Allow", "Principal": root, "Action": "*", "Resource": "*"}
        delegating = json.dumps({"Version": "2012-10-17", "Statement": statement})
        asked = self._resource or NamedPolicy("", compile_policy(delegating, PolicyKind.RESOURCE))
        scps = facts.control_policies(account, "scp") if subject.keys else None
        self._scps = (
            None if scps is None else tuple(tuple(_compiled(one, PolicyKind.SCP) for one in level) for level in scps)
        )
        identity = tuple(one.named for one in subject.sources)
        self._policies = PolicySet(identity, asked, subject.boundaries, None, self._scps)
        self._sources = {one.named.name: one.kind for one in subject.sources} | {"ResourcePolicy": "Resource Policy"}

    def result(self, action: str, resource: str) -> dict[str, Any]:
        """Evaluate one action on one resource."""
        request = Request(self._subject.principal, action, resource, self._owner, self._context)
        try:
            decision = evaluate(request, self._policies)
            facts = Facts(request, has_boundary=self._subject.boundaries is not None)
        except InvalidRequest as fault:
            raise _invalid(f"Invalid Input Action Name: {action}") from fault
        found: dict[str, Any] = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": _DECISIONS[decision.outcome],
            "MatchedStatements": list(self._matched(decision, facts)),
            "MissingContextValues": self._missing(facts),
        }
        if self._scps is not None:
            found["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": self._organizations_allow(request)}
        if self._subject.boundaries is not None:
            allowed = self._allows(self._subject.boundaries, facts)
            found["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
        if self._resource is not None and self._owner != self._subject.principal.account:
            found["EvalDecisionDetails"] = self._sides(facts)
        return found

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
        found = []
        for named in (*self._asked(), *(self._subject.boundaries or ())):
            speaking = [one for one in named.policy.statements if one.actions.matches(facts)]
            about = Policy(named.policy.kind, named.policy.version, "", speaking, named.policy.text)
            found += [key for key in context_keys([about]) if key.lower() not in held]
        return list(dict.fromkeys(found))

    def _organizations_allow(self, request: Request) -> bool:
        every = compile_policy(_EVERYTHING, PolicyKind.IDENTITY)
        return evaluate(request, PolicySet((NamedPolicy("", every),), self._policies.resource, scps=self._scps)).allowed

    @staticmethod
    def _allows(policies: Sequence[NamedPolicy], facts: Facts) -> bool:
        if any(one.policy.denying(facts) is not None for one in policies):
            return False
        return any(one.policy.allowing(facts) is not None for one in policies)

    def _sides(self, facts: Facts) -> dict[str, str]:
        def side(policies: Sequence[NamedPolicy]) -> str:
            if any(one.policy.denying(facts) is not None for one in policies):
                return "explicitDeny"
            return "allowed" if any(one.policy.allowing(facts) is not None for one in policies) else "implicitDeny"

        resource = () if self._resource is None else (self._resource,)
        return {"IAM Policy": side(self._policies.identity), "Resource Policy": side(resource)}


_EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


# Reading


def _inputs(given: Mapping[str, Any], name: str, kind: PolicyKind = PolicyKind.IDENTITY) -> list[_Source]:
    documents = given.get(name) or ()
    found = []
    for number, document in enumerate(documents, 1):
        label = f"{name}.{number}"
        found.append(_Source(NamedPolicy(label, _parsed(str(document), kind, label)), "IAM Policy"))
    return found


def _parsed(document: str, kind: PolicyKind, label: str) -> Policy:
    try:
        return compile_policy(document, kind)
    except PolicyError as fault:
        raise AWSError("InvalidInput", 400, f"Invalid policy in {label}: {fault.message}", why=str(fault)) from fault


def _source(one: PolicyText) -> _Source:
    if one.name.startswith("arn:"):
        kind = "aws-managed" if ":iam::aws:" in one.name else "user-managed"
    else:
        kind = next((word for word in ("role", "user", "group") if f" of {word} " in one.name), "none")
    return _Source(_compiled(one, PolicyKind.IDENTITY), kind)


def _compiled(one: PolicyText, kind: PolicyKind) -> NamedPolicy:
    return NamedPolicy(one.name, compile_policy(one.document, kind))


def _caller(entity: Role | User) -> Caller:
    if isinstance(entity, User):
        return caller_of_user(entity, "")
    principal = Principal(
        PrincipalType.ASSUMED_ROLE, entity.account, entity.arn, entity.id, role_arn=entity.arn, role_id=entity.id
    )
    return Caller(principal, entity)


def _entries(given: Mapping[str, Any]) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for entry in given.get("ContextEntries") or ():
        values = [str(one) for one in entry.get("ContextKeyValues") or ()]
        if entry.get("ContextKeyName"):
            found[str(entry["ContextKeyName"])] = values[0] if len(values) == 1 else values
    return found


def _arn(found: str) -> ARN:
    try:
        return parse_arn(found)
    except InvalidARN as fault:
        raise AWSError("ValidationError", 400, f"ARN {found} is not valid.") from fault


def _principal(found: str) -> Principal:
    try:
        return principal_of(found)
    except InvalidRequest as fault:
        raise _invalid(f"Invalid caller ARN: {found}") from fault


def _account(owner: str) -> str:
    account = owner if is_account_id(owner) else _arn(owner).account
    if not is_account_id(account):
        raise _invalid(f"Invalid resource owner: {owner}")
    return account


def _page(given: Mapping[str, Any], available: int) -> tuple[int, int]:
    most = given.get("MaxItems", _USUAL_ITEMS)
    if not isinstance(most, int) or not 1 <= most <= _MOST_ITEMS:
        bound = "greater than or equal to 1" if isinstance(most, int) and most < 1 else "less than or equal to 1000"
        raise AWSError(
            "ValidationError",
            400,
            "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: "
            f"Member must have value {bound}",
        )
    marker = given.get("Marker")
    if marker is None:
        return 0, most
    start = page_start(str(marker), available)
    if start is None:
        raise _invalid("Invalid Marker")
    return start, most


def _invalid(message: str) -> AWSError:
    return AWSError("InvalidInput", 400, message)


# Answering


def _statement(named: NamedPolicy, kind: str, statement: Statement) -> dict[str, Any]:
    start, end = statement_span(named.policy, statement)
    return {
        "SourcePolicyId": named.name,
        "SourcePolicyType": kind,
        "StartPosition": {"Line": start.line, "Column": start.column},
        "EndPosition": {"Line": end.line, "Column": end.column},
    }


def _keys_answer(call: IdentifiedCall, sources: Sequence[_Source]) -> HTTPResponse:
    return _answer(call, {"ContextKeyNames": list(context_keys(one.named.policy for one in sources))})


def _answer(call: IdentifiedCall, result: Mapping[str, Any]) -> HTTPResponse:
    name = call.operation
    return xml_response(
        f'<{name}Response xmlns="{_NAMESPACE}">\n'
        f"  <{name}Result>\n{_members(result)}  </{name}Result>\n"
        f"  <ResponseMetadata>\n    <RequestId>{call.id}</RequestId>\n  </ResponseMetadata>\n"
        f"</{name}Response>\n",
        call.id,
    )


def _members(found: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{_value(name, value)}</{name}>\n" for name, value in found.items())


def _value(name: str, value: Any) -> str:
    if name == "EvalDecisionDetails":
        entries = (f"<entry><key>{text(key)}</key><value>{text(one)}</value></entry>" for key, one in value.items())
        return "".join(entries)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, list):
        return "".join(f"<member>{_value('', one)}</member>" for one in value)
    return text(value)
