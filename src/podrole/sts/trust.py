"""May this caller assume this role? The only place that evaluates a role's trust policy, for every kind of caller.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. For a web identity and for a
service the trust policy is the whole answer; a user or a role session must be allowed by its own policies too (in the
role's account only where the trust policy names the account and not the caller). Tags and a source identity each need
an action of their own, in the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from podrole.iam.directory import Role
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Decision, NamedPolicy, PolicySet, Request, evaluate, evaluate_trust
from podrole.iam.explain import explain, summary
from podrole.iam.policy import Policy, PolicyKind
from podrole.iam.principal import Principal
from podrole.sts.denial import Denied, Step, denied
from podrole.sts.tags import NO_TAGS, SessionTags

TAG_SESSION, SET_SOURCE_IDENTITY = "sts:TagSession", "sts:SetSourceIdentity"
Context = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Words:
    """How an operation words a refusal: ``message`` of the action that was not allowed."""

    message: Callable[[str], str]
    code: str = "AccessDenied"
    status: int = 403


class Wanted(msgspec.Struct, frozen=True):
    """What the request asks for that the trust policy decides on. ``tags`` are those of the request."""

    name: str
    tags: SessionTags = NO_TAGS
    source_identity: str | None = None
    external_id: str | None = None

    def actions(self, first: str) -> list[str]:
        """Return what must be allowed, ``first`` before all."""
        actions = [first]
        if self.tags.tags:
            actions.append(TAG_SESSION)
        if self.source_identity is not None:
            actions.append(SET_SOURCE_IDENTITY)
        return actions

    def context_keys(self) -> dict[str, str | list[str]]:
        """Return the condition keys of the request."""
        keys = self.tags.context_keys()
        keys["sts:RoleSessionName"] = self.name
        if self.source_identity is not None:
            keys["sts:SourceIdentity"] = self.source_identity
        if self.external_id is not None:
            keys["sts:ExternalId"] = self.external_id
        return keys


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to assume the role. ``policies`` are a user's or session's own; None for all others."""

    principal: Principal
    context: Context = field(repr=False)
    policies: PolicySet | None = None


def require_trust(role: Role, candidate: Candidate, wanted: Wanted, action: str, words: Words) -> None:
    """Return if the candidate may assume the role as it wants to. Raises Denied, with the evidence, otherwise."""
    trust = NamedPolicy(f"the trust policy of role {role.name}", _compiled(role, action, words))
    context = {**candidate.context, **wanted.context_keys(), **role_keys(role)}
    for needed in wanted.actions(action):
        request = Request(candidate.principal, needed, role.arn, role.account, context)
        if candidate.policies is None:
            decision = evaluate_trust(request, trust)
        else:
            decision = evaluate(request, msgspec.structs.replace(candidate.policies, resource=trust))
        if not decision.allowed:
            policies = msgspec.structs.replace(candidate.policies or PolicySet(), resource=trust)
            raise _not_trusted(request, policies, decision, words, needed)


def no_such_role(arn: str, action: str, words: Words, next_step: str | None = None) -> Denied:
    """Return the refusal for a role that does not exist: to the client the same as for one that does not trust it."""
    return denied(
        Step.TRUST,
        words.code,
        words.message(action),
        "The role does not exist.",
        status=words.status,
        got=repr(arn),
        expected="the ARN of a role, with its path",
        next_step=next_step,
    )


def role_keys(role: Role) -> dict[str, str]:
    """Return the condition keys that describe the role."""
    keys = {"aws:ResourceAccount": role.account}
    for key, value in role.tags.items():
        keys[f"aws:ResourceTag/{key}"] = keys[f"iam:ResourceTag/{key}"] = value
    return keys


def trusts(role: Role, principal: Principal, actions: Iterable[str]) -> bool:
    """Say whether the Allow statements of the role's trust policy name ``principal`` for all of ``actions``.

    Conditions are taken to hold. Does not look at Deny statements: ``require_trust`` decides on the call itself.
    """
    try:
        policy = compile_policy(role.trust_policy, PolicyKind.TRUST)
    except PolicyError:
        return False
    unconditional = [
        replace(statement, conditions=()) for statement in policy.statements if statement.effect == "Allow"
    ]
    probe = NamedPolicy("trust", Policy(PolicyKind.TRUST, policy.version, "", unconditional, ""))
    return all(evaluate_trust(Request(principal, action, role.arn, role.account), probe).allowed for action in actions)


def _compiled(role: Role, action: str, words: Words) -> Policy:
    """Return the compiled trust policy. A trust policy that cannot be read trusts no one. Raises Denied."""
    try:
        return compile_policy(role.trust_policy, PolicyKind.TRUST)
    except PolicyError as fault:
        raise denied(
            Step.TRUST,
            words.code,
            words.message(action),
            f"The trust policy of role {role.name} is not accepted by AWS: {fault.message}",
            status=words.status,
            got=fault.got,
            expected=fault.expected,
        ) from fault


def _not_trusted(request: Request, policies: PolicySet, decision: Decision, words: Words, action: str) -> Denied:
    evidence = explain(request, policies, decision)
    return denied(
        Step.TRUST,
        words.code,
        words.message(action),
        summary(decision, evidence, request),
        status=words.status,
        evidence={
            "action": action,
            "decision": decision.outcome.value,
            "policy": policies.resource.name if policies.resource else None,
            "evidence": [item.to_dict() for item in evidence],
        },
    )
