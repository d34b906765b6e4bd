"""Each form of trust policy allows those that it names and no one else, whatever else the token asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.aws import ACCOUNT, PREFIX, PROVIDER_ARN, SUBJECT, LocalAWS, refusal, trust_policy
from support.forgery import claims, forge
from support.issuer import HOST

NOT_AUTHORIZED = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
SUB, AUD = f"{PREFIX}:sub", f"{PREFIX}:aud"


def statement(**changed: Any) -> dict[str, Any]:
    good = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER_ARN},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {SUB: SUBJECT}},
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def condition(**operators: Any) -> list[dict[str, Any]]:
    return [statement(Condition={name.replace("__", ":"): value for name, value in operators.items()})]


LETS_IN: dict[str, list[dict[str, Any]]] = {
    "the subject": condition(StringEquals={SUB: SUBJECT}),
    "subject and audience": condition(StringEquals={SUB: SUBJECT, AUD: "sts.amazonaws.com"}),
    "one subject of several": condition(StringEquals={SUB: ["system:serviceaccount:a:b", SUBJECT]}),
    "every account of a namespace": condition(StringLike={SUB: "system:serviceaccount:shop:*"}),
    "one account of every namespace": condition(StringLike={SUB: "system:serviceaccount:*:inventory"}),
    "a question mark for one letter": condition(StringLike={SUB: SUBJECT[:-1] + "?"}),
    "the audience only": condition(StringEquals={AUD: "sts.amazonaws.com"}),
    "no condition": [statement(Condition=None)],
    "a key in another case": condition(StringEquals={SUB.upper(): SUBJECT}),
    "a value in another case, ignoring it": condition(StringEqualsIgnoreCase={SUB: SUBJECT.upper()}),
    "not another subject": condition(StringNotEquals={SUB: "system:serviceaccount:shop:other"}),
    "a claim that is not a condition key, negated": condition(StringNotEquals={f"{PREFIX}:iss": "https://x"}),
    "a claim that is not a condition key, if it exists": condition(StringEqualsIfExists={f"{PREFIX}:iss": "https://x"}),
    "all values of a key that is absent": condition(ForAllValues__StringEquals={f"{PREFIX}:amr": ["mfa"]}),
    "a key that must be there": condition(Null={SUB: "false"}),
    "a key that must be absent": condition(Null={f"{PREFIX}:iss": "true"}),
    "the original audience": condition(StringEquals={f"{PREFIX}:oaud": "sts.amazonaws.com"}),
    "a list of providers": [
        statement(Principal={"Federated": [f"arn:aws:iam::{ACCOUNT}:oidc-provider/x.example.com", PROVIDER_ARN]})
    ],
    "several kinds of principals": [
        statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root", "Federated": PROVIDER_ARN})
    ],
    "every way to assume it": [statement(Action="sts:AssumeRole*")],
    "all of STS": [statement(Action="sts:*")],
    "the action in another case": [statement(Action="STS:assumerolewithWEBidentity")],
    "a list of actions": [statement(Action=["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"])],
    "the second of two statements": [statement(Principal={"Service": "ec2.amazonaws.com"}), statement()],
    "a Deny for someone else": [
        statement(),
        statement(Effect="Deny", Condition={"StringEquals": {SUB: "system:serviceaccount:a:b"}}),
    ],
    "the session's name": condition(StringEquals={"sts:RoleSessionName": "web"}),
    "the provider, as a key": condition(StringEquals={"aws:FederatedProvider": PROVIDER_ARN}),
    "loopback": condition(IpAddress={"aws:SourceIp": "127.0.0.0/8"}),
    "plain http, as podrole serves it": condition(Bool={"aws:SecureTransport": "false"}),
    "the world's region": condition(StringEquals={"aws:RequestedRegion": "us-east-1"}),
    "a time that is not over": condition(DateLessThan={"aws:CurrentTime": "2100-01-01T00:00:00Z"}),
    "the role's account": condition(StringEquals={"aws:ResourceAccount": ACCOUNT}),
    "a tag of the role": condition(StringEquals={"aws:ResourceTag/stage": "test"}),
    "a tag of the role, as IAM's": condition(StringEquals={"iam:ResourceTag/stage": "test"}),
    "a variable": condition(StringEquals={SUB: "system:serviceaccount:shop:${aws:ResourceTag/name}"}),
    "a variable's default": condition(StringEquals={SUB: "${aws:PrincipalTag/x, '" + SUBJECT + "'}"}),
}

KEEPS_OUT: dict[str, list[dict[str, Any]]] = {
    "another subject": condition(StringEquals={SUB: "system:serviceaccount:shop:other"}),
    "a wildcard under StringEquals": condition(StringEquals={SUB: "system:serviceaccount:shop:*"}),
    "the subject in another case": condition(StringEquals={SUB: SUBJECT.upper()}),
    "the subject with a blank": condition(StringEquals={SUB: SUBJECT + " "}),
    "a pattern that fits a part": condition(StringLike={SUB: "serviceaccount:shop"}),
    "another audience": condition(StringEquals={SUB: SUBJECT, AUD: "kubernetes"}),
    "an audience in a list of others": condition(StringEquals={AUD: ["a", "b"]}),
    "two operators of which one fails": condition(StringEquals={SUB: SUBJECT}, StringLike={AUD: "k*"}),
    "a claim that is not a condition key": condition(StringEquals={f"{PREFIX}:iss": "https://" + PREFIX}),
    "a nested claim": condition(StringEquals={f"{PREFIX}:kubernetes.io/namespace": "shop"}),
    "another provider's key": condition(StringEquals={f"{HOST}/id/OTHER:sub": SUBJECT}),
    "a key without its provider": condition(StringEquals={"sub": SUBJECT}),
    "any value of a key that is absent": condition(ForAnyValue__StringEquals={f"{PREFIX}:amr": ["mfa"]}),
    "a key that must be absent and is not": condition(Null={SUB: "true"}),
    "an authorized party as a key": condition(StringEquals={f"{PREFIX}:azp": "sts.amazonaws.com"}),
    "not this subject": condition(StringNotEquals={SUB: SUBJECT}),
    "no subject like this": condition(StringNotLike={SUB: "system:serviceaccount:shop:*"}),
    "another action": [statement(Action="sts:AssumeRole")],
    "SAML's action": [statement(Action="sts:AssumeRoleWithSAML")],
    "everything but this action": [statement(Action=None, NotAction="sts:AssumeRoleWithWebIdentity")],
    "another provider": [statement(Principal={"Federated": PROVIDER_ARN + "D"})],
    "a provider with a slash": [statement(Principal={"Federated": PROVIDER_ARN + "/"})],
    "a provider in another case": [statement(Principal={"Federated": PROVIDER_ARN.lower()})],
    "another account's provider": [statement(Principal={"Federated": PROVIDER_ARN.replace(ACCOUNT, "444455556666")})],
    "every provider": [statement(Principal={"Federated": PROVIDER_ARN.replace("ABC", "*")})],
    "the issuer instead of its provider": [statement(Principal={"Federated": PREFIX})],
    "the account": [statement(Principal={"AWS": ACCOUNT})],
    "the account's root": [statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})],
    "everyone with an AWS identity": [statement(Principal={"AWS": "*"})],
    "the provider as an AWS principal": [statement(Principal={"AWS": PROVIDER_ARN})],
    "a service": [statement(Principal={"Service": "pods.eks.amazonaws.com"})],
    "a Deny beside the Allow": [statement(), statement(Effect="Deny", Condition=None)],
    "a Deny before the Allow": [statement(Effect="Deny", Condition=None), statement()],
    "a Deny of every action": [statement(), statement(Effect="Deny", Action="*", Condition=None)],
    "a Deny where a claim that is not a condition key differs": [
        statement(),
        statement(Effect="Deny", Condition={"StringNotEquals": {f"{PREFIX}:iss": "https://" + PREFIX}}),
    ],
    "a Deny of everyone": [statement(), statement(Effect="Deny", Principal="*", Condition=None)],
    "another session name": condition(StringEquals={"sts:RoleSessionName": "other"}),
    "another address": condition(IpAddress={"aws:SourceIp": "10.0.0.0/8"}),
    "TLS": condition(Bool={"aws:SecureTransport": "true"}),
    "another region": condition(StringEquals={"aws:RequestedRegion": "eu-west-1"}),
    "a time that is over": condition(DateLessThan={"aws:CurrentTime": "2020-01-01T00:00:00Z"}),
    "a tag that the role has not": condition(StringEquals={"aws:ResourceTag/stage": "prod"}),
    "an external id": condition(StringEquals={"sts:ExternalId": "x"}),
    "multi-factor authentication": condition(Bool={"aws:MultiFactorAuthPresent": "true"}),
    "a principal's ARN": condition(ArnLike={"aws:PrincipalArn": "*"}),
    "nobody": [],
}


def _stored(aws: LocalAWS, statements: list[dict[str, Any]], version: str = "2012-10-17") -> None:
    aws.set_up_role(Tags=[{"Key": "stage", "Value": "test"}, {"Key": "name", "Value": "inventory"}])
    aws.store_trust({"Version": version, "Statement": statements})


@pytest.mark.parametrize("statements", LETS_IN.values(), ids=LETS_IN.keys())
def test_a_trust_policy_allows(aws: LocalAWS, statements: list[dict[str, Any]]) -> None:
    _stored(aws, statements)
    assert aws.exchange().status_code == 200


@pytest.mark.parametrize("statements", KEEPS_OUT.values(), ids=KEEPS_OUT.keys())
def test_a_trust_policy_refuses_all_others(aws: LocalAWS, statements: list[dict[str, Any]]) -> None:
    _stored(aws, statements)
    assert refusal(aws.exchange()) == NOT_AUTHORIZED
    explanation = aws.last_event().explanation or {}
    assert explanation["step"] == "trust policy"
    assert "signature" in explanation["held"]


def test_a_variable_in_a_policy_of_the_old_version_is_plain_text(aws: LocalAWS) -> None:
    _stored(aws, LETS_IN["a variable"], version="2008-10-17")
    assert refusal(aws.exchange()) == NOT_AUTHORIZED


@pytest.mark.parametrize(
    "document",
    ["", "{", "null", "[]", '{"Version":"2012-10-17"}', '{"Statement":[{"Effect":"Allow","Principal":"*"}]}'],
)
def test_a_stored_trust_policy_that_cannot_be_read_trusts_nobody(aws: LocalAWS, document: str) -> None:
    aws.set_up_role()
    aws.store_trust(document)
    assert refusal(aws.exchange()) == NOT_AUTHORIZED


def test_a_trust_policy_that_is_changed_counts_at_once(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange().status_code == 200
    iam = aws.client("iam")
    other = trust_policy(StringEquals={SUB: "system:serviceaccount:shop:other"})
    iam.update_assume_role_policy(RoleName="reader", PolicyDocument=json.dumps(other))
    assert refusal(aws.exchange()) == NOT_AUTHORIZED
    iam.update_assume_role_policy(RoleName="reader", PolicyDocument=json.dumps(trust_policy()))
    assert aws.exchange().status_code == 200


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{ACCOUNT}:role/nobody",
        f"arn:aws:iam::{ACCOUNT}:role/Reader",
        f"arn:aws:iam::{ACCOUNT}:role/team/reader",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        f"arn:aws:iam::{ACCOUNT}:role/reader ",
        f"arn:aws:iam::{ACCOUNT}:role/reader\u00a0",
    ],
)
def test_a_missing_role_is_refused_like_one_that_does_not_trust(aws: LocalAWS, arn: str) -> None:
    aws.set_up_role()
    assert refusal(aws.exchange(RoleArn=arn)) == NOT_AUTHORIZED


def test_a_role_with_a_path_is_known_by_its_whole_arn(aws: LocalAWS) -> None:
    aws.set_up_role(Path="/team/pods/")
    assert refusal(aws.exchange()) == NOT_AUTHORIZED
    answer = aws.exchange(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/team/pods/reader")
    assert answer.status_code == 200
    assert f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/reader/web</Arn>" in answer.text


def test_unneeded_credentials_are_ignored(aws: LocalAWS) -> None:
    """The exchange is not signed: no Authorization header moves it to another region, or stops it."""
    _stored(aws, condition(StringEquals={"aws:RequestedRegion": "eu-west-1"}))
    form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/reader"
    body = f"{form}&RoleSessionName=web&WebIdentityToken={aws.token()}"
    scope = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/sts/aws4_request"
    assert refusal(aws.post(body, authorization=scope, x_amz_security_token="x")) == NOT_AUTHORIZED
    aws.store_trust(trust_policy())
    assert aws.post(body, authorization=scope).status_code == 200


TAGS = "https://aws.amazon.com/tags"
TEAM = {TAGS: {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]}}
ALICE = {"https://aws.amazon.com/source_identity": "alice"}
ASKS_FOR_MORE: dict[str, tuple[dict[str, Any], Any, dict[str, Any] | None, bool]] = {
    "tags without sts:TagSession": (TEAM, "sts:AssumeRoleWithWebIdentity", None, False),
    "tags with sts:TagSession": (TEAM, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], None, True),
    "no tags, with a claim that has none": (
        {TAGS: {"principal_tags": {}}},
        "sts:AssumeRoleWithWebIdentity",
        None,
        True,
    ),
    "the tag that the policy wants": (TEAM, "sts:*", {"StringEquals": {"aws:RequestTag/team": "blue"}}, True),
    "another tag than the policy wants": (TEAM, "sts:*", {"StringEquals": {"aws:RequestTag/team": "red"}}, False),
    "a tag key that may be passed": (TEAM, "sts:*", {"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, True),
    "a tag key that may not": (TEAM, "sts:*", {"ForAllValues:StringEquals": {"aws:TagKeys": "stage"}}, False),
    "a transitive key that may not": (
        TEAM,
        "sts:*",
        {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": "stage"}},
        False,
    ),
    "a source identity without sts:SetSourceIdentity": (ALICE, "sts:AssumeRoleWithWebIdentity", None, False),
    "a source identity with it": (ALICE, ["sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"], None, True),
    "another source identity than wanted": (ALICE, "sts:*", {"StringEquals": {"sts:SourceIdentity": "bob"}}, False),
    "a source identity that is wanted and missing": ({}, "sts:*", {"StringLike": {"sts:SourceIdentity": "*"}}, False),
    "both, with only one allowed": (
        {**TEAM, **ALICE},
        ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        None,
        False,
    ),
    "both, with both allowed": ({**TEAM, **ALICE}, "sts:*", None, True),
}


@pytest.mark.parametrize(("more", "action", "wanted", "allowed"), ASKS_FOR_MORE.values(), ids=ASKS_FOR_MORE.keys())
def test_tags_and_source_identity_of_a_token_need_permission_in_the_trust_policy(
    aws: LocalAWS, more: dict[str, Any], action: Any, wanted: dict[str, Any] | None, allowed: bool
) -> None:
    _stored(aws, [statement(Action=action, Condition=wanted)])
    answer = aws.exchange(forge(aws, payload=claims(aws, **more)))
    if not allowed:
        assert refusal(answer) == NOT_AUTHORIZED
    else:
        assert answer.status_code == 200
        assert ("<SourceIdentity>alice</SourceIdentity>" in answer.text) is (ALICE.items() <= more.items())
        assert ("<PackedPolicySize>" in answer.text) is (TEAM.items() <= more.items())


@pytest.mark.parametrize(
    ("methods", "values", "allowed"),
    [(["pwd", "mfa"], ["mfa"], True), (["pwd"], ["mfa"], False), ("mfa", ["mfa"], True), ([], ["mfa"], False)],
)
def test_amr_is_a_multivalued_condition_key(aws: LocalAWS, methods: Any, values: list[str], allowed: bool) -> None:
    _stored(aws, [statement(Condition={"ForAnyValue:StringEquals": {f"{PREFIX}:amr": values}})])
    answer = aws.exchange(forge(aws, payload=claims(aws, amr=methods)))
    assert (answer.status_code == 200) is allowed


def test_azp_replaces_the_audience(aws: LocalAWS) -> None:
    keys = {AUD: "sts.amazonaws.com", f"{PREFIX}:oaud": "https://original"}
    _stored(aws, condition(StringEquals=keys))
    answer = aws.exchange(forge(aws, payload=claims(aws, aud=["https://original"], azp="sts.amazonaws.com")))
    assert answer.status_code == 200
    assert "<Audience>sts.amazonaws.com</Audience>" in answer.text
