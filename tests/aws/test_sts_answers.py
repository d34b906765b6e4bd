"""STS's operations: who may call them, and what is in an answer. The decisions have tests of their own."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import Caller, caller_of_session, caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.operations.sts import STS
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.directory import OIDCProvider, User
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.sts.credentials import Vault
from podrole.sts.session import Session, SessionKind
from support.aws_facts import call_of, request
from support.sts import ACCOUNT, ROLE_ARN, Accounts, Published, a_role, allow, document

NOW = 1_769_860_800
ANN = User(f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "ann", ACCOUNT)
USER = caller_of_user(ANN, "AKIA1")
ISSUER = "https://oidc.example.com/id/ABC"
PROVIDER = OIDCProvider(
    f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/id/ABC", ISSUER, ("sts.amazonaws.com",), ()
)
KEY = SigningKey.generate("ES256")
SUBJECT = "system:serviceaccount:shop:till"
TRUST = [
    allow("sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession", Principal={"AWS": ANN.arn}),
    allow("sts:AssumeRoleWithWebIdentity", Principal={"Federated": PROVIDER.arn}),
]
ROLE = a_role(*TRUST)
UNTRUSTING = a_role(TRUST[0], arn=f"arn:aws:iam::{ACCOUNT}:role/other")
IN_ROLE = caller_of_session(
    Session(SessionKind.ASSUMED_ROLE, ACCOUNT, ROLE_ARN, ROLE.id, "s", NOW, NOW + 900), ROLE, "ASIA1"
)
VAULT = Vault(b"k" * 32)
READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})


def sts() -> STS:
    directory = cast("IdentityDirectory", Accounts([ROLE, UNTRUSTING], [PROVIDER]))
    return STS(directory, Published(ISSUER, [KEY.verification_key]), VAULT, "eu-west-3")


def asked(operation: str, host: str = "", **parameters: str) -> IdentifiedCall:
    call = call_of(f"sts:{operation}", request(headers=[("host", host)]))
    call.parameters = parameters
    return call


def members(answer: HTTPResponse) -> dict[str, str]:
    """Return the texts in an answer by the names of their elements."""
    return dict(re.findall(r"<(\w+)>([^<]*)</\1>", answer.body.decode()))


async def assumed(**parameters: str) -> dict[str, str]:
    call = asked("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="work", **parameters)
    answer = await sts().assume_role(call, USER)
    assert call.explanation == {"session": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/work"}
    return members(answer)


async def test_assumed_role_has_credentials() -> None:
    found = await assumed()
    assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/work"
    assert found["AssumedRoleId"] == f"{ROLE.id}:work"
    session = VAULT.open(found["AccessKeyId"], found["SessionToken"])
    assert session is not None
    assert session.principal_arn == ROLE_ARN
    assert found["Expiration"] == "2026-01-31T13:00:00Z"
    assert not {"PackedPolicySize", "SourceIdentity"} & found.keys()


async def test_answer_has_what_the_session_was_given() -> None:
    found = await assumed(Policy=READ_ONLY, SourceIdentity="ann")
    assert found["SourceIdentity"] == "ann"
    assert int(found["PackedPolicySize"]) > 0


TOKEN: dict[str, Any] = {"iss": ISSUER, "sub": SUBJECT, "aud": "sts.amazonaws.com", "iat": NOW, "exp": NOW + 3_600}


def with_token(host: str = "", role: str = ROLE_ARN, **claims: Any) -> IdentifiedCall:
    token = mint({**TOKEN, **claims}, KEY)
    return asked("AssumeRoleWithWebIdentity", host, RoleArn=role, RoleSessionName="web", WebIdentityToken=token)


async def test_token_is_exchanged() -> None:
    call = with_token()
    found = members(await sts().assume_role_with_web_identity(call, USER))
    assert found["Audience"] == "sts.amazonaws.com"
    assert found["Provider"] == PROVIDER.arn
    assert found["SubjectFromWebIdentityToken"] == SUBJECT
    assert VAULT.open(found["AccessKeyId"], found["SessionToken"]) is not None
    assert call.principal == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/web"
    assert call.explanation == {"subject": SUBJECT, "issuer": ISSUER, "provider": PROVIDER.arn}


@pytest.mark.parametrize(
    ("claim", "pod"),
    [
        ({"pod": {"name": "till-1"}}, "till-1"),
        ({"pod": {"name": "till\n"}}, None),
        ({"pod": {"name": 1}}, None),
        ({"pod": "till-1"}, None),
        ("till-1", None),
    ],
)
async def test_events_name_the_pod_of_the_token(claim: Any, pod: str | None) -> None:
    call = with_token(**{"kubernetes.io": claim})
    await sts().assume_role_with_web_identity(call, USER)
    assert (call.explanation or {}).get("pod") == pod


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("", "eu-west-3"),
        ("127.0.0.1:4566", "eu-west-3"),
        ("sts.amazonaws.com", "eu-west-3"),
        ("sts.eu-north-1.amazonaws.com", "eu-north-1"),
    ],
)
async def test_exchange_is_in_the_region_of_its_host(host: str, region: str) -> None:
    call = with_token(host)
    await sts().assume_role_with_web_identity(call, USER)
    assert call.region == region


@pytest.mark.parametrize(
    ("claims", "role", "principal"),
    [({}, UNTRUSTING.arn, SUBJECT), ({"iss": "https://other.example.com"}, ROLE_ARN, "unauthenticated")],
)
async def test_refused_token_names_its_subject_only_if_it_was_verified(
    claims: dict[str, str], role: str, principal: str
) -> None:
    call = with_token("", role, **claims)
    with pytest.raises(AWSError, match=r"authorized|provider"):
        await sts().assume_role_with_web_identity(call, USER)
    assert call.principal == principal


async def test_denial_of_a_role_is_raised() -> None:
    with pytest.raises(AWSError) as raised:
        await sts().assume_role(asked("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="web"), IN_ROLE)
    assert (raised.value.error_code, raised.value.status) == ("AccessDenied", 403)
    assert raised.value.explanation is not None


async def test_user_gets_a_session_token() -> None:
    found = members(await sts().get_session_token(asked("GetSessionToken", DurationSeconds="900"), USER))
    session = VAULT.open(found["AccessKeyId"], found["SessionToken"])
    assert session is not None
    assert (session.kind, found["Expiration"]) == (SessionKind.SESSION_TOKEN, "2026-01-31T12:15:00Z")


async def test_user_gets_a_federated_session() -> None:
    call = asked("GetFederationToken", Name="bob", Policy=READ_ONLY)
    found = members(await sts().get_federation_token(call, USER))
    assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    assert found["FederatedUserId"] == f"{ACCOUNT}:bob"
    assert int(found["PackedPolicySize"]) > 0
    assert VAULT.open(found["AccessKeyId"], found["SessionToken"]) is not None


@pytest.mark.parametrize(
    ("operation", "caller", "parameters", "code", "status"),
    [
        ("GetSessionToken", IN_ROLE, {}, "AccessDenied", 403),
        ("GetFederationToken", IN_ROLE, {"Name": "bob"}, "AccessDenied", 403),
        ("GetSessionToken", USER, {"DurationSeconds": "1"}, "ValidationError", 400),
        ("GetFederationToken", USER, {}, "ValidationError", 400),
    ],
)
async def test_session_of_a_user_is_refused(
    operation: str, caller: Caller, parameters: dict[str, str], code: str, status: int
) -> None:
    answer = {"GetSessionToken": sts().get_session_token, "GetFederationToken": sts().get_federation_token}[operation]
    with pytest.raises(AWSError) as raised:
        await answer(asked(operation, **parameters), caller)
    assert (raised.value.error_code, raised.value.status) == (code, status)


async def test_identity_of_the_caller() -> None:
    found = members(await sts().get_caller_identity(asked("GetCallerIdentity"), USER))
    assert (found["Arn"], found["UserId"], found["Account"]) == (ANN.arn, "AIDAANN", ACCOUNT)
    assert found["RequestId"] == "id"


async def test_access_key_id_contains_an_account() -> None:
    key_id = VAULT.issue(IN_ROLE.session or Session(SessionKind.SESSION_TOKEN, "", "", "", "", 0, 0)).access_key_id
    found = members(await sts().get_access_key_info(asked("GetAccessKeyInfo", AccessKeyId=key_id), USER))
    assert found["Account"] == ACCOUNT


@pytest.mark.parametrize("parameters", [{}, {"AccessKeyId": "AKIA" + "0" * 16}, {"AccessKeyId": "!"}])
async def test_access_key_id_that_contains_none_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(AWSError) as raised:
        await sts().get_access_key_info(asked("GetAccessKeyInfo", **parameters), USER)
    assert (raised.value.error_code, raised.value.status) == ("ValidationError", 400)
