"""IAM's policy simulator, answered by the engine that decides real calls.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and its three siblings. One result
is returned for each action on each resource.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import Caller, caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts as AccountFacts
from podrole.aws.operations.simulated_results import (
    SimulatedCaller,
    SimulatedPolicy,
    SimulatedResults,
    arn_of,
    compiled,
    invalid,
    parsed,
)
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.paging import page_start, page_token
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.query_answers import query_answer
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.large_work import off_loop
from podrole.iam.context_keys import context_keys
from podrole.iam.directory import PolicyText, Role, User
from podrole.iam.errors import InvalidRequest
from podrole.iam.evaluate import NamedPolicy
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import Principal, PrincipalType, principal_of
from podrole.iam.request import NO_RESOURCE

_MOST_ITEMS = 1_000
_USUAL_ITEMS = 100
_RESULT_BYTES = 2_000
"""What one result counts, beside the size of the request."""


class Simulation:
    """The simulator's operations over an account's directory."""

    def __init__(self, directory: IdentityDirectory, facts: AccountFacts) -> None:
        self._directory = directory
        self._facts = facts

    async def simulate_custom_policy(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Evaluate the policies in the call's parameters."""
        call_input = parameters(call)
        self._require(call_input, "PolicyInputList", "ActionNames")
        arn = call_input.get("CallerArn")
        if call_input.get("ResourcePolicy") and not arn:
            raise invalid("The CallerArn must be provided when a ResourcePolicy is.")
        principal = _principal(str(arn or f"arn:aws:iam::{caller.account}:user/simulated"))
        return await off_loop(
            _cost(call, call_input), lambda: self._simulated(call, call_input, SimulatedCaller(principal))
        )

    async def simulate_principal_policy(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Evaluate the policies of a user, a group or a role, and those in the call's parameters."""
        call_input = parameters(call)
        self._require(call_input, "PolicySourceArn", "ActionNames")
        subject = self._subject(call_input)
        if call_input.get("CallerArn"):
            subject.principal = _principal(str(call_input["CallerArn"]))
        return await off_loop(_cost(call, call_input), lambda: self._simulated(call, call_input, subject))

    async def get_context_keys_for_custom_policy(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """List the condition keys that the policies in the call's parameters read."""
        call_input = parameters(call)
        self._require(call_input, "PolicyInputList")
        return await off_loop(len(call.http.body), lambda: _keys_answer(call, _inputs(call_input, "PolicyInputList")))

    async def get_context_keys_for_principal_policy(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """List the condition keys that the policies of a user, a group or a role read."""
        call_input = parameters(call)
        self._require(call_input, "PolicySourceArn")
        own = self._subject(call_input).sources
        return await off_loop(
            len(call.http.body), lambda: _keys_answer(call, [*own, *_inputs(call_input, "PolicyInputList")])
        )

    @staticmethod
    def _require(call_input: Mapping[str, Any], *names: str) -> None:
        missing = [name for name in names if not call_input.get(name)]
        if missing:
            text = "; ".join(
                f"Value at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
                for name in missing
            )
            plural = "s" if len(missing) > 1 else ""
            raise AWSError("ValidationError", 400, f"{len(missing)} validation error{plural} detected: {text}")

    def _subject(self, call_input: Mapping[str, Any]) -> SimulatedCaller:
        source = arn_of(str(call_input["PolicySourceArn"]))
        entity: Role | User | None = None
        if source.is_user:
            entity = self._directory.user(str(source))
        elif source.is_role:
            entity = self._directory.role(str(source))
        else:
            policies = self._directory.group_policies(str(source))
            if policies is not None:
                principal = principal_of(f"arn:{source.partition}:iam::{source.account}:user/simulated")
                return SimulatedCaller(principal, sources=[_source(policy) for policy in policies])
        if entity is None:
            raise AWSError("NoSuchEntity", 404, f"The {source.resource_type} with name {source.name} cannot be found.")
        caller = _caller(entity)
        attached = self._directory.policies_of(entity)
        boundary = attached.boundary
        return SimulatedCaller(
            caller.principal,
            caller.context_keys(),
            [_source(policy) for policy in attached.identity],
            None if boundary is None else (compiled(boundary, PolicyKind.BOUNDARY),),
        )

    def _simulated(self, call: IdentifiedCall, call_input: Mapping[str, Any], subject: SimulatedCaller) -> HTTPResponse:
        subject.sources += _inputs(call_input, "PolicyInputList")
        boundaries = _inputs(call_input, "PermissionsBoundaryPolicyInputList", PolicyKind.BOUNDARY)
        if boundaries:
            subject.boundaries = tuple(boundary.named for boundary in boundaries)
        question = SimulatedResults(call_input, subject, self._facts)
        actions = [str(name) for name in call_input["ActionNames"]]
        resources = [str(arn) for arn in call_input.get("ResourceArns") or [NO_RESOURCE]]
        count = len(actions) * len(resources)
        start, most = _page(call_input, count)
        shown = (divmod(number, len(resources)) for number in range(start, min(start + most, count)))
        results = [question.result(actions[action], resources[resource]) for action, resource in shown]
        more = start + most < count
        marker = {"Marker": page_token(start + most)} if more else {}
        return query_answer(operation_of(call), {"EvaluationResults": results, "IsTruncated": more, **marker}, call.id)


def _inputs(call_input: Mapping[str, Any], name: str, kind: PolicyKind = PolicyKind.IDENTITY) -> list[SimulatedPolicy]:
    documents = call_input.get(name) or ()
    policies = []
    for number, document in enumerate(documents, 1):
        label = f"{name}.{number}"
        policies.append(SimulatedPolicy(NamedPolicy(label, parsed(str(document), kind, label)), "IAM Policy"))
    return policies


def _source(policy: PolicyText) -> SimulatedPolicy:
    if policy.name.startswith("arn:"):
        kind = "aws-managed" if ":iam::aws:" in policy.name else "user-managed"
    else:
        kind = next((word for word in ("role", "user", "group") if f" of {word} " in policy.name), "none")
    return SimulatedPolicy(compiled(policy, PolicyKind.IDENTITY), kind)


def _caller(entity: Role | User) -> Caller:
    if isinstance(entity, User):
        return caller_of_user(entity, "")
    principal = Principal(
        PrincipalType.ASSUMED_ROLE, entity.account, entity.arn, entity.id, role_arn=entity.arn, role_id=entity.id
    )
    return Caller(principal, entity)


def _cost(call: IdentifiedCall, call_input: Mapping[str, Any]) -> int:
    """Return the size of a simulation for ``off_loop``: that of its request, and more for each result."""
    count = len(call_input["ActionNames"]) * len(call_input.get("ResourceArns") or (NO_RESOURCE,))
    return len(call.http.body) + _RESULT_BYTES * min(count, _MOST_ITEMS)


def _principal(arn: str) -> Principal:
    try:
        return principal_of(arn)
    except InvalidRequest as fault:
        raise invalid(f"Invalid caller ARN: {arn}") from fault


def _page(call_input: Mapping[str, Any], available: int) -> tuple[int, int]:
    most = call_input.get("MaxItems", _USUAL_ITEMS)
    if not isinstance(most, int) or most > _MOST_ITEMS:
        raise _not_within(f"less than or equal to {_MOST_ITEMS}")
    if most < 1:
        raise _not_within("greater than or equal to 1")
    marker = call_input.get("Marker")
    if marker is None:
        return 0, most
    start = page_start(str(marker), available)
    if start is None:
        raise invalid("Invalid Marker")
    return start, most


def _not_within(bound: str) -> AWSError:
    return AWSError(
        "ValidationError",
        400,
        "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: "
        f"Member must have value {bound}",
    )


def _keys_answer(call: IdentifiedCall, sources: Sequence[SimulatedPolicy]) -> HTTPResponse:
    names = list(context_keys(source.named.policy for source in sources))
    return query_answer(operation_of(call), {"ContextKeyNames": names}, call.id)
