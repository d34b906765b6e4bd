"""AssumeRole, check by check, without any server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podrole.iam.principal import Principal, PrincipalType
from podrole.sts.assume_role import Granted, assume_role
from podrole.sts.denial import ASSUME_ROLE_STEPS, Denial, Step
from podrole.sts.session import Session, SessionKind
from podrole.sts.trust import Candidate
from support.sts import ACCOUNT, AT, NOW, OTHER_ACCOUNT, ROLE_ARN, Accounts, a_role, allow, document, policies

USER = Principal(PrincipalType.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN")
OTHER_USER = Principal(PrincipalType.USER, OTHER_ACCOUNT, f"arn:aws:iam::{OTHER_ACCOUNT}:user/eve", "AIDAEVE")
ROOT = Principal(PrincipalType.ROOT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
CALLING_ROLE = f"arn:aws:iam::{ACCOUNT}:role/caller"
CALLING_SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/first"
ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
PARAMETERS = {"RoleArn": ROLE_ARN, "RoleSessionName": "work"}
READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
CONFLICT = (
    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the "
    "calling session."
)
MFA_HALF = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
MFA_WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code."
SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/ann"


def trust(*actions: str, principal: Principal = USER, **elements: Any) -> dict[str, Any]:
    return allow(*(actions or ACTIONS), Principal={"AWS": principal.arn}, **elements)


def calling(**members: Any) -> Session:
    """Return the session of a role that calls."""
    return Session(
        SessionKind.ASSUMED_ROLE, ACCOUNT, CALLING_ROLE, "AROACALLER", "first", NOW - 60, NOW + 3_000, **members
    )


def outcome_of(
    parameters: Mapping[str, str | None] | None = None,
    *,
    caller: Principal = USER,
    own: tuple[dict[str, Any], ...] = (),
    session: Session | None = None,
    role: tuple[dict[str, Any], ...] = (),
    **members: Any,
) -> Granted | Denial:
    """Assume a role that trusts the user but for what is given; a parameter of None is left out."""
    if session is not None and caller is USER:
        caller = Principal(
            PrincipalType.ASSUMED_ROLE, ACCOUNT, session.arn, session.id, CALLING_ROLE, session.principal_id
        )
    directory = Accounts([a_role(*(role or (trust(principal=caller),)), **members)])
    sent = {name: value for name, value in {**PARAMETERS, **(parameters or {})}.items() if value is not None}
    return assume_role(sent, Candidate(caller, AT.context_keys(), policies(*own)), session, directory, AT)


def session_of(*arguments: Any, **more: Any) -> Session:
    outcome = outcome_of(*arguments, **more)
    assert isinstance(outcome, Granted), outcome
    return outcome.session


def denial_of(*arguments: Any, **more: Any) -> Denial:
    outcome = outcome_of(*arguments, **more)
    assert isinstance(outcome, Denial), outcome
    assert outcome.steps == ASSUME_ROLE_STEPS
    return outcome


def test_a_user_whom_the_role_trusts_gets_a_session() -> None:
    outcome = outcome_of()
    assert isinstance(outcome, Granted)
    assert outcome == Granted(
        Session(SessionKind.ASSUMED_ROLE, ACCOUNT, ROLE_ARN, "AROAREADER", "work", NOW, NOW + 3_600), None, 0
    )


def test_what_the_request_asks_for_goes_into_the_session() -> None:
    outcome = outcome_of(
        {
            "DurationSeconds": "7200",
            "Policy": READ_ONLY,
            "Tags.member.1.Key": "team",
            "Tags.member.1.Value": "shop",
            "Tags.member.2.Key": "stage",
            "Tags.member.2.Value": "",
            "TransitiveTagKeys.member.1": "team",
            "SourceIdentity": "ann",
            "MinimumSessionTokenSize": "512",
        },
        max_session_seconds=7_200,
    )
    assert isinstance(outcome, Granted)
    session = outcome.session
    assert (session.tags, session.transitive_tag_keys) == ({"team": "shop", "stage": ""}, ("team",))
    assert (session.source_identity, session.policy, session.expires_at) == ("ann", READ_ONLY, NOW + 7_200)
    assert outcome.minimum_token_size == 512
    assert outcome.packed_policy_size is not None


@pytest.mark.parametrize(
    ("parameters", "more", "step", "code", "message"),
    [
        ({"RoleSessionName": None}, {}, Step.PARAMETERS, "ValidationError", None),
        ({"RoleArn": "x" * 20}, {}, Step.PARAMETERS, "ValidationError", f"{'x' * 20} is invalid"),
        ({"Tags.member.1.Key": "aws:a", "Tags.member.1.Value": ""}, {}, Step.PARAMETERS, "InvalidParameterValue", None),
        ({"TransitiveTagKeys.member.1": "team"}, {}, Step.PARAMETERS, "InvalidParameterValue", None),
        (
            {"Tags.member.1.Key": "TEAM", "Tags.member.1.Value": "x"},
            {"session": calling(tags={"team": "shop"}, transitive_tag_keys=("team",))},
            Step.PARAMETERS,
            "InvalidParameterValue",
            CONFLICT,
        ),
        ({}, {"caller": ROOT}, Step.CALLER, "AccessDenied", "Roles may not be assumed by root accounts."),
        ({"SerialNumber": SERIAL}, {}, Step.CALLER, "AccessDenied", MFA_HALF),
        ({"TokenCode": "123456"}, {}, Step.CALLER, "AccessDenied", MFA_HALF),
        ({"SerialNumber": SERIAL, "TokenCode": "123456"}, {}, Step.CALLER, "AccessDenied", MFA_WRONG),
        (
            {"ProvidedContexts.member.1.ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter"},
            {},
            Step.CALLER,
            "AccessDenied",
            f"User: {USER.arn} is not authorized to perform: sts:SetContext",
        ),
        (
            {"RoleArn": f"{ROLE_ARN}s"},
            {},
            Step.TRUST,
            "AccessDenied",
            f"User: {USER.arn} is not authorized to perform: sts:AssumeRole on resource: {ROLE_ARN}s",
        ),
        (
            {},
            {"role": (trust(principal=OTHER_USER),)},
            Step.TRUST,
            "AccessDenied",
            f"User: {USER.arn} is not authorized to perform: sts:AssumeRole on resource: {ROLE_ARN}",
        ),
        (
            {"SourceIdentity": "bob"},
            {"session": calling(source_identity="ann")},
            Step.TRUST,
            "AccessDenied",
            f"User: {CALLING_SESSION} is not authorized to perform: sts:SetSourceIdentity on resource: {ROLE_ARN}",
        ),
        (
            {"DurationSeconds": "3601"},
            {},
            Step.DURATION,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        (
            {"DurationSeconds": "3601"},
            {"session": calling(), "max_session_seconds": 7_200},
            Step.DURATION,
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ),
        ({"Policy": "{}"}, {}, Step.SESSION_POLICY, "MalformedPolicyDocument", None),
    ],
)
def test_each_check_refuses_alone(
    parameters: dict[str, str | None], more: dict[str, Any], step: Step, code: str, message: str | None
) -> None:
    denial = denial_of(parameters, **more)
    assert (denial.step, denial.code) == (step, code)
    assert denial.status == (403 if code == "AccessDenied" else 400)
    assert message is None or denial.message == message
    assert denial.evidence["role"] == (parameters.get("RoleArn") or ROLE_ARN)


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ({}, "sts:AssumeRole"),
        ({"Tags.member.1.Key": "team", "Tags.member.1.Value": "shop"}, "sts:TagSession"),
        ({"SourceIdentity": "ann"}, "sts:SetSourceIdentity"),
    ],
)
def test_each_action_that_the_request_needs_must_be_allowed(parameters: dict[str, str], missing: str) -> None:
    some = trust(*(action for action in ACTIONS if action != missing))
    assert denial_of(parameters, role=(some,)).evidence["action"] == missing
    assert session_of(parameters)


def test_the_calling_sessions_transitive_tags_are_passed_on() -> None:
    first = calling(tags={"team": "shop", "stage": "dev"}, transitive_tag_keys=("team",))
    session = session_of({"Tags.member.1.Key": "stage", "Tags.member.1.Value": "prod"}, session=first)
    assert session.tags == {"team": "shop", "stage": "prod"}
    assert session.transitive_tag_keys == ("team",)
    added = {
        "Tags.member.1.Key": "unit",
        "Tags.member.1.Value": "a",
        "TransitiveTagKeys.member.1": "unit",
    }
    assert session_of(added, session=first).transitive_tag_keys == ("team", "unit")


def test_tags_that_are_passed_on_need_sts_tag_session_as_well() -> None:
    first = calling(tags={"team": "shop"}, transitive_tag_keys=("team",))
    role = Principal(PrincipalType.ASSUMED_ROLE, ACCOUNT, first.arn, first.id, CALLING_ROLE, first.principal_id)
    assert (
        denial_of(session=first, role=(trust("sts:AssumeRole", principal=role),)).evidence["action"] == "sts:TagSession"
    )


@pytest.mark.parametrize("requested", [None, "ann"])
def test_the_source_identity_stays_along_the_chain(requested: str | None) -> None:
    assert session_of({"SourceIdentity": requested}, session=calling(source_identity="ann")).source_identity == "ann"


@pytest.mark.parametrize(
    ("condition", "parameters"),
    [
        ({"sts:ExternalId": "secret"}, {"ExternalId": "secret"}),
        ({"sts:RoleSessionName": "work"}, {"RoleSessionName": "work"}),
        ({"sts:SourceIdentity": "ann"}, {"SourceIdentity": "ann"}),
        ({"aws:RequestTag/team": "shop"}, {"Tags.member.1.Key": "team", "Tags.member.1.Value": "shop"}),
    ],
)
def test_a_condition_of_the_trust_policy_sees_the_parameter(
    condition: dict[str, str], parameters: dict[str, str]
) -> None:
    role = (trust(Condition={"StringEquals": condition}),)
    assert session_of(parameters, role=role)
    others = {name: value if name.endswith("Key") else f"{value}x" for name, value in parameters.items()}
    assert denial_of(others, role=role).step is Step.TRUST


def test_a_trust_policy_that_names_the_account_needs_the_callers_own_policy() -> None:
    role = (allow(*ACTIONS, Principal={"AWS": ACCOUNT}),)
    assert denial_of(role=role).step is Step.TRUST
    assert session_of(role=role, own=(allow("sts:AssumeRole", Resource=ROLE_ARN),))


def test_from_another_account_both_sides_must_allow() -> None:
    own = (allow("sts:AssumeRole", Resource=ROLE_ARN),)
    assert denial_of(caller=OTHER_USER).step is Step.TRUST
    assert session_of(caller=OTHER_USER, own=own)
    assert denial_of(caller=OTHER_USER, own=own, role=(trust(principal=USER),)).step is Step.TRUST


def test_a_deny_of_the_callers_own_policy_refuses() -> None:
    assert denial_of(own=(allow("sts:AssumeRole", effect="Deny", Resource="*"),)).step is Step.TRUST


def test_an_hour_is_not_too_long_for_a_chain_nor_a_day_for_a_user() -> None:
    assert session_of({"DurationSeconds": "3600"}, session=calling(), max_session_seconds=7_200)
    assert session_of({"DurationSeconds": "43200"}, max_session_seconds=43_200)
