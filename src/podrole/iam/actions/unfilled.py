"""The condition keys whose value podrole does not know: those that the reference lists for an action on a resource,
and that nothing fills.

A key is filled by code (podrole.iam.actions.service_keys), by a parameter that has its name or that a table names, or
by the facts about the resource. Global keys (``aws:``) are all filled or truly absent: podrole.aws.global_keys.
"""

from __future__ import annotations

from collections.abc import Container

from podrole.base.short_texts import cached_for_short_texts
from podrole.iam.actions import tags
from podrole.iam.actions.arns import plain
from podrole.iam.actions.call import Call, Permission, Resolver
from podrole.iam.actions.ec2 import has_unread_template
from podrole.iam.actions.key_tables import CHOSEN, FILLED, PARAMETERS
from podrole.iam.actions.reference import service
from podrole.iam.actions.service_keys import is_absent
from podrole.iam.unknown import UnknownKeys

RESOURCE_TAG = "resourcetag/"
LONGEST_ARN = 2_048
"""Characters. What is known of a longer ARN, which no service gives, is not kept: a caller could fill the memory."""


class UnfilledKeys(Container[str]):
    """The unknown keys of one permission; worked out when a policy asks about a key that the request does not have.

    ``undetermined`` are those that the code which fills them found to be unknown for this request.
    """

    __slots__ = ("_call", "_permission", "_resolver", "_undetermined")

    def __init__(self, call: Call, permission: Permission, resolver: Resolver, undetermined: UnknownKeys) -> None:
        self._call = call
        self._permission = permission
        self._resolver = resolver
        self._undetermined = undetermined

    def __contains__(self, key: object) -> bool:
        """Take the key in lower case."""
        if not isinstance(key, str):
            return False
        if key in self._undetermined and RESOURCE_TAG not in key:
            return True
        prefix, _, name = self._permission.action.partition(":")
        listed = listed_keys(self._permission.resource, prefix, name)
        if listed is None:  # the reference does not know the action
            return key.startswith(f"{prefix.lower()}:")
        listed_name = listed.get(key) or next(
            (candidate for start, candidate in listed.items() if start.endswith("*") and key.startswith(start[:-1])),
            None,
        )
        return listed_name is not None and not self._is_filled(listed_name, key)

    def _is_filled(self, name: str, key: str) -> bool:
        """Say whether a key that is not there is truly absent."""
        call, permission = self._call, self._permission
        if key in self._undetermined:
            return False
        if key.startswith(("aws:requesttag/", "aws:tagkeys")):
            return not tags.has_unread_tags(call)
        if RESOURCE_TAG in key:  # filled, unless they are undetermined
            return True
        prefix = permission.action.partition(":")[0]
        if is_absent(call, name, permission.resource) or key in FILLED.get(prefix, ()):
            return True
        if permission.exists and not permission.partial and key in self._resolver.described(kind_of(permission)):
            return True
        if prefix != call.prefix or name in CHOSEN.get(permission.action, ()) or has_unread_template(call):
            return False  # the parameters are another action's, or the service or a template has the value
        return name in PARAMETERS.get(permission.action, ()) or plain(name.partition(":")[2]) in call.members


@cached_for_short_texts(4096, longest=LONGEST_ARN)
def listed_keys(arn: str, prefix: str, action: str) -> dict[str, str] | None:
    """Return the keys that the reference lists for an action on a resource: by the key in lower case, its spelling.

    A family of keys ends in ``*``. None if the reference does not know the action.
    """
    reference = service(prefix)
    known = reference.action(action) if reference is not None else None
    if known is None:
        return None
    return {_family(name).lower(): name for name in known.keys_for(arn)}


def _family(name: str) -> str:
    """Write ``aws:ResourceTag/${TagKey}`` as ``aws:ResourceTag/*``. The reference has three ways to write it."""
    for mark in ("$", "<"):
        if mark in name:
            return f"{name.partition(mark)[0]}*"
    return f"{name.removesuffix('tag-key')}*" if name.endswith("/tag-key") else name


def kind_of(permission: Permission) -> str:
    """Return the kind of a permission's resource: ``ec2:instance``; empty if it has none."""
    parts = permission.resource.split(":", 5)
    return f"{parts[2]}:{parts[5].partition('/')[0].partition(':')[0]}" if len(parts) == 6 else ""
