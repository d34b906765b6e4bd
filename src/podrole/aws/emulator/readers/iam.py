"""IAM's entities: their ARNs by name, their tags and boundaries. These reads are safe in any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.identity_store import user_tags
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader
from podrole.iam.actions.call import Call, Keys


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    """Return a role, which holds its trust policy."""
    stored = backend("iam", arn.account, arn.partition)
    roles = list(stored.roles.values()) if stored is not None and arn.resource.startswith("role/") else []
    role = next((one for one in roles if one.arn == arn.text), None)
    if role is None:
        return None
    return PolicyHolder(arn.account, f"role {role.name}", role.assume_role_policy_document, role)


def _by_name(collection: str, *, attribute: str = "name") -> Callable[[Call, str], str | None]:
    def find(call: Call, name: str) -> str | None:
        stored = backend("iam", call.account, call.partition)
        entities = list(getattr(stored, collection, {}).values())
        return next((str(one.arn) for one in entities if getattr(one, attribute) == name), None)

    return find


def _profile_role(call: Call, name: str) -> str | None:
    stored = backend("iam", call.account, call.partition)
    profiles = list(stored.instance_profiles.values()) if stored is not None else []
    profile = next((one for one in profiles if name in (one.name, one.arn)), None)
    role = profile.role if profile is not None else None
    return str(role.arn) if role else None


def _tags(arn: ARNParts, _: Call) -> Mapping[str, str]:
    if arn.resource.startswith("user/"):
        user = _entity(arn)
        return {} if user is None else user_tags(user)
    tags = getattr(_entity(arn), "tags", None)
    if isinstance(tags, dict):
        pairs = list(tags.items())
        return {str(key): str(value["Value"] if isinstance(value, dict) else value) for key, value in pairs}
    return {tag["Key"]: tag["Value"] for tag in list(tags or [])}


def _facts(arn: ARNParts, _: Call) -> Keys:
    boundary = getattr(_entity(arn), "permissions_boundary_arn", None)
    return {"iam:PermissionsBoundary": str(boundary)} if boundary else {}


def _entity(arn: ARNParts) -> Any | None:
    stored = backend("iam", arn.account, arn.partition)
    if stored is None:
        return None
    kind, _, name = arn.resource.partition("/")
    if kind == "policy":
        return stored.managed_policies.get(arn.text)
    entities = {"role": stored.roles, "user": stored.users, "instance-profile": stored.instance_profiles}.get(kind, {})
    return next((one for one in list(entities.values()) if one.name == name.rpartition("/")[2]), None)


READER = Reader(
    policy_holder=_policy_holder,
    arns={
        "iam:group": _by_name("groups"),
        "iam:instance-profile": _by_name("instance_profiles"),
        "iam:instance-profile-role": _profile_role,
        "iam:policy": _by_name("managed_policies"),
        "iam:role": _by_name("roles"),
        "iam:server-certificate": _by_name("certificates", attribute="cert_name"),
        "iam:user": _by_name("users"),
    },
    tags=_tags,
    facts=_facts,
)
