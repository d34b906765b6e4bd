"""The role of the cluster's node: who the EKS Pod Identity agent is when it asks EKS Auth for a pod's credentials.

An ordinary role with the policy that EKS's worker nodes have. Its credentials reach the node as an instance profile's
would: without a call that could be refused, and for as long as the role is there.
"""

from __future__ import annotations

from podrole.account.identities import IdentityDirectory
from podrole.sts.credentials import Credentials, Vault
from podrole.sts.session import Session, SessionKind

NODE_ROLE = "podrole-node"
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy",)
NODE_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)
SESSION_SECONDS = 6 * 3_600
_INSTANCE = "i-0podrole"


def node_credentials(
    directory: IdentityDirectory, vault: Vault, account: str, partition: str, now: float
) -> Credentials | None:
    """Return fresh credentials of the node's role; None where somebody has deleted it."""
    role = directory.role(f"arn:{partition}:iam::{account}:role/{NODE_ROLE}")
    if role is None:
        return None
    session = Session(
        SessionKind.ASSUMED_ROLE,
        role.account,
        role.arn,
        role.id,
        _INSTANCE,
        issued_at=int(now),
        expires_at=int(now) + SESSION_SECONDS,
    )
    return vault.issue(session)
