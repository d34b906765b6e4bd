"""Who the holder of a token of ``aws eks get-token`` is in the cluster, as EKS tells it.

EKS lets in the principals that have an access entry
(https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html). The embedded cluster has the one that EKS makes
by itself: its creator's, the account's first administrator, who may do everything. Everybody else is unknown to it.
"""

from __future__ import annotations

from podrole.aws.endpoint import Endpoint
from podrole.cluster.core.users import MASTERS, User


def aws_user(endpoint: Endpoint, token: str) -> User | None:
    """Return the user whose token it is, None for one that is no good or whose principal has no access entry.

    An access entry holds for one user, not for its name: a user who is deleted and made again is another.
    """
    found = endpoint.cluster_identity(token)
    if found is None or found.id != endpoint.administrator_id:
        return None
    return User(
        found.caller_arn,
        uid=f"aws-iam-authenticator:{found.account}:{found.id}",
        # EKS gives its creator the policy AmazonEKSClusterAdminPolicy; here Kubernetes' own group says the same.
        groups=(MASTERS,),
        extra={
            "accessKeyId": (found.access_key_id,),
            "arn": (found.caller_arn,),
            "canonicalArn": (found.arn,),
            "principalId": (found.id,),
            "sessionName": (found.session,),
        },
    )
