"""The cluster's user for a token of ``aws eks get-token``, by the rules of EKS access entries.

EKS accepts the principals that have an access entry
(https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html). The embedded cluster has only the entry that EKS
creates by itself: that of the cluster's creator, the account's first administrator, who may do everything.
"""

from __future__ import annotations

from podrole.aws.endpoint import Endpoint
from podrole.cluster.core.users import MASTERS, User


def aws_user(endpoint: Endpoint, token: str) -> User | None:
    """Return the user of a token, None if the token is invalid or its principal has no access entry.

    An access entry is for one user, not for a name: a deleted and re-created user has none.
    """
    identity = endpoint.cluster_identity(token)
    if identity is None or identity.id != endpoint.administrator_id:
        return None
    return User(
        identity.caller_arn,
        uid=f"aws-iam-authenticator:{identity.account}:{identity.id}",
        # EKS gives its creator the policy AmazonEKSClusterAdminPolicy; here Kubernetes' own group has the same rights.
        groups=(MASTERS,),
        extra={
            "accessKeyId": (identity.access_key_id,),
            "arn": (identity.caller_arn,),
            "canonicalArn": (identity.arn,),
            "principalId": (identity.id,),
            "sessionName": (identity.session,),
        },
    )
