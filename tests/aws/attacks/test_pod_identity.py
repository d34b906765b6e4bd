"""EKS Pod Identity gives a pod the role of its association, and gives nothing to anyone else."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from podrole.setup.trust import target_trust_policy
from podrole.setup.wanted import ServiceAccountName, SetupPlace
from support.aws import ACCOUNT, LocalAWS, allow, policy, refused, trust_of
from support.forgery import altered, b64, forge, hmac_with, part, public_pem
from support.issuer import ISSUER
from support.keys import rsa_key
from support.pods import (
    AUDIENCE,
    CLUSTER_ARN,
    POD_UID,
    ROLE,
    associate,
    assume,
    create,
    credentials,
    pod_claims,
    pod_token,
    trust_of_pods,
)

TARGET = "arn:aws:iam::444455556666:role/target"
INVALID = ("InvalidTokenException", 400, "The token included in the request is invalid.")
NO_PERMISSION = (
    "AccessDeniedException",
    400,
    "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
)
Token = Callable[[LocalAWS], str]


def exchange(aws: LocalAWS, token: str | None = None, cluster: str = "podrole") -> tuple[str, int, str]:
    call = aws.client("eks-auth", parameter_validation=False).assume_role_for_pod_identity
    return refused(call, clusterName=cluster, token=pod_token(aws) if token is None else token)


def test_a_pod_becomes_a_session_of_its_role_with_six_tags(aws: LocalAWS) -> None:
    association = associate(aws)
    answer = assume(aws)
    assert answer["subject"] == {"namespace": "shop", "serviceAccount": "inventory"}
    assert answer["audience"] == AUDIENCE
    assert answer["podIdentityAssociation"]["associationId"] == association["associationId"]
    assert answer["podIdentityAssociation"]["associationArn"] == association["associationArn"]
    arn = answer["assumedRoleUser"]["arn"]
    assert arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/pods/eks-podrole-inventory-0-")
    assert len(arn.rpartition("/")[2]) <= 64
    lasts = answer["credentials"]["expiration"] - datetime.datetime.now(datetime.UTC)
    assert abs(lasts.total_seconds() - 6 * 3_600) < 60
    session = credentials(answer)
    identity = aws.client("sts", session).get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (arn, answer["assumedRoleUser"]["assumeRoleId"])
    assert aws.client("ec2", session).describe_instances()["Reservations"] == []
    assert refused(aws.client("ec2", session).run_instances, ImageId="ami-1", MinCount=1, MaxCount=1)[1] == 403
    opened = aws.vault.open(session["AccessKeyId"], session["SessionToken"])
    assert opened is not None
    assert opened.tags == {
        "eks-cluster-arn": CLUSTER_ARN,
        "eks-cluster-name": "podrole",
        "kubernetes-namespace": "shop",
        "kubernetes-service-account": "inventory",
        "kubernetes-pod-name": "inventory-0",
        "kubernetes-pod-uid": POD_UID,
    }
    assert set(opened.transitive_tag_keys) == set(opened.tags)


def test_the_sessions_tags_win_over_the_roles(aws: LocalAWS) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "shop"}}
    aws.role(
        "pods",
        trust_of_pods(),
        allow("ec2:*", Condition=condition),
        Tags=[{"Key": "kubernetes-namespace", "Value": "somewhere"}],
    )
    create(aws)
    assert aws.client("ec2", credentials(assume(aws))).describe_instances()["Reservations"] == []


def test_an_association_can_do_without_the_tags(aws: LocalAWS) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "shop"}}
    associate(aws, allow("ec2:*", Condition=condition), disableSessionTags=True)
    session = credentials(assume(aws))
    assert refused(aws.client("ec2", session).describe_instances)[0] == "UnauthorizedOperation"


OTHER_KEY = rsa_key(1)


def _claims(**changed: Any) -> Token:
    return lambda aws: pod_token(aws, **changed)


def _kubernetes(**changed: Any) -> Token:
    def token(aws: LocalAWS) -> str:
        inner = {**pod_claims(aws)["kubernetes.io"], **changed}
        return pod_token(aws, **{"kubernetes.io": {name: value for name, value in inner.items() if value is not None}})

    return token


TOKENS: dict[str, Token] = {
    "a web identity's": lambda aws: aws.token(),
    "for the API server": _claims(aud=["https://kubernetes"]),
    "for sts beside": _claims(aud=[AUDIENCE, "sts.amazonaws.com"]),
    "without an audience": _claims(aud=None),
    "with an authorized party only": _claims(aud=["other"], azp=AUDIENCE),
    "of another issuer": _claims(iss="https://oidc.example.com/id/OTHER"),
    "of the issuer with a slash": _claims(iss="https://oidc.example.com/id/ABC/"),
    "of no pod": _kubernetes(pod=None),
    "of a secret": _kubernetes(pod=None, secret={"name": "s", "uid": "u"}),
    "of a pod without a name": _kubernetes(pod={"uid": POD_UID}),
    "of a pod without a uid": _kubernetes(pod={"name": "inventory-0"}),
    "of a pod whose name is a number": _kubernetes(pod={"name": 1, "uid": POD_UID}),
    "of a pod that is text": _kubernetes(pod="inventory-0"),
    "of no service account": _kubernetes(serviceaccount=None),
    "of a service account without a uid": _kubernetes(serviceaccount={"name": "inventory"}),
    "of no namespace": _kubernetes(namespace=None),
    "without kubernetes' claims": _claims(**{"kubernetes.io": None}),
    "with kubernetes' claims as text": _claims(**{"kubernetes.io": "shop"}),
    "whose subject is another account": _claims(sub="system:serviceaccount:shop:admin"),
    "whose subject is a user": _claims(sub="admin"),
    "whose namespace is another": _kubernetes(namespace="kube-system"),
    "not valid yet": lambda aws: pod_token(aws, nbf=int(aws.now()) + 600),
    "with an expiry that is text": _claims(exp="4000000000"),
    "without an expiry": _claims(exp=None),
    "unsigned": lambda aws: f"{part({'alg': 'none'})}.{part(pod_claims(aws))}.AA",
    "signed with HMAC": lambda aws: forge(
        aws, payload=pod_claims(aws), alg="HS256", sign=hmac_with(public_pem(aws.issuer.keys[0]))
    ),
    "signed by another key": lambda aws: forge(aws, payload=pod_claims(aws), sign=OTHER_KEY.sign),
    "signed by a key of another name": lambda aws: forge(aws, payload=pod_claims(aws), kid="other"),
    "with another account put in": lambda aws: altered(
        pod_token(aws), 1, lambda _: part({**pod_claims(aws), "sub": "system:serviceaccount:kube-system:admin"})
    ),
    "that brings its own key": lambda aws: forge(aws, payload=pod_claims(aws), jwk={"kty": "RSA"}),
    "nested without end": lambda aws: f"{part({'alg': 'RS256'})}.{b64(b'[' * 3_000)}.AAAA",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_an_invalid_token_gives_no_credentials(aws: LocalAWS, token: Token) -> None:
    associate(aws)
    text = token(aws)
    assert exchange(aws, text) == INVALID
    assert text not in repr(aws.last_event())


def test_an_expired_token_is_refused_without_leeway_and_says_when(aws: LocalAWS) -> None:
    associate(aws)
    now = int(aws.now())
    code, status, message = exchange(aws, pod_token(aws, exp=now - 1, iat=now - 3_600, nbf=now - 3_600))
    assert (code, status) == ("ExpiredTokenException", 400)
    expiry = datetime.datetime.fromtimestamp(now - 1, datetime.UTC).isoformat().replace("+00:00", "Z")
    assert message.startswith("The token included in the request is expired: current date/time ")
    assert message.endswith(f" must be before the expiration date/time {expiry}.")
    assert exchange(aws, pod_token(aws, exp=-(10**17)))[0] == "ExpiredTokenException"


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "a b.c.d", "x" * 30_000], ids=lambda text: text[:8])
def test_a_malformed_token_is_an_invalid_parameter_or_an_invalid_token(aws: LocalAWS, token: str) -> None:
    associate(aws)
    code, status, _ = exchange(aws, token)
    assert status == 400
    assert code in ("InvalidParameterException", "InvalidTokenException")
    assert token == "" or len(token) < 4 or token not in repr(aws.last_event())


def test_a_service_account_without_an_association_has_no_role(aws: LocalAWS) -> None:
    associate(aws)
    other = {**pod_claims(aws)["kubernetes.io"], "serviceaccount": {"name": "checkout", "uid": "c"}}
    token = pod_token(aws, sub="system:serviceaccount:shop:checkout", **{"kubernetes.io": other})
    code, status, message = exchange(aws, token)
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert message == ("No EKS Pod Identity association found for service account shop/checkout in cluster podrole.")


@pytest.mark.parametrize("cluster", ["other", "Podrole", "podrole2"])
def test_another_cluster_is_not_found(aws: LocalAWS, cluster: str) -> None:
    associate(aws)
    assert exchange(aws, cluster=cluster) == (
        "ResourceNotFoundException",
        404,
        f"No cluster found for name: {cluster}.",
    )


def test_other_clusters_have_associations_but_no_pods(aws: LocalAWS) -> None:
    associate(aws)
    subnets = {"subnetIds": ["subnet-1"]}
    aws.client("eks").create_cluster(name="second", roleArn=ROLE, resourcesVpcConfig=subnets)
    create(aws, clusterName="second")
    assert exchange(aws, cluster="second")[:2] == ("ResourceNotFoundException", 404)


TRUSTS: dict[str, dict[str, Any]] = {
    "without sts:TagSession": trust_of_pods("sts:AssumeRole"),
    "without sts:AssumeRole": trust_of_pods("sts:TagSession"),
    "of another service": {**trust_of_pods(), "Principal": {"Service": "ec2.amazonaws.com"}},
    "of eks, not of its pods": {**trust_of_pods(), "Principal": {"Service": "eks.amazonaws.com"}},
    "of the account": trust_of(f"arn:aws:iam::{ACCOUNT}:root", "sts:*"),
    "of another namespace": trust_of_pods(
        Condition={"StringEquals": {"aws:RequestTag/kubernetes-namespace": "warehouse"}}
    ),
    "of another cluster": trust_of_pods(Condition={"StringEquals": {"aws:SourceArn": CLUSTER_ARN + "2"}}),
    "of another account's clusters": trust_of_pods(Condition={"StringEquals": {"aws:SourceAccount": "444455556666"}}),
    "with an external id": trust_of_pods(Condition={"StringEquals": {"sts:ExternalId": "x"}}),
    "of an address": trust_of_pods(Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
}


@pytest.mark.parametrize("trust", TRUSTS.values(), ids=TRUSTS.keys())
def test_a_trust_policy_that_does_not_allow_eks_is_refused(aws: LocalAWS, trust: dict[str, Any]) -> None:
    associate(aws)
    aws.store_trust(json.loads(policy(trust)), "pods")
    assert exchange(aws) == NO_PERMISSION
    assert (aws.last_event().explanation or {})["step"] == "trust policy"


CONDITIONS: dict[str, dict[str, Any]] = {
    "the namespace": {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "shop"}},
    "the service account": {"StringEquals": {"aws:RequestTag/kubernetes-service-account": "inventory"}},
    "the cluster": {"ArnEquals": {"aws:SourceArn": CLUSTER_ARN}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    "the tags that EKS passes": {"ForAllValues:StringLike": {"aws:TagKeys": ["eks-*", "kubernetes-*"]}},
    "a service": {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    "the service's name": {"StringEquals": {"aws:PrincipalServiceName": AUDIENCE}},
}


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_a_trust_policy_with_a_condition_on_is_accepted(aws: LocalAWS, condition: dict[str, Any]) -> None:
    associate(aws, trust=trust_of_pods(Condition=condition))
    assert assume(aws)["subject"]["serviceAccount"] == "inventory"


def test_without_tags_sts_tag_session_is_not_asked(aws: LocalAWS) -> None:
    associate(aws, disableSessionTags=True)
    aws.store_trust(json.loads(policy(trust_of_pods("sts:AssumeRole"))), "pods")
    assert assume(aws)


def test_an_association_counts_until_it_is_deleted_and_no_longer(aws: LocalAWS) -> None:
    association = associate(aws)
    assert assume(aws)
    aws.client("eks").delete_pod_identity_association(clusterName="podrole", associationId=association["associationId"])
    assert exchange(aws)[:2] == ("ResourceNotFoundException", 404)


def test_an_association_that_is_changed_counts_at_once(aws: LocalAWS) -> None:
    association = associate(aws)
    other = aws.role("other", trust_of_pods())
    changed = aws.client("eks").update_pod_identity_association(
        clusterName="podrole", associationId=association["associationId"], roleArn=other
    )["association"]
    assert changed["roleArn"] == other
    assert changed["modifiedAt"] >= association["modifiedAt"]
    assert "/other/" in assume(aws)["assumedRoleUser"]["arn"]


def test_a_role_that_is_deleted_ends_the_pods_sessions_and_its_association_gives_nothing(aws: LocalAWS) -> None:
    associate(aws)
    session = credentials(assume(aws))
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName="pods", PolicyName="own")
    iam.delete_role(RoleName="pods")
    assert refused(aws.client("sts", session).get_caller_identity)[0] == "InvalidClientTokenId"
    assert exchange(aws) == NO_PERMISSION
    aws.role("pods", trust_of_pods())
    assert refused(aws.client("sts", session).get_caller_identity)[0] == "InvalidClientTokenId"
    assert assume(aws), "the association names the role; a new one of that name serves new sessions"


def test_a_policy_of_the_association_limits_its_sessions(aws: LocalAWS) -> None:
    associate(aws, allow("*"), disableSessionTags=True, policy=policy(allow("s3:*")))
    session = credentials(assume(aws))
    assert refused(aws.client("ec2", session).describe_instances)[0] == "UnauthorizedOperation"
    assert aws.client("s3", session).list_buckets()["Buckets"] == []


def chained(aws: LocalAWS, trust: dict[str, Any], *statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Associate a role that leads on to one of another account."""
    made = associate(aws, *(statements or (allow("sts:*", TARGET),)), targetRoleArn=TARGET, **more)
    iam = aws.client("iam", aws.administrator_of("444455556666"))
    iam.create_role(RoleName="target", AssumeRolePolicyDocument=policy(trust))
    iam.put_role_policy(RoleName="target", PolicyName="own", PolicyDocument=policy(allow("*")))
    return made


def test_a_target_role_is_reached_through_the_first(aws: LocalAWS) -> None:
    chained(aws, trust_of(ROLE, ["sts:AssumeRole", "sts:TagSession"]))
    answer = assume(aws)
    assert answer["assumedRoleUser"]["arn"].startswith("arn:aws:sts::444455556666:assumed-role/target/eks-podrole-")
    lasts = answer["credentials"]["expiration"] - datetime.datetime.now(datetime.UTC)
    assert abs(lasts.total_seconds() - 3_600) < 60
    session = credentials(answer)
    assert aws.client("sts", session).get_caller_identity()["Account"] == "444455556666"
    opened = aws.vault.open(session["AccessKeyId"], session["SessionToken"])
    assert opened is not None
    assert opened.tags["kubernetes-namespace"] == "shop"


def test_a_target_role_may_ask_for_the_associations_external_id(aws: LocalAWS) -> None:
    association = chained(aws, trust_of(ROLE, ["sts:AssumeRole", "sts:TagSession"]))
    assert association["targetRoleArn"] == TARGET
    wanted = {"StringEquals": {"sts:ExternalId": association["externalId"]}}
    aws.store_trust(json.loads(policy(trust_of(ROLE, "sts:*", Condition=wanted))), "target", "444455556666")
    assert assume(aws)
    other = {"StringEquals": {"sts:ExternalId": "another"}}
    aws.store_trust(json.loads(policy(trust_of(ROLE, "sts:*", Condition=other))), "target", "444455556666")
    assert exchange(aws) == NO_PERMISSION


@pytest.mark.parametrize("tags", [True, False], ids=["by the tags", "by the external id"])
def test_the_set_ups_trust_policy_lets_one_service_account_into_a_target_role(aws: LocalAWS, tags: bool) -> None:
    place = SetupPlace("podrole", ISSUER, ACCOUNT, "aws", "us-east-1", CLUSTER_ARN)
    chained(aws, trust_of(ROLE, "sts:*"), disableSessionTags=not tags)
    documents = {
        name: json.loads(
            target_trust_policy(place, ROLE, ServiceAccountName("shop", name), disable_session_tags=not tags)
        )
        for name in ("inventory", "orders")
    }
    aws.store_trust(documents["inventory"], "target", "444455556666")
    assert assume(aws)
    aws.store_trust(documents["orders"], "target", "444455556666")
    assert exchange(aws) == NO_PERMISSION


CHAINS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "that does not trust the first": (trust_of(f"arn:aws:iam::{ACCOUNT}:user/admin", "sts:*"), []),
    "that may not be tagged": (trust_of(ROLE), []),
    "that the first may not assume": (trust_of(ROLE, "sts:*"), [allow("ec2:*")]),
    "that the first is denied": (
        trust_of(ROLE, "sts:*"),
        [allow("*"), {**allow("sts:AssumeRole", TARGET), "Effect": "Deny"}],
    ),
}


@pytest.mark.parametrize(("trust", "statements"), CHAINS.values(), ids=CHAINS.keys())
def test_a_target_role_that_denies_is_refused(
    aws: LocalAWS, trust: dict[str, Any], statements: list[dict[str, Any]]
) -> None:
    chained(aws, trust, *statements)
    assert exchange(aws) == NO_PERMISSION


def test_a_policy_limits_the_target_role_and_not_the_way_to_it(aws: LocalAWS) -> None:
    chained(
        aws,
        trust_of(ROLE, "sts:*"),
        disableSessionTags=True,
        policy=policy(allow("s3:*")),
    )
    session = credentials(assume(aws))
    assert aws.client("s3", session).list_buckets()["Buckets"] == []
    assert refused(aws.client("ec2", session).describe_instances)[0] == "UnauthorizedOperation"


def test_the_exchange_needs_the_nodes_permission(aws: LocalAWS) -> None:
    associate(aws)
    stranger = aws.user("stranger")
    call = aws.client("eks-auth", stranger).assume_role_for_pod_identity
    code, status, message = refused(call, clusterName="podrole", token=pod_token(aws))
    assert (code, status) == ("AccessDeniedException", 400)
    assert "eks-auth:AssumeRoleForPodIdentity" in message
    unsigned = aws.http.post(f"{aws.url}/clusters/podrole/assume-role-for-pod-identity", json={"token": "a.b.c"})
    assert unsigned.status_code in (400, 403, 404, 405)
    assert "credentials" not in unsigned.text


def test_another_region_does_not_have_the_cluster(aws: LocalAWS) -> None:
    associate(aws)
    import boto3

    from support.aws import ADMIN_KEY, ADMIN_SECRET

    far = boto3.client(
        "eks-auth",
        endpoint_url=aws.url,
        region_name="eu-west-1",
        aws_access_key_id=ADMIN_KEY,
        aws_secret_access_key=ADMIN_SECRET,
    )
    found = refused(far.assume_role_for_pod_identity, clusterName="podrole", token=pod_token(aws))
    far.close()
    assert found[:2] == ("ResourceNotFoundException", 404)
