"""The account of a world, with the identities that it has from the start.

The administrator is an ordinary IAM user with AdministratorAccess and a generated access key; the embedded cluster's
node has an ordinary role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from podrole.aws.eks.node_role import NODE_POLICIES, NODE_ROLE, NODE_TRUST
from podrole.aws.emulator.managed import ensure_managed_policy
from podrole.aws.emulator.new_entities import give_ids_as_aws_does

ADMINISTRATOR = "admin"
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account of this world. ``create`` and ``forget`` run in moto's thread."""

    id: str
    region: str
    admin_key_id: str
    admin_secret: str = field(repr=False)
    partition: str = "aws"

    def __post_init__(self) -> None:
        """Check the account id. Raises ValueError."""
        if not _ACCOUNT_ID.fullmatch(self.id):
            raise ValueError(f"an account id has 12 digits, unlike {self.id!r}")

    def create(self) -> str:
        """Create the administrator and the cluster's node role, as ``aws iam create-user`` and its siblings would.

        Returns the administrator's unique id.
        """
        from moto.iam.models import iam_backends

        self.forget()
        give_ids_as_aws_does()
        backend = iam_backends[self.id][self.partition]
        administrator = backend.create_user(self.region, ADMINISTRATOR)
        policy = f"arn:{self.partition}:iam::aws:policy/AdministratorAccess"
        ensure_managed_policy(self.id, policy)
        backend.attach_user_policy(policy, ADMINISTRATOR)
        key = backend.create_access_key(ADMINISTRATOR)
        del backend.access_keys[key.access_key_id]
        key.access_key_id, key.secret_access_key = self.admin_key_id, self.admin_secret
        backend.access_keys[key.access_key_id] = key
        node = backend.create_role(NODE_ROLE, NODE_TRUST, "/", None, "The embedded cluster's node", [], "3600")
        for name in NODE_POLICIES:
            arn = f"arn:{self.partition}:iam::aws:policy/{name}"
            ensure_managed_policy(self.id, arn)
            backend.attach_role_policy(arn, node.name)
        return str(administrator.id)

    def forget(self) -> None:
        """Empty every account: moto keeps its state in modules, so one process holds one world."""
        from moto.core.base_backend import BackendDict

        BackendDict.reset()
