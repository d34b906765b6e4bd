"""GetSessionToken and GetFederationToken: an IAM user's long-term key becomes temporary credentials.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html and API_GetFederationToken.html. The first
stands for the user itself; the second for a federated user, who may do what both the user's policies and the session
policies allow, and nothing without session policies. That the caller may call them at all is decided before
(``podrole.sts.limits``, and the caller's policies).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podrole.iam.directory import Directory, User
from podrole.iam.evaluate import PolicySet, Request, evaluate
from podrole.iam.explain import explain, summary
from podrole.sts import parameters as api
from podrole.sts.assume_role import require_no_mfa
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import ASSUME_ROLE_STEPS, Denial, Denied, Step, denied
from podrole.sts.session import Session, SessionKind
from podrole.sts.session_policy import packed_policy_size, session_policies
from podrole.sts.tags import SessionTags, tags_of_parameters
from podrole.sts.trust import TAG_SESSION, Candidate

MAX_ROOT_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Granted:
    """The outcome: the session, and for a federated user the packed size of its policies and tags."""

    session: Session
    packed_policy_size: int
    minimum_token_size: int


def session_token(parameters: Mapping[str, str], user: User, at: Circumstances) -> Granted | Denial:
    """Return a session that stands for ``user``. Never raises for what a client sent."""
    try:
        api.validate(parameters, api.SESSION_TOKEN_PARAMETERS)
        require_no_mfa(parameters)
        issued_at, expires_at = _lifetime(parameters, user, at)
        session = Session(
            SessionKind.SESSION_TOKEN, user.account, user.arn, user.id, "", issued_at=issued_at, expires_at=expires_at
        )
        return Granted(session, 0, api.integer(parameters, "MinimumSessionTokenSize", 0))
    except Denied as refused:
        return refused.denial.of(ASSUME_ROLE_STEPS, {})


def federation_token(
    parameters: Mapping[str, str], user: User, caller: Candidate, directory: Directory, at: Circumstances
) -> Granted | Denial:
    """Return a session of a federated user of ``user``. Never raises for what a client sent."""
    try:
        api.validate(parameters, api.FEDERATION_PARAMETERS, ("PolicyArns", "Tags"))
        tags = tags_of_parameters(api.tags(parameters))
        policies = session_policies(parameters.get("Policy"), api.policy_arns(parameters), user.arn, directory)
        packed = packed_policy_size(policies, tags) or 0
        issued_at, expires_at = _lifetime(parameters, user, at)
        session = Session(
            SessionKind.FEDERATED_USER,
            user.account,
            user.arn,
            user.id,
            parameters["Name"],
            issued_at,
            expires_at,
            policy=policies.inline,
            policy_arns=policies.arns,
            tags=dict(tags.tags),
        )
        _require_tagging(session, tags, caller)
        return Granted(session, packed, api.integer(parameters, "MinimumSessionTokenSize", 0))
    except Denied as refused:
        return refused.denial.of(ASSUME_ROLE_STEPS, {})


def _lifetime(parameters: Mapping[str, str], user: User, at: Circumstances) -> tuple[int, int]:
    seconds = api.integer(parameters, "DurationSeconds", api.DEFAULT_USER_DURATION)
    if not user.name:  # the root user's are cut to an hour, without an error
        seconds = min(seconds, MAX_ROOT_SECONDS)
    issued_at = int(at.now)
    return issued_at, issued_at + seconds


def _require_tagging(session: Session, tags: SessionTags, caller: Candidate) -> None:
    """Session tags need sts:TagSession in the caller's own policies."""
    if not tags.tags:
        return
    policies = caller.policies or PolicySet()
    context = {**caller.context, **tags.context_keys()}
    request = Request(caller.principal, TAG_SESSION, session.arn, session.account, context)
    decision = evaluate(request, policies)
    if not decision.allowed:
        evidence = explain(request, policies, decision)
        raise denied(
            Step.TRUST,
            "AccessDenied",
            f"User: {caller.principal.arn} is not authorized to perform: {TAG_SESSION} on resource: {session.arn}",
            summary(decision, evidence, request),
            status=403,
            evidence={"action": TAG_SESSION, "evidence": [item.to_dict() for item in evidence]},
        )
