"""The role of the cluster's node, as which the EKS Pod Identity agent asks EKS Auth for a pod's credentials.

An ordinary role with the policy of EKS's worker nodes. The node gets its credentials as from an instance profile:
without a call to AWS, and as long as the role exists.
"""

from __future__ import annotations

from podrole.account.identities import IdentityDirectory
from podrole.account.opening import NodeRole
from podrole.sts.credentials import Credentials, Vault
from podrole.sts.session import Session, SessionKind

NODE = NodeRole(
    name="podrole-node",
    service="ec2.amazonaws.com",
    policies=("AmazonEKSWorkerNodePolicy",),
    description="The embedded cluster's node",
)
SESSION_SECONDS = 6 * 3_600
_INSTANCE = "i-0podrole"


def node_credentials(
    directory: IdentityDirectory, vault: Vault, account: str, partition: str, now: float
) -> Credentials | None:
    """Return new credentials of the node's role; None if the role has been deleted. ``now`` is epoch seconds."""
    role = directory.role(f"arn:{partition}:iam::{account}:role/{NODE.name}")
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
