"""The exchange of a web identity token, check by check, without any server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podrole.iam.directory import OIDCProvider
from podrole.oidc.errors import KeysFault
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey, VerificationKey
from podrole.sts.claim_keys import ROLES_CLAIM
from podrole.sts.denial import WEB_IDENTITY_STEPS, Denial, Step
from podrole.sts.session import Session, SessionKind
from podrole.sts.tags import SOURCE_IDENTITY_CLAIM, TAGS_CLAIM
from podrole.sts.web_identity import Granted, assume_role_with_web_identity
from support.sts import ACCOUNT, AT, NOW, OTHER_ACCOUNT, ROLE_ARN, Accounts, Published, a_role, allow, document

ISSUER = "https://oidc.example.com/id/ABC"
PREFIX = "oidc.example.com/id/ABC"
SUBJECT = "system:serviceaccount:shop:inventory"
KEY = SigningKey.generate("ES256")
PROVIDER = OIDCProvider(
    f"arn:aws:iam::{ACCOUNT}:oidc-provider/{PREFIX}", ISSUER, ("sts.amazonaws.com", "second"), ("a" * 40,)
)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": SUBJECT,
    "aud": ["sts.amazonaws.com"],
    "iat": NOW,
    "exp": NOW + 3_600,
}
PARAMETERS = {"RoleArn": ROLE_ARN, "RoleSessionName": "web", "WebIdentityToken": ""}
ACTIONS = ("sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity")
NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
NOT_VALIDATED = (
    "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for "
    "requirements."
)
NOT_IN_FORMAT = "Session tags passed in claim are not in correct format."
MANAGED = f"arn:aws:iam::{ACCOUNT}:policy/limit"
READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})


def trust(*actions: str, **condition: Any) -> dict[str, Any]:
    """Return a statement that trusts the provider."""
    equals = condition or {"StringEquals": {f"{PREFIX}:sub": SUBJECT, f"{PREFIX}:aud": "sts.amazonaws.com"}}
    return allow(*(actions or ACTIONS), Principal={"Federated": PROVIDER.arn}, Condition=equals)


def accounts(*statements: Mapping[str, Any], **role: Any) -> Accounts:
    return Accounts([a_role(*(statements or (trust(),)), **role)], [PROVIDER], {MANAGED: READ_ONLY})


async def exchange(
    claims: Mapping[str, Any] | None = None,
    parameters: Mapping[str, str | None] | None = None,
    *,
    directory: Accounts | None = None,
    keys: Published | None = None,
    token: str | None = None,
) -> Granted | Denial:
    """Exchange a good token but for what is given; a claim or parameter of None is left out."""
    payload = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not None}
    sent = {**PARAMETERS, "WebIdentityToken": token or mint(payload, KEY), **(parameters or {})}
    return await assume_role_with_web_identity(
        {name: value for name, value in sent.items() if value is not None},
        directory or accounts(),
        keys or Published(ISSUER, [KEY.verification_key]),
        AT,
    )


async def denial_of(*arguments: Any, **more: Any) -> Denial:
    outcome = await exchange(*arguments, **more)
    assert isinstance(outcome, Denial)
    assert outcome.steps == WEB_IDENTITY_STEPS
    return outcome


async def session_of(*arguments: Any, **more: Any) -> Session:
    outcome = await exchange(*arguments, **more)
    assert isinstance(outcome, Granted), outcome
    return outcome.session


async def test_a_good_token_becomes_a_session_of_the_role() -> None:
    keys = Published(ISSUER, [KEY.verification_key])
    outcome = await exchange(keys=keys)
    assert isinstance(outcome, Granted)
    assert outcome.session == Session(
        kind=SessionKind.ASSUMED_ROLE,
        account=ACCOUNT,
        principal_arn=ROLE_ARN,
        principal_id="AROAREADER",
        name="web",
        issued_at=NOW,
        expires_at=NOW + 3_600,
        federated_provider=PROVIDER.arn,
        context={f"{PREFIX}:aud": "sts.amazonaws.com", f"{PREFIX}:sub": SUBJECT},
    )
    assert (outcome.provider, outcome.claims.subject) == (PROVIDER, SUBJECT)
    assert (outcome.packed_policy_size, outcome.minimum_token_size) == (None, 0)
    assert keys.asked == [(ISSUER, KEY.kid, PROVIDER.thumbprints)]


async def test_what_the_request_and_the_token_ask_for_goes_into_the_session() -> None:
    outcome = await exchange(
        {
            TAGS_CLAIM: {"principal_tags": {"team": ["shop"], "stage": ["dev"]}, "transitive_tag_keys": ["team"]},
            SOURCE_IDENTITY_CLAIM: "alice",
            "amr": ["authenticated"],
            "azp": "second",
        },
        {
            "DurationSeconds": "7200",
            "Policy": READ_ONLY,
            "PolicyArns.member.1.arn": MANAGED,
            "MinimumSessionTokenSize": "1000",
        },
        directory=accounts(trust(StringEquals={f"{PREFIX}:oaud": "sts.amazonaws.com"}), max_session_seconds=7_200),
    )
    assert isinstance(outcome, Granted)
    session = outcome.session
    assert (session.tags, session.transitive_tag_keys) == ({"team": "shop", "stage": "dev"}, ("team",))
    assert session.source_identity == "alice"
    assert (session.policy, session.policy_arns) == (READ_ONLY, (MANAGED,))
    assert session.expires_at == NOW + 7_200
    assert session.context[f"{PREFIX}:amr"] == ["authenticated"]
    assert session.context[f"{PREFIX}:aud"] == "second"
    assert outcome.minimum_token_size == 1_000
    assert outcome.packed_policy_size is not None
    assert 0 < outcome.packed_policy_size <= 100


OTHER_KEY = SigningKey.generate("ES256")


@pytest.mark.parametrize(
    ("claims", "parameters", "step", "code", "message"),
    [
        ({}, {"RoleArn": None}, Step.PARAMETERS, "ValidationError", None),
        ({}, {"RoleSessionName": "a:b"}, Step.PARAMETERS, "ValidationError", None),
        ({}, {"WebIdentityToken": None}, Step.PARAMETERS, "ValidationError", None),
        ({}, {"DurationSeconds": "899"}, Step.PARAMETERS, "ValidationError", None),
        ({}, {"PolicyArns.1": MANAGED}, Step.PARAMETERS, "MalformedInput", None),
        ({}, {"RoleArn": "arn:aws:iam::1:role/reader"}, Step.PARAMETERS, "ValidationError", "Request ARN is invalid"),
        ({}, {"ProviderId": "www.amazon.com"}, Step.PARAMETERS, "InvalidParameterValue", None),
        ({"sub": None}, {}, Step.CLAIMS, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"iat": "now"}, {}, Step.CLAIMS, "InvalidIdentityToken", "Invalid timestamp in token claims."),
        ({"sub": 7}, {}, Step.CLAIMS, "InvalidIdentityToken", NOT_VALIDATED),
        (
            {"aud": ["sts.amazonaws.com", "second"]},
            {},
            Step.CLAIMS,
            "InvalidIdentityToken",
            "Token audience contains more than one audience while authorized party is not present",
        ),
        ({"sub": "x" * 256}, {}, Step.CLAIMS, "InvalidIdentityToken", NOT_VALIDATED),
        ({"amr": [7]}, {}, Step.CLAIMS, "InvalidIdentityToken", NOT_VALIDATED),
        ({"email": 7}, {}, Step.CLAIMS, "InvalidIdentityToken", NOT_VALIDATED),
        ({TAGS_CLAIM: "text"}, {}, Step.CLAIMS, "InvalidIdentityToken", NOT_IN_FORMAT),
        ({SOURCE_IDENTITY_CLAIM: "a b"}, {}, Step.CLAIMS, "InvalidIdentityToken", NOT_VALIDATED),
        (
            {"iss": "https://other.example.com"},
            {},
            Step.PROVIDER,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://other.example.com",
        ),
        (
            {},
            {"RoleArn": f"arn:aws:iam::{OTHER_ACCOUNT}:role/team/reader"},
            Step.PROVIDER,
            "InvalidIdentityToken",
            f"No OpenIDConnect provider found in your account for {ISSUER}",
        ),
        (
            {},
            {"RoleArn": ROLE_ARN.replace("arn:aws:", "arn:aws-cn:")},
            Step.PROVIDER,
            "InvalidIdentityToken",
            f"No OpenIDConnect provider found in your account for {ISSUER}",
        ),
        ({"aud": "third"}, {}, Step.AUDIENCE, "InvalidIdentityToken", "Incorrect token audience"),
        ({"azp": "third"}, {}, Step.AUDIENCE, "InvalidIdentityToken", "Incorrect token audience"),
        (
            {"iat": NOW - 9_000, "exp": NOW - 301},
            {},
            Step.TIME,
            "ExpiredTokenException",
            f"Token expired: current date/time {NOW} must be before the expiration date/time {NOW - 301}",
        ),
        ({"iat": NOW - 86_401}, {}, Step.TIME, "ExpiredTokenException", "Token too old: 86401"),
        ({"iat": NOW + 301}, {}, Step.TIME, "InvalidIdentityToken", "Token issued in the future."),
        ({"nbf": NOW + 301}, {}, Step.TIME, "InvalidIdentityToken", "Token issued in the future."),
        ({}, {"RoleArn": f"{ROLE_ARN}s"}, Step.TRUST, "AccessDenied", NOT_AUTHORIZED),
        ({"sub": "system:serviceaccount:shop:other"}, {}, Step.TRUST, "AccessDenied", NOT_AUTHORIZED),
        (
            {},
            {"DurationSeconds": "3601"},
            Step.DURATION,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        ({}, {"Policy": "{}"}, Step.SESSION_POLICY, "MalformedPolicyDocument", None),
        (
            {},
            {"PolicyArns.member.1.arn": f"{MANAGED}s"},
            Step.SESSION_POLICY,
            "ValidationError",
            f"Policy {MANAGED}s does not exist or is not attachable.",
        ),
    ],
)
async def test_each_check_refuses_alone(
    claims: dict[str, Any], parameters: dict[str, str | None], step: Step, code: str, message: str | None
) -> None:
    denial = await denial_of(claims, parameters)
    assert (denial.step, denial.code) == (step, code)
    assert denial.status == (403 if step is Step.TRUST else 400)
    assert message is None or denial.message == message


async def test_a_text_that_is_not_a_token_is_refused() -> None:
    denial = await denial_of(token="a.b.c.d")
    assert (denial.step, denial.code, denial.message) == (
        Step.TOKEN,
        "InvalidIdentityToken",
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    )


@pytest.mark.parametrize(
    ("keys", "step", "message"),
    [
        (Published(ISSUER, []), Step.KEYS, NO_KEY),
        (Published(ISSUER, [], KeysFault.TIMEOUT), Step.KEYS, NO_KEY),
        (
            Published(ISSUER, [], KeysFault.THUMBPRINT),
            Step.KEYS,
            "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
        ),
        (
            Published(ISSUER, [VerificationKey(KEY.kid, KEY.verification_key.public_key, "ES384")]),
            Step.SIGNATURE,
            NO_KEY,
        ),
        (
            Published(ISSUER, [VerificationKey(KEY.kid, OTHER_KEY.verification_key.public_key)]),
            Step.SIGNATURE,
            "Token signature invalid",
        ),
    ],
)
async def test_a_token_is_believed_only_with_its_issuers_key(keys: Published, step: Step, message: str) -> None:
    denial = await denial_of(keys=keys)
    assert (denial.step, denial.code, denial.message) == (step, "InvalidIdentityToken", message)
    assert denial.verified_subject is None


@pytest.mark.parametrize(
    ("claims", "missing"),
    [
        ({}, "sts:AssumeRoleWithWebIdentity"),
        ({TAGS_CLAIM: {"principal_tags": {"team": ["shop"]}}}, "sts:TagSession"),
        ({SOURCE_IDENTITY_CLAIM: "alice"}, "sts:SetSourceIdentity"),
    ],
)
async def test_the_trust_policy_must_allow_all_that_the_token_asks_for(claims: dict[str, Any], missing: str) -> None:
    denial = await denial_of(claims, directory=accounts(trust(*(action for action in ACTIONS if action != missing))))
    assert (denial.step, denial.code, denial.message) == (Step.TRUST, "AccessDenied", NOT_AUTHORIZED)
    assert denial.evidence["action"] == missing
    assert denial.verified_subject == SUBJECT
    assert await session_of(claims)


@pytest.mark.parametrize(
    "condition",
    [
        {f"{PREFIX}:sub": SUBJECT},
        {f"{PREFIX}:aud": "sts.amazonaws.com"},
        {f"{PREFIX}:oaud": "sts.amazonaws.com"},
        {f"{PREFIX}:email": "a@example.com"},
        {f"{PREFIX}:amr": "mfa"},
        {"aws:FederatedProvider": PROVIDER.arn},
        {"aws:SourceIp": "192.0.2.7"},
        {"aws:RequestTag/team": "shop"},
        {"aws:ResourceTag/owner": "shop"},
        {"sts:RoleSessionName": "web"},
        {"sts:SourceIdentity": "alice"},
    ],
)
async def test_a_condition_sees_the_token_the_request_and_the_role(condition: dict[str, str]) -> None:
    claims = {
        "email": "a@example.com",
        "amr": ["mfa"],
        TAGS_CLAIM: {"principal_tags": {"team": ["shop"]}},
        SOURCE_IDENTITY_CLAIM: "alice",
    }
    operator = "ForAnyValue:StringEquals" if f"{PREFIX}:amr" in condition else "StringEquals"
    good = accounts(trust(**{operator: condition}), tags={"owner": "shop"})
    bad = accounts(trust(**{operator: {key: f"{value}x" for key, value in condition.items()}}), tags={"owner": "shop"})
    assert await session_of(claims, directory=good)
    assert (await denial_of(claims, directory=bad)).step is Step.TRUST


async def test_a_denial_tells_what_was_known_and_which_checks_had_held() -> None:
    denial = await denial_of({"sub": "system:serviceaccount:shop:other"})
    explained = denial.explanation()
    assert explained["role"] == ROLE_ARN
    assert explained["token"]["claims"]["sub"] == "system:serviceaccount:shop:other"
    assert explained["token"]["header"] == {"alg": "ES256", "kid": KEY.kid}
    assert explained["provider"]["arn"] == PROVIDER.arn
    assert explained["held"] == [step.value for step in WEB_IDENTITY_STEPS[:8]]
    early = (await denial_of({}, {"RoleArn": "x" * 20})).explanation()
    assert "token" not in early
    assert "provider" not in early


@pytest.mark.parametrize(
    ("step_that_comes_first", "claims", "parameters"),
    [
        (Step.PARAMETERS, {"sub": None}, {"RoleArn": "x" * 20}),
        (Step.CLAIMS, {"sub": None, "aud": "third"}, {}),
        (Step.CLAIMS, {TAGS_CLAIM: "text", "iss": "https://other.example.com"}, {}),
        (Step.CLAIMS, {SOURCE_IDENTITY_CLAIM: "a b", "iss": "https://other.example.com"}, {}),
        (Step.CLAIMS, {"email": 7, "iss": "https://other.example.com"}, {}),
        (Step.PROVIDER, {"iss": "https://other.example.com", "aud": "third"}, {}),
        (Step.AUDIENCE, {"aud": "third", "exp": NOW - 301}, {}),
        (Step.TIME, {"exp": NOW - 301}, {"RoleArn": f"{ROLE_ARN}s"}),
        (Step.TRUST, {}, {"RoleArn": f"{ROLE_ARN}s", "DurationSeconds": "3601"}),
        (Step.DURATION, {}, {"DurationSeconds": "3601", "Policy": "{}"}),
    ],
)
async def test_of_two_faults_the_first_check_refuses(
    step_that_comes_first: Step, claims: dict[str, Any], parameters: dict[str, str]
) -> None:
    assert (await denial_of(claims, parameters)).step is step_that_comes_first


async def test_a_role_whose_trust_policy_cannot_be_read_trusts_nobody() -> None:
    directory = accounts(allow("sts:AssumeRoleWithWebIdentity"))
    denial = await denial_of(directory=directory)
    assert (denial.step, denial.message) == (Step.TRUST, NOT_AUTHORIZED)
    assert "is not accepted by AWS" in denial.why


async def test_sessions_at_the_limits_of_the_role_and_of_time_are_granted() -> None:
    assert await session_of({}, {"DurationSeconds": "3600"})
    assert await session_of({"iat": NOW - 86_400})
    assert await session_of({"iat": NOW - 9_000, "exp": NOW - 300})
    assert await session_of({"iat": NOW + 300, "nbf": NOW + 300})
    of_subject = accounts(trust(StringEquals={f"{PREFIX}:sub": SUBJECT}))
    assert await session_of({"aud": ["x", "y"], "azp": "second"}, directory=of_subject)
    of_audience = accounts(trust(StringEquals={f"{PREFIX}:aud": "sts.amazonaws.com"}))
    assert await session_of({"sub": "x" * 255}, directory=of_audience)


ONLY_LISTED = trust(StringEquals={f"{PREFIX}:sub": SUBJECT}, Bool={"sts:RoleAuthorizedByIdp": "true"})


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ([ROLE_ARN], None),
        (None, "AccessDenied"),
        ([f"{ROLE_ARN}s"], "InvalidIdentityToken"),
    ],
)
async def test_a_trust_policy_can_ask_that_the_provider_lists_the_role(roles: Any, code: str | None) -> None:
    outcome = await exchange({ROLES_CLAIM: roles}, directory=accounts(ONLY_LISTED))
    assert (outcome.code if isinstance(outcome, Denial) else None) == code
