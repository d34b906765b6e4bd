"""What a set-up may do: the AWS operations and the requests to Kubernetes that planning and applying make.

``docs/setup.md`` shows both as what an administrator copies: an IAM policy and a ClusterRole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

READ_OPERATIONS = (
    "eks:DescribeAddon",
    "eks:DescribeCluster",
    "eks:DescribePodIdentityAssociation",
    "eks:ListPodIdentityAssociations",
    "iam:GetOpenIDConnectProvider",
    "iam:GetPolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:ListRoles",
)
"""The operations that a plan needs, as actions. ``sts:GetCallerIdentity`` is called too; it needs no permission."""

WRITE_OPERATIONS = (
    "eks:CreatePodIdentityAssociation",
    "eks:DeletePodIdentityAssociation",
    "eks:TagResource",
    "eks:UpdatePodIdentityAssociation",
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:AttachRolePolicy",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagOpenIDConnectProvider",
    "iam:TagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateOpenIDConnectProviderThumbprint",
)
"""The operations that applying a plan needs in addition. No other operation changes anything."""

Rule = Mapping[str, Sequence[str]]

READ_RULES: tuple[Rule, ...] = (
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"nonResourceURLs": ["/.well-known/openid-configuration"], "verbs": ["get"]},
)
"""The RBAC rules that a plan needs."""

WRITE_RULES: tuple[Rule, ...] = (
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["create", "patch", "delete"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]},
)
"""The RBAC rules that applying a plan needs in addition. Nothing else is changed."""


def iam_policy() -> dict[str, Any]:
    """Return the IAM policy with which every plan can be made and applied.

    EKS is handed roles, which needs ``iam:PassRole``; the condition lets it be handed to nobody else.
    """
    statements = [
        {"Sid": "PodroleSetupReads", "Effect": "Allow", "Action": list(READ_OPERATIONS), "Resource": "*"},
        {"Sid": "PodroleSetupWrites", "Effect": "Allow", "Action": list(WRITE_OPERATIONS), "Resource": "*"},
        {
            "Sid": "PodroleSetupPassesRoles",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "pods.eks.amazonaws.com"}},
        },
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def cluster_role() -> dict[str, Any]:
    """Return the ClusterRole with which every plan can be made and applied."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "podrole-setup"},
        "rules": [*READ_RULES, *WRITE_RULES],
    }


def allows_write(verb: str, resource: str) -> bool:
    """Say whether ``WRITE_RULES`` contain a verb on a resource."""
    return any(resource in rule["resources"] and verb in rule["verbs"] for rule in WRITE_RULES)
