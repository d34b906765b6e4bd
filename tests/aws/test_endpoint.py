"""The whole line, with boto3 and raw HTTP: exchange, signature, authorization, event."""

from __future__ import annotations

import datetime
import json

import pytest
from botocore import auth

from support.aws import (
    ACCOUNT,
    ADMIN_KEY,
    ADMIN_SECRET,
    PREFIX,
    PROVIDER_ARN,
    READER,
    SUBJECT,
    LocalAWS,
    refused,
    trust_policy,
)
from support.issuer import ISSUER

EC2_READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"


def test_the_administrator_is_an_ordinary_user_with_a_policy(aws: LocalAWS) -> None:
    identity = aws.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
    attached = aws.client("iam").list_attached_user_policies(UserName="admin")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AdministratorAccess"]


def test_a_token_becomes_a_session_with_the_roles_permissions(aws: LocalAWS) -> None:
    aws.set_up_role()
    aws.client("iam").attach_role_policy(RoleName="reader", PolicyArn=EC2_READ_ONLY)
    answer = aws.client("sts").assume_role_with_web_identity(
        RoleArn=READER, RoleSessionName="web", WebIdentityToken=aws.token()
    )
    assert answer["Provider"] == PROVIDER_ARN
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/web"
    assert "PackedPolicySize" not in answer
    credentials = answer["Credentials"]
    identity = aws.client("sts", credentials).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert aws.client("ec2", credentials).describe_instances()["Reservations"] == []
    code, status, message = refused(
        aws.client("ec2", credentials).run_instances, ImageId="ami-12345678", MinCount=1, MaxCount=1
    )
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert message.startswith(
        "You are not authorized to perform this operation. "
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/web is not authorized to perform: ec2:RunInstances"
    )
    assert "because no identity-based policy allows the ec2:RunInstances action" in message
    assert aws.client("ec2").describe_instances()["Reservations"] == [], "nothing reached the service"


@pytest.mark.parametrize(
    ("subject", "got"),
    [
        ("system:serviceaccount:shop:other", "system:serviceaccount:shop:other"),
        ("system:serviceaccount:other:inventory", "system:serviceaccount:other:inventory"),
    ],
)
def test_another_service_account_is_refused_and_the_event_says_why(aws: LocalAWS, subject: str, got: str) -> None:
    aws.set_up_role()
    code, status, message = refused(
        aws.client("sts").assume_role_with_web_identity,
        RoleArn=READER,
        RoleSessionName="web",
        WebIdentityToken=aws.token(sub=subject),
    )
    assert (code, status) == ("AccessDenied", 403)
    assert message == "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    event = aws.last_event()
    assert (event.outcome, event.code) == ("refused", "AccessDenied")
    told = json.dumps(event.explanation)
    assert f"{PREFIX}:sub" in told
    assert SUBJECT in told
    assert got in told


def test_no_event_holds_the_token_or_the_credentials(aws: LocalAWS) -> None:
    aws.set_up_role()
    good, bad = aws.token(), aws.token(sub="somebody:else")
    credentials = aws.credentials(good)
    aws.exchange(bad)
    aws.client("sts", credentials).get_caller_identity()
    told = "".join(repr(event) for event in aws.events.recent())
    for secret in (
        good,
        bad,
        good.split(".")[2],
        bad.split(".")[2],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
    ):
        assert secret not in told


def test_the_answer_has_the_form_that_sts_gives_it(aws: LocalAWS) -> None:
    aws.set_up_role()
    answer = aws.exchange()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml"
    assert answer.text.startswith(
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
        "  <AssumeRoleWithWebIdentityResult>\n"
    )
    assert f"<RequestId>{answer.headers['x-amzn-requestid']}</RequestId>" in answer.text


def test_an_error_has_the_form_that_sts_gives_it(aws: LocalAWS) -> None:
    answer = aws.exchange()
    assert answer.status_code == 400
    assert answer.text == (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
        "  <Error>\n"
        "    <Type>Sender</Type>\n"
        "    <Code>InvalidIdentityToken</Code>\n"
        f"    <Message>No OpenIDConnect provider found in your account for {ISSUER}</Message>\n"
        "  </Error>\n"
        f"  <RequestId>{answer.headers['x-amzn-requestid']}</RequestId>\n"
        "</ErrorResponse>\n"
    )


def test_an_unknown_key_is_refused(aws: LocalAWS) -> None:
    stranger = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x" * 40}
    assert refused(aws.client("sts", stranger).get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    assert refused(aws.client("ec2", stranger).describe_instances)[:2] == ("AuthFailure", 401)


def test_a_wrong_secret_is_refused(aws: LocalAWS) -> None:
    forger = {"AccessKeyId": ADMIN_KEY, "SecretAccessKey": ADMIN_SECRET[::-1]}
    assert refused(aws.client("sts", forger).get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)
    assert refused(aws.client("iam", forger).list_roles)[:2] == ("SignatureDoesNotMatch", 403)


def test_an_unsigned_call_is_refused(aws: LocalAWS) -> None:
    answer = aws.post("Action=ListRoles&Version=2010-05-08")
    assert answer.status_code == 403
    assert "<Code>MissingAuthenticationToken</Code>" in answer.text


def test_deleting_the_role_ends_its_sessions_and_a_new_one_does_not_revive_them(aws: LocalAWS) -> None:
    aws.set_up_role()
    credentials = aws.credentials()
    assert aws.client("sts", credentials).get_caller_identity()
    iam = aws.client("iam")
    iam.delete_role(RoleName="reader")
    assert refused(aws.client("sts", credentials).get_caller_identity)[0] == "InvalidClientTokenId"
    aws.set_up_role()
    assert refused(aws.client("sts", credentials).get_caller_identity)[0] == "InvalidClientTokenId"


def test_detaching_a_policy_takes_effect_on_the_next_request(aws: LocalAWS) -> None:
    aws.set_up_role()
    iam = aws.client("iam")
    iam.attach_role_policy(RoleName="reader", PolicyArn=EC2_READ_ONLY)
    session = aws.client("ec2", aws.credentials())
    session.describe_instances()
    iam.detach_role_policy(RoleName="reader", PolicyArn=EC2_READ_ONLY)
    assert refused(session.describe_instances)[0] == "UnauthorizedOperation"


def test_an_expired_session_is_refused(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.set_up_role()
    credentials = aws.credentials(DurationSeconds=900)
    token_of_then = aws.vault.open(credentials["AccessKeyId"], credentials["SessionToken"])
    assert token_of_then is not None
    aws.offset = token_of_then.expires_at - aws.now() - 1
    client = aws.client("sts", credentials)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: at(aws.now()))
    assert client.get_caller_identity()
    aws.offset += 2
    assert refused(client.get_caller_identity)[:2] == ("ExpiredToken", 403)


def at(seconds: float) -> datetime.datetime:
    """Return a time as botocore's signer has it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)


def test_the_cluster_is_described_as_eks_does(aws: LocalAWS) -> None:
    eks = aws.client("eks")
    assert eks.describe_cluster(name="podrole")["cluster"]["identity"]["oidc"]["issuer"] == ISSUER
    assert eks.list_clusters()["clusters"] == ["podrole"]
    assert refused(eks.describe_cluster, name="other")[:2] == ("ResourceNotFoundException", 404)


def test_the_health_of_the_endpoint_needs_no_signature(aws: LocalAWS) -> None:
    assert aws.http.get(f"{aws.url}/_podrole/health").json() == {"status": "ok"}


def test_a_trust_policy_with_a_wildcard_under_string_equals_is_explained(aws: LocalAWS) -> None:
    aws.set_up_role(trust_policy(StringEquals={f"{PREFIX}:sub": "system:serviceaccount:shop:*"}))
    assert aws.exchange().status_code == 403
    assert "StringLike" in json.dumps(aws.last_event().explanation)
