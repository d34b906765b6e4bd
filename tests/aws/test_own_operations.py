"""IAM and Organizations as the endpoint answers them: validated, about the caller where nobody is named, refused in the
service's words. What the operations themselves refuse is in tests/account."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from podrole.account.store import AccountStore
from podrole.aws.caller import Caller, caller_of_session, caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.key_uses import KeyUses
from podrole.aws.operations.iam import IAM, name_the_caller
from podrole.aws.operations.organizations import Organizations
from podrole.aws.protocol.parameters import parameters
from podrole.iam.directory import Role, User
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.sts.session import Session, SessionKind
from support.aws import policy, trust_of
from support.aws_facts import NOW, call_of
from support.clock import Turned
from support.sts import Published

ACCOUNT = "111122223333"
ANN = User(f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "ann", ACCOUNT)
USER = caller_of_user(ANN, "AKIA1")
ROOT = caller_of_user(User(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "", ACCOUNT), "AKIA2")
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/r", "AROAR", "r", ACCOUNT, "{}")
IN_ROLE = caller_of_session(Session(SessionKind.ASSUMED_ROLE, ACCOUNT, ROLE.arn, ROLE.id, "s", 0, 1), ROLE, "ASIA1")
TRUST = policy(trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
URL = "https://oidc.example.com/id/A"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/id/A"


@pytest.mark.parametrize(
    ("operation", "given", "caller", "expected"),
    [
        ("iam:GetUser", {}, USER, "ann"),
        ("iam:GetUser", {"UserName": "bob"}, USER, "bob"),
        ("iam:GetUser", {"UserName": "bob"}, IN_ROLE, "bob"),
        ("iam:ListAccessKeys", {}, USER, "ann"),
        # a device has a serial number, and a list may be of all users
        ("iam:DeactivateMFADevice", {}, IN_ROLE, None),
        ("iam:GetMFADevice", {}, IN_ROLE, None),
        ("iam:ListServiceSpecificCredentials", {}, IN_ROLE, None),
        # a user is required here, or there is none
        ("iam:DeleteUser", {}, USER, None),
        ("iam:ListUsers", {}, USER, None),
        ("iam:GetAccountSummary", {}, USER, None),
        ("sts:GetCallerIdentity", {}, USER, None),
        ("memorydb:DescribeUsers", {}, USER, None),
    ],
)
def test_call_that_names_no_user_is_about_the_caller(
    operation: str, given: dict[str, Any], caller: Caller, expected: str | None
) -> None:
    call = call_of(operation, **given)
    name_the_caller(call, caller)
    assert parameters(call).get("UserName") == expected


@pytest.mark.parametrize("caller", [IN_ROLE, ROOT])
def test_caller_that_is_not_a_user_must_name_one(caller: Caller) -> None:
    with pytest.raises(AWSError) as raised:
        name_the_caller(call_of("iam:GetUser"), caller)
    assert (raised.value.error_code, raised.value.status) == ("ValidationError", 400)


class Unreachable(Published):
    """The issuers' servers; only one of them answers."""

    def __init__(self) -> None:
        super().__init__("", [])

    async def served_thumbprint(self, issuer: str) -> str:
        if issuer != URL:
            raise KeysUnavailable(KeysFault.UNREACHABLE, "no answer", got="this", expected="that")
        return "b" * 40


class World:
    """IAM and Organizations over an account store, with a role."""

    def __init__(self) -> None:
        self.store = AccountStore(Turned(NOW), os.urandom)
        self.uses = KeyUses()
        self.iam = IAM(self.store, Unreachable(), self.uses)
        self.organizations = Organizations(self.store)

    async def answer(self, operation: str, caller: Caller = USER, **given: Any) -> str:
        service = self.iam if operation.startswith("iam:") else self.organizations
        return (await service.answer(call_of(operation, **given), caller)).body.decode()

    async def refusal(self, operation: str, caller: Caller = USER, **given: Any) -> tuple[str, int, str]:
        with pytest.raises(AWSError) as raised:
            await self.answer(operation, caller, **given)
        return raised.value.error_code, raised.value.status, raised.value.message


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("operation", "given", "code", "status", "text"),
    [
        ("iam:AcquireRole", {}, "NotImplemented", 501, "does not simulate iam:AcquireRole"),
        ("iam:GetRole", {}, "ValidationError", 400, "1 validation error detected: Value at 'roleName'"),
        ("iam:GetRole", {"RoleName": "none"}, "NoSuchEntity", 404, "none"),
        ("organizations:AcceptHandshake", {"HandshakeId": "h"}, "NotImplemented", 501, "organizations:AcceptHandshake"),
        ("organizations:DescribePolicy", {}, "InvalidInputException", 400, "1 validation error detected"),
        ("organizations:DescribeOrganization", {}, "AWSOrganizationsNotInUseException", 400, "not a member"),
    ],
)
async def test_call_that_cannot_be_answered_is_refused(
    world: World, operation: str, given: dict[str, Any], code: str, status: int, text: str
) -> None:
    found = await world.refusal(operation, **given)
    assert found[:2] == (code, status)
    assert text in found[2]


async def test_role_is_shown_with_its_last_use(world: World) -> None:
    made = await world.answer("iam:CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
    (role_id,) = re.findall("<RoleId>(.*?)</RoleId>", made)
    assert "<RoleLastUsed></RoleLastUsed>" in await world.answer("iam:GetRole", RoleName="r")
    world.uses.note(role_id, NOW, "s3", "eu-west-1")
    assert "<Region>eu-west-1</Region>" in await world.answer("iam:GetRole", RoleName="r")


async def test_user_changes_the_own_password(world: World) -> None:
    made = await world.answer("iam:CreateUser", UserName="ann")
    (user_id,) = re.findall("<UserId>(.*?)</UserId>", made)
    await world.answer("iam:CreateLoginProfile", UserName="ann", Password="Old-password-1")
    caller = caller_of_user(User(ANN.arn, user_id, "ann", ACCOUNT), "AKIA1")
    given = {"OldPassword": "Old-password-1", "NewPassword": "New-password-1"}
    assert "<ChangePasswordResponse" in await world.answer("iam:ChangePassword", caller, **given)


async def test_operation_without_an_input_is_answered(world: World) -> None:
    assert "<SummaryMap>" in await world.answer("iam:GetAccountSummary")


async def test_organization_is_made_and_described(world: World) -> None:
    await world.answer("organizations:CreateOrganization", FeatureSet="ALL")
    assert ACCOUNT in await world.answer("organizations:DescribeOrganization")


async def test_organization_is_in_the_partition_of_the_caller(world: World) -> None:
    in_china = caller_of_user(User(f"arn:aws-cn:iam::{ACCOUNT}:user/ann", "AIDAANN", "ann", ACCOUNT), "AKIA1")
    made = await world.answer("organizations:CreateOrganization", in_china, FeatureSet="ALL")
    assert f"arn:aws-cn:organizations::{ACCOUNT}:organization/" in made


async def test_last_use_of_a_key_is_shown_to_its_account(world: World) -> None:
    await world.answer("iam:CreateUser", UserName="ann")
    made = await world.answer("iam:CreateAccessKey", UserName="ann")
    (key_id,) = re.findall("<AccessKeyId>(.*?)</AccessKeyId>", made)
    assert "<ServiceName>N/A</ServiceName>" in await world.answer("iam:GetAccessKeyLastUsed", AccessKeyId=key_id)
    other = caller_of_user(User("arn:aws:iam::444455556666:user/eve", "AIDAEVE", "eve", "444455556666"), "AKIA3")
    refusal = await world.refusal("iam:GetAccessKeyLastUsed", other, AccessKeyId=key_id)
    assert refusal[:2] == ("AccessDenied", 403)
    assert f"on resource: access key {key_id}" in refusal[2]
    unknown = await world.refusal("iam:GetAccessKeyLastUsed", AccessKeyId="AKIAIOSFODNN7EXAMPLE")
    assert unknown[:2] == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("given", "thumbprint"),
    [({}, "b" * 40), ({"ThumbprintList": []}, "b" * 40), ({"ThumbprintList": ["a" * 40]}, "a" * 40)],
)
async def test_thumbprint_of_a_new_provider_is_fetched_if_none_is_given(
    world: World, given: dict[str, Any], thumbprint: str
) -> None:
    await world.answer("iam:CreateOpenIDConnectProvider", Url=URL, **given)
    shown = await world.answer("iam:GetOpenIDConnectProvider", OpenIDConnectProviderArn=PROVIDER)
    assert re.findall("<ThumbprintList><member>(.*?)</member>", shown) == [thumbprint]


async def test_provider_that_is_refused_anyway_is_not_asked(world: World) -> None:
    await world.answer("iam:CreateOpenIDConnectProvider", Url=URL)
    again = await world.refusal("iam:CreateOpenIDConnectProvider", Url=URL)
    assert again[:2] == ("EntityAlreadyExists", 409)
    silent = await world.refusal("iam:CreateOpenIDConnectProvider", Url="https://other.example.com")
    assert silent == ("OpenIdIdpCommunicationError", 400, "Could not connect to https://other.example.com")
    port = await world.refusal("iam:CreateOpenIDConnectProvider", Url="https://other.example.com:8443")
    assert port[:2] == ("ValidationError", 400)


@pytest.mark.parametrize(
    ("arn", "code", "status"),
    [
        (PROVIDER, "NoSuchEntity", 404),
        (PROVIDER.replace(ACCOUNT, "444455556666"), "AccessDenied", 403),
        ("arn:of:nothing:at:all", "ValidationError", 400),
    ],
)
async def test_provider_of_another_account_is_refused_before_it_is_looked_for(
    world: World, arn: str, code: str, status: int
) -> None:
    found = await world.refusal("iam:GetOpenIDConnectProvider", OpenIDConnectProviderArn=arn)
    assert found[:2] == (code, status)
