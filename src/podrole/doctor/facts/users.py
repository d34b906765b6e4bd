"""The service accounts that are bound to a role: they keep it when its trust policy changes."""

from __future__ import annotations

from podrole.doctor.facts.binding import BindingRules, annotations_of
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.cluster import Cluster
from podrole.iam.directory import Role


async def read_users(role: Role, cluster: Cluster, rules: BindingRules) -> frozenset[str]:
    """Return the subjects of all service accounts that are bound to a role. Raises SourceError."""
    users = set()
    for item in await cluster.list("serviceaccounts"):
        metadata = item["metadata"]
        target = DoctorTarget(str(metadata.get("namespace", "")), str(metadata["name"]))
        identity = rules.resolve(target, annotations_of(item))
        if identity is not None and identity.role_arn == role.arn:
            users.add(target.subject)
    return frozenset(users)
