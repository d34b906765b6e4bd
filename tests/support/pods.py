"""What tests of EKS Pod Identity need: roles that EKS may assume, associations, tokens of pods."""

from __future__ import annotations

from typing import Any

from podrole.oidc.issuer import mint
from support.aws import ACCOUNT, LocalAWS, allow
from support.issuer import ISSUER

AUDIENCE = "pods.eks.amazonaws.com"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pods"
CLUSTER_ARN = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/podrole"
POD_UID = "11111111-2222-3333-4444-555555555555"


def trust_of_pods(action: Any = ("sts:AssumeRole", "sts:TagSession"), **more: Any) -> dict[str, Any]:
    """The trust statement that EKS Pod Identity asks for."""
    actions = list(action) if isinstance(action, tuple) else action
    return {"Effect": "Allow", "Principal": {"Service": AUDIENCE}, "Action": actions, **more}


def pod_claims(aws: LocalAWS, **changed: Any) -> dict[str, Any]:
    """The claims of a pod's projected token; a claim of None is left out."""
    now = int(aws.now())
    good = {
        "aud": [AUDIENCE],
        "exp": now + 3_600,
        "iat": now,
        "iss": ISSUER,
        "jti": "a-token",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node", "uid": "n"},
            "pod": {"name": "inventory-0", "uid": POD_UID},
            "serviceaccount": {"name": "inventory", "uid": "s"},
        },
        "nbf": now,
        "sub": "system:serviceaccount:shop:inventory",
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def pod_token(aws: LocalAWS, **changed: Any) -> str:
    return mint(pod_claims(aws, **changed), aws.issuer.keys[-1])


def associate(aws: LocalAWS, *statements: dict[str, Any], trust: Any = None, **more: Any) -> dict[str, Any]:
    """Make a role for the pods of shop/inventory and associate it."""
    aws.role("pods", trust or trust_of_pods(), *(statements or (allow("ec2:Describe*"),)))
    return create(aws, **more)


def create(aws: LocalAWS, **changed: Any) -> dict[str, Any]:
    arguments = {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "inventory", "roleArn": ROLE}
    answer = aws.client("eks").create_pod_identity_association(**{**arguments, **changed})
    return dict(answer["association"])


def assume(aws: LocalAWS, token: str | None = None, cluster: str = "podrole") -> dict[str, Any]:
    """Exchange a token as the administrator, who has the permissions of a node."""
    call = aws.client("eks-auth", parameter_validation=False).assume_role_for_pod_identity
    return dict(call(clusterName=cluster, token=pod_token(aws) if token is None else token))


def credentials(answer: dict[str, Any]) -> dict[str, str]:
    session = answer["credentials"]
    return {
        "AccessKeyId": session["accessKeyId"],
        "SecretAccessKey": session["secretAccessKey"],
        "SessionToken": session["sessionToken"],
    }
