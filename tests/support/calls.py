"""Calls as authorization sees them, and what they need, as texts."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from podrole.aws.protocol.catalogue import services
from podrole.iam.actions.call import Call, Keys, LaunchVolumes, Permission, Resolver
from podrole.iam.actions.operations import permissions
from podrole.iam.actions.reference import prefix_of

ACCOUNT, REGION = "111122223333", "us-east-1"


class Account:
    """A resolver that knows a few things, and ``known``: ARNs by kind and name."""

    def __init__(self, **known: str) -> None:
        self.known = {
            "kms:key alias/shop": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k1",
            "kms:key k2": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k2",
            "iam:role till": f"arn:aws:iam::{ACCOUNT}:role/shop/till",
            "iam:instance-profile-role web": f"arn:aws:iam::{ACCOUNT}:role/web",
            "secretsmanager:secret db": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-a1B2c3",
            "ec2:subnet ": f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/subnet-1",
            **known,
        }

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        return self.known.get(f"{kind} {name}")

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str]:
        return {"team": "blue"} if arn.endswith("tagged") else {}

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        return {}

    def described(self, kind: str) -> Container[str]:
        return frozenset()

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        return LaunchVolumes()

    def partition_key(self, call: Call, table: str) -> str | None:
        return "id"


def call(client: str, operation: str, given: dict[str, Any]) -> Call:
    return Call(client, prefix_of(client, services()[client].signing), operation, given, ACCOUNT, REGION)


def needed(client: str, operation: str, **given: Any) -> list[str]:
    """Return what an operation needs as texts: the action, the resource, and ``?`` where that is partial."""
    return [text_of(one) for one in permissions(call(client, operation, given), Account())]


def text_of(permission: Permission, *, new: bool = False) -> str:
    """Return a permission as a text; with ``new``, ``!`` stands at the end if its resource does not exist yet."""
    text = f"{permission.action} {short(permission.resource)}{'?' if permission.partial else ''}"
    return text + ("!" if new and not permission.exists else "")


def all_of(permission: Permission) -> str:
    """Return a permission as a text with ``!`` for what does not exist yet, its own keys, and those not known."""
    keys = [f" {key}={short(str(value))}" for key, value in permission.keys.items()]
    return text_of(permission, new=True) + "".join(keys) + "".join(f" {key}?" for key in permission.unknown)


def all_needed(client: str, operation: str, given: dict[str, Any], resolver: Resolver | None = None) -> list[str]:
    """Return what an operation needs as texts that say everything of each permission."""
    return [all_of(one) for one in permissions(call(client, operation, given), resolver or Account())]


def short(arn: str) -> str:
    return arn.replace(f"{REGION}:{ACCOUNT}", "HERE").replace(ACCOUNT, "ME")


ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
