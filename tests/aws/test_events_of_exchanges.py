"""Whose call an exchange was, as the event log tells it: nobody is believed before the token is."""

from __future__ import annotations

from support.aws import (
    ACCOUNT,
    ISSUER,
    PROVIDER_ARN,
    READER,
    SUBJECT,
    LocalAWS,
    allow,
    policy,
    refused,
    trust_of,
    trust_policy,
)

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
STRANGER = "system:serviceaccount:shop:checkout"


def test_the_event_names_the_subject_that_the_role_does_not_trust(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange(aws.token(sub=STRANGER)).status_code == 403
    assert aws.last_event().who == STRANGER


def test_the_event_of_an_unverified_token_names_no_subject(aws: LocalAWS) -> None:
    aws.set_up_role()
    for claims in ({"aud": ["elsewhere"]}, {"exp": 1}, {"iss": "https://other.example.com"}):
        assert aws.exchange(aws.token(sub=STRANGER, **claims)).status_code == 400
        assert aws.last_event().who == "anonymous"


def test_the_event_of_an_exchange_names_the_pod(aws: LocalAWS) -> None:
    aws.set_up_role()
    pod = {"namespace": "shop", "pod": {"name": "whoami", "uid": "1-2-3"}}
    assert aws.exchange(aws.token(**{"kubernetes.io": pod})).status_code == 200
    event = aws.last_event()
    assert event.on == READER
    assert event.who.endswith(":assumed-role/reader/web")
    assert event.explanation == {"subject": SUBJECT, "issuer": ISSUER, "provider": PROVIDER_ARN, "pod": "whoami"}


def test_a_pod_claim_of_another_shape_is_left_out(aws: LocalAWS) -> None:
    aws.set_up_role(trust_policy())
    for claim in ("text", {"pod": 1}, {"pod": {"name": ["x"]}}, {"pod": {"name": "a\nb"}}):
        assert aws.exchange(aws.token(**{"kubernetes.io": claim})).status_code == 200
        assert "pod" not in (aws.last_event().explanation or {})


def test_the_event_of_an_assumption_names_the_session(aws: LocalAWS) -> None:
    aws.client("iam").create_role(RoleName="trusting", AssumeRolePolicyDocument=policy(trust_of(ROOT)))
    aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/trusting", RoleSessionName="one")
    event = aws.last_event()
    assert event.who.endswith(":user/admin")
    assert event.explanation == {"session": f"arn:aws:sts::{ACCOUNT}:assumed-role/trusting/one"}


def test_the_refusal_of_a_recreated_role_says_so(aws: LocalAWS) -> None:
    """A trust policy means the role that had the name when the policy was stored."""
    iam, chained = aws.client("iam"), f"arn:aws:iam::{ACCOUNT}:role/chained"
    iam.create_role(RoleName="first", AssumeRolePolicyDocument=policy(trust_of(ROOT)))
    unique = iam.get_role(RoleName="first")["Role"]["RoleId"]
    named = f"arn:aws:iam::{ACCOUNT}:role/first"
    iam.create_role(RoleName="chained", AssumeRolePolicyDocument=policy(trust_of(named)))
    iam.delete_role(RoleName="first")
    iam.create_role(RoleName="first", AssumeRolePolicyDocument=policy(trust_of(ROOT)))
    iam.put_role_policy(RoleName="first", PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    shown = iam.get_role(RoleName="chained")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": unique}
    credentials = aws.client("sts").assume_role(RoleArn=named, RoleSessionName="one")["Credentials"]
    assert refused(aws.client("sts", credentials).assume_role, RoleArn=chained, RoleSessionName="two")[1] == 403
    assert f"{unique} is the unique id that AWS shows for a role which was deleted" in str(aws.last_event().why)
