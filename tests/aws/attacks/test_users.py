"""IAM users, their access keys and groups, and the temporary credentials that they can ask for."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from podrole.sts.credentials import access_key_id
from support.aws import ACCOUNT, LocalAWS, allow, policy, refused, trust_of

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
DESCRIBE = allow("ec2:DescribeInstances")
FEDERATE = allow(["sts:GetFederationToken", "sts:TagSession"])


def test_a_user_is_an_ordinary_principal(aws: LocalAWS) -> None:
    alice = aws.user("alice", DESCRIBE)
    identity = aws.client("sts", alice).get_caller_identity()
    assert identity["Arn"] == ALICE
    assert aws.client("ec2", alice).describe_instances()["Reservations"] == []
    assert refused(aws.client("ec2", alice).describe_volumes)[0] == "UnauthorizedOperation"


def test_a_users_session_is_the_user(aws: LocalAWS) -> None:
    alice = aws.user("alice", DESCRIBE)
    session = aws.client("sts", alice).get_session_token()["Credentials"]
    lasts = session["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert abs(lasts.total_seconds() - 43_200) < 60
    assert session["AccessKeyId"].startswith("ASIA")
    mine, users = (aws.client("sts", one).get_caller_identity() for one in (session, alice))
    assert (mine["Arn"], mine["UserId"]) == (users["Arn"], users["UserId"])
    assert aws.client("ec2", session).describe_instances()["Reservations"] == []
    aws.client("iam").delete_user_policy(UserName="alice", PolicyName="own")
    assert refused(aws.client("ec2", session).describe_instances)[0] == "UnauthorizedOperation"


def test_get_session_token_needs_no_permission(aws: LocalAWS) -> None:
    alice = aws.user("alice")
    assert aws.client("sts", alice).get_session_token(DurationSeconds=900)


def test_a_deny_stops_get_session_token_but_not_get_caller_identity(aws: LocalAWS) -> None:
    alice = aws.user("alice", {**allow("*"), "Effect": "Deny"})
    assert aws.client("sts", alice).get_caller_identity()["Arn"] == ALICE
    assert refused(aws.client("sts", alice).get_session_token)[0] == "AccessDenied"


def test_a_federated_user_has_what_user_and_session_policy_both_give(aws: LocalAWS) -> None:
    alice = aws.user("alice", FEDERATE, DESCRIBE)
    answer = aws.client("sts", alice).get_federation_token(Name="guest", Policy=policy(allow("ec2:Describe*")))
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:guest", "Arn": arn}
    assert 1 <= answer["PackedPolicySize"] <= 100
    session = answer["Credentials"]
    identity = aws.client("sts", session).get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (arn, f"{ACCOUNT}:guest")
    ec2 = aws.client("ec2", session)
    assert ec2.describe_instances()["Reservations"] == []
    assert refused(ec2.describe_volumes)[0] == "UnauthorizedOperation", "the session policy alone gives nothing"


def test_a_federated_user_without_a_session_policy_may_do_nothing(aws: LocalAWS) -> None:
    alice = aws.user("alice", FEDERATE, DESCRIBE)
    answer = aws.client("sts", alice).get_federation_token(Name="guest")
    assert answer["PackedPolicySize"] == 0
    assert refused(aws.client("ec2", answer["Credentials"]).describe_instances)[0] == "UnauthorizedOperation"


def test_federating_needs_permission_and_tagging_too(aws: LocalAWS) -> None:
    alice = aws.user("alice", DESCRIBE)
    assert refused(aws.client("sts", alice).get_federation_token, Name="guest")[:2] == ("AccessDenied", 403)
    bob = aws.user("bob", allow("sts:GetFederationToken"))
    call = aws.client("sts", bob).get_federation_token
    assert call(Name="guest")
    code, _, message = refused(call, Name="guest", Tags=[{"Key": "team", "Value": "blue"}])
    assert code == "AccessDenied"
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:TagSession on resource: "
        f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
    )


def test_session_tags_of_a_federated_user_are_its_own(aws: LocalAWS) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    alice = aws.user("alice", FEDERATE, allow("ec2:*", Condition=condition), Tags=[{"Key": "Team", "Value": "red"}])
    call = aws.client("sts", alice).get_federation_token
    everything = policy(allow("*"))
    tagged = call(Name="guest", Policy=everything, Tags=[{"Key": "team", "Value": "blue"}])["Credentials"]
    assert aws.client("ec2", tagged).describe_instances()["Reservations"] == []
    plain = call(Name="guest", Policy=everything)["Credentials"]
    assert refused(aws.client("ec2", plain).describe_instances)[0] == "UnauthorizedOperation"


@pytest.mark.parametrize("kind", ["role", "user", "federated user"])
@pytest.mark.parametrize("operation", ["get_session_token", "get_federation_token"])
def test_no_session_can_ask_for_another_users_session(aws: LocalAWS, kind: str, operation: str) -> None:
    session = session_of(aws, kind)
    name = "".join(word.capitalize() for word in operation.split("_"))
    arguments: dict[str, Any] = {"Name": "guest"} if "federation" in operation else {}
    call = getattr(aws.client("sts", session), operation)
    assert refused(call, **arguments) == ("AccessDenied", 403, f"Cannot call {name} with session credentials")


def session_of(aws: LocalAWS, kind: str) -> dict[str, str]:
    """Return temporary credentials that may do everything that such ones can."""
    sts = aws.client("sts")
    if kind == "role":
        aws.role("powerful", trust_of(ROOT), allow("*"))
        role = f"arn:aws:iam::{ACCOUNT}:role/powerful"
        return dict(sts.assume_role(RoleArn=role, RoleSessionName="self")["Credentials"])
    if kind == "user":
        return dict(sts.get_session_token()["Credentials"])
    return dict(sts.get_federation_token(Name="guest", Policy=policy(allow("*")))["Credentials"])


@pytest.mark.parametrize("kind", ["user", "federated user"])
def test_iam_takes_no_credentials_of_a_users_session(aws: LocalAWS, kind: str) -> None:
    session = session_of(aws, kind)
    assert refused(aws.client("iam", session).list_roles) == (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid",
    )
    assert aws.client("ec2", session).describe_instances()["Reservations"] == []


def test_iam_takes_credentials_of_a_role(aws: LocalAWS) -> None:
    assert aws.client("iam", session_of(aws, "role")).list_roles()["Roles"]


def test_a_federated_user_assumes_no_role(aws: LocalAWS) -> None:
    session = session_of(aws, "federated user")
    role = aws.role("powerful", trust_of("*"), allow("*"))
    found = refused(aws.client("sts", session).assume_role, RoleArn=role, RoleSessionName="self")
    assert found == ("AccessDenied", 403, "Cannot call AssumeRole with session credentials")


@pytest.mark.parametrize(
    ("parameters", "start"),
    [
        ({"Name": "g"}, "1 validation error detected: Value 'g' at 'name'"),
        ({"Name": "x" * 33}, "1 validation error detected: Value 'xxx"),
        ({"Name": "a b"}, "1 validation error detected: Value 'a b' at 'name'"),
        ({"Name": "guest", "DurationSeconds": 129_601}, "1 validation error detected: Value '129601'"),
        ({"Name": "guest", "Policy": "x" * 2_049}, "1 validation error detected: Value 'xxx"),
    ],
)
def test_an_invalid_federated_user_is_refused(aws: LocalAWS, parameters: dict[str, Any], start: str) -> None:
    call = aws.client("sts", parameter_validation=False).get_federation_token
    code, status, message = refused(call, **parameters)
    assert (code, status) == ("ValidationError", 400)
    assert message.startswith(start)


def test_an_access_key_id_contains_its_account(aws: LocalAWS) -> None:
    sts = aws.client("sts")
    alice = aws.user("alice")
    session = session_of(aws, "user")
    for key in (alice["AccessKeyId"], session["AccessKeyId"]):
        assert sts.get_access_key_info(AccessKeyId=key)["Account"] == ACCOUNT
    foreign = access_key_id("AKIA", "000000000007", bytes(5))
    assert sts.get_access_key_info(AccessKeyId=foreign)["Account"] == "000000000007"
    assert refused(sts.get_access_key_info, AccessKeyId="AKIA0189________")[0] == "ValidationError"


@pytest.mark.parametrize("operation", ["AssumeRoleWithSAML", "GetWebIdentityToken", "AssumeRoot"])
def test_an_operation_that_is_not_simulated_is_refused(aws: LocalAWS, operation: str) -> None:
    if operation == "AssumeRoleWithSAML":
        answer = aws.post("Action=AssumeRoleWithSAML&Version=2011-06-15&SAMLAssertion=x")
        assert answer.status_code == 501
        assert "<Code>NotImplemented</Code>" in answer.text
    elif operation == "GetWebIdentityToken":
        call = aws.client("sts").get_web_identity_token
        assert refused(call, Audience=["a"], SigningAlgorithm="RS256")[:2] == ("NotImplemented", 501)
    else:
        call = aws.client("sts").assume_root
        arn = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
        assert refused(call, TargetPrincipal=ACCOUNT, TaskPolicyArn=arn)[:2] == ("NotImplemented", 501)
