"""AssumeRole: a user, or a session, becomes a session of a role.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html. The checks, in this order:

1. PARAMETERS      what the API's model takes; no tag that the calling session passes on is replaced
2. CALLER          no account's root user; no multi-factor authentication, which podrole does not simulate
3. TRUST           the role exists, and its trust policy and the caller's own policies allow it
4. DURATION        no longer than the role allows, and with temporary credentials no longer than an hour
5. SESSION_POLICY  the policies that limit the session are well-formed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podrole.iam.directory import Directory, Role
from podrole.iam.principal import PrincipalType
from podrole.sts import parameters as api
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import ASSUME_ROLE_STEPS, Denial, Denied, Step, denied
from podrole.sts.role_arn import parse_role_arn
from podrole.sts.session import Session, SessionKind
from podrole.sts.session_policy import packed_policy_size, session_policies
from podrole.sts.tags import NO_TAGS, SessionTags, check_not_inherited, overriding, tags_of_parameters
from podrole.sts.trust import SET_SOURCE_IDENTITY, Candidate, Wanted, Words, no_such_role, require_trust
from podrole.sts.web_identity import require_duration

ACTION = "sts:AssumeRole"
MAX_CHAINED_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Granted:
    """The outcome: the session, and the packed size of its policies and tags where it has any."""

    session: Session
    packed_policy_size: int | None
    minimum_token_size: int


def assume_role(
    parameters: Mapping[str, str],
    caller: Candidate,
    calling_session: Session | None,
    directory: Directory,
    at: Circumstances,
) -> Granted | Denial:
    """Make all checks and return the session, or the denial of the first that failed.

    ``caller`` is who signed, with all its policies and condition keys; ``calling_session`` what it signed with, where
    that was temporary. Never raises for what a client sent.
    """
    try:
        return _assume(parameters, caller, calling_session, directory, at)
    except Denied as refused:
        return refused.denial.of(ASSUME_ROLE_STEPS, {"role": parameters.get("RoleArn")})


def _assume(
    parameters: Mapping[str, str], caller: Candidate, calling: Session | None, directory: Directory, at: Circumstances
) -> Granted:
    # 1. PARAMETERS
    api.validate(parameters, api.ASSUME_ROLE_PARAMETERS, ("PolicyArns", "Tags", "TransitiveTagKeys"))
    arn = parse_role_arn(parameters["RoleArn"]).arn
    requested = tags_of_parameters(api.tags(parameters), api.transitive_tag_keys(parameters))
    inherited = NO_TAGS if calling is None else SessionTags(calling.tags, calling.transitive_tag_keys).inherited()
    check_not_inherited(requested, inherited)
    # 2. CALLER
    _require_one_who_may(parameters, caller)
    # 3. TRUST
    tags = SessionTags(
        overriding(inherited.tags, requested.tags), (*inherited.transitive_keys, *requested.transitive_keys)
    )
    words = Words(
        lambda action: f"User: {caller.principal.arn} is not authorized to perform: {action} on resource: {arn}"
    )
    wanted = Wanted(
        parameters["RoleSessionName"],
        tags,
        _source_identity(parameters.get("SourceIdentity"), calling, words),
        parameters.get("ExternalId"),
    )
    role = directory.role(arn)
    if role is None:
        raise no_such_role(arn, ACTION, words)
    require_trust(role, caller, wanted, ACTION, words)
    # 4. DURATION
    seconds = api.integer(parameters, "DurationSeconds", api.DEFAULT_DURATION)
    _require_short_chain(seconds, calling)
    require_duration(seconds, role.max_session_seconds)
    # 5. SESSION_POLICY
    policies = session_policies(parameters.get("Policy"), api.policy_arns(parameters), role.arn, directory)
    packed = packed_policy_size(policies, tags)
    session = role_session(role, wanted, int(at.now), seconds, policy=policies.inline, policy_arns=policies.arns)
    return Granted(session, packed, api.integer(parameters, "MinimumSessionTokenSize", 0))


def role_session(
    role: Role,
    wanted: Wanted,
    issued_at: int,
    seconds: int,
    *,
    policy: str | None = None,
    policy_arns: tuple[str, ...] = (),
) -> Session:
    """Return the session of a role that has been assumed by other means than a web identity."""
    return Session(
        kind=SessionKind.ASSUMED_ROLE,
        account=role.account,
        principal_arn=role.arn,
        principal_id=role.id,
        name=wanted.name,
        issued_at=issued_at,
        expires_at=issued_at + seconds,
        policy=policy,
        policy_arns=policy_arns,
        tags=dict(wanted.tags.tags),
        transitive_tag_keys=wanted.tags.transitive_keys,
        source_identity=wanted.source_identity,
    )


def require_no_mfa(parameters: Mapping[str, str]) -> None:
    """Refuse a one-time code: podrole has no MFA device to check it with. Raises Denied."""
    mfa_parameters = [name for name in ("SerialNumber", "TokenCode") if parameters.get(name)]
    if not mfa_parameters:
        return
    if len(mfa_parameters) == 1:
        message = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
    else:
        message = "MultiFactorAuthentication failed with invalid MFA one time pass code."
    raise denied(
        Step.CALLER,
        "AccessDenied",
        message,
        "podrole does not simulate MFA devices, so it accepts no one-time code.",
        status=403,
        got=" and ".join(mfa_parameters),
        expected="a role whose trust policy does not require multi-factor authentication",
    )


def _require_one_who_may(parameters: Mapping[str, str], caller: Candidate) -> None:
    if caller.principal.type is PrincipalType.ROOT:
        raise denied(
            Step.CALLER,
            "AccessDenied",
            "Roles may not be assumed by root accounts.",
            "The caller is an account's root user.",
            status=403,
            next_step="create an IAM user or a role, and call with its credentials",
        )
    require_no_mfa(parameters)
    if any(name.startswith("ProvidedContexts") for name in parameters):
        raise denied(
            Step.CALLER,
            "AccessDenied",
            f"User: {caller.principal.arn} is not authorized to perform: sts:SetContext",
            "podrole does not simulate context providers, so it accepts no context assertion.",
            status=403,
        )


def _source_identity(requested: str | None, calling: Session | None, words: Words) -> str | None:
    """Return the new session's source identity: once set, it stays along the whole chain."""
    inherited = None if calling is None else calling.source_identity
    if inherited is not None and requested not in (None, inherited):
        raise denied(
            Step.TRUST,
            words.code,
            words.message(SET_SOURCE_IDENTITY),
            "The source identity was set when the calling session began, and cannot be changed.",
            status=words.status,
            got=repr(requested),
            expected=repr(inherited),
        )
    return inherited or requested


def _require_short_chain(seconds: int, calling: Session | None) -> None:
    if calling is not None and seconds > MAX_CHAINED_SECONDS:
        raise denied(
            Step.DURATION,
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            "A session that is requested with temporary credentials lasts at most an hour, whatever the role allows.",
            got=f"{seconds} s",
            expected=f"at most {MAX_CHAINED_SECONDS} s",
        )
