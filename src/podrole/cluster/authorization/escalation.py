"""Privilege escalation prevention: roles and bindings are checked against the rules of the user who writes them.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.authorization.roles import CLUSTER_ROLES, GROUP, ROLES, RoleNotFound, Roles
from podrole.cluster.authorization.rules import Rule, describe_parts, quoted_list, uncovered_parts
from podrole.cluster.core.errors import resource_forbidden, resource_not_found
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.users import User

Object = dict[str, Any]

_KEPT_FOR_GARBAGE = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")
_BINDABLE = {"RoleBinding": ("Role", "ClusterRole"), "ClusterRoleBinding": ("ClusterRole",)}


class Escalation:
    """Refuses roles and bindings with more rights than their writer has."""

    def __init__(self, authorizer: Authorizer, roles: Roles) -> None:
        self._authorizer = authorizer
        self._roles = roles

    def check(self, resource: Resource, user: User, new: Object, old: Object | None) -> None:
        """Check a role or binding before it is stored; other objects are not checked. Raises StatusError (403, 404)."""
        if resource.group != GROUP:
            return
        if old is not None and _without_garbage(new) == _without_garbage(old):
            return  # a change by the garbage collector
        if resource in (ROLES, CLUSTER_ROLES):
            self._check_role(resource, user, new, old)
        else:
            self._check_binding(resource, user, new)

    def _check_role(self, resource: Resource, user: User, new: Object, old: Object | None) -> None:
        metadata = new["metadata"]
        name, namespace = metadata["name"], metadata.get("namespace", "")
        attributes = AccessAttributes(
            user,
            "escalate",
            group=GROUP,
            version="v1",
            resource=resource.plural,
            namespace=namespace,
            name=name if old is not None else "",
        )
        if self._authorizer.decide(attributes).allowed:
            return
        if "aggregationRule" in new or "aggregationRule" in (old or {}):
            # An aggregated role may get any rule later. Users who have all rules have the verb escalate, too.
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise resource_forbidden(GROUP, resource.plural, name, why)
        self._confirm(resource, user, name, namespace, new.get("rules") or ())

    def _check_binding(self, resource: Resource, user: User, new: Object) -> None:
        metadata, role = new["metadata"], new["roleRef"]
        name, namespace = metadata["name"], metadata.get("namespace", "")
        if role.get("kind") not in _BINDABLE[resource.kind]:
            return  # validation refuses it
        referred = ROLES if role["kind"] == "Role" else CLUSTER_ROLES
        attributes = AccessAttributes(
            user,
            "bind",
            group=role.get("apiGroup", ""),
            version="v1",
            resource=referred.plural,
            namespace=namespace,
            name=role["name"],
        )
        if self._authorizer.decide(attributes).allowed:
            return
        try:
            rules = self._roles.rules_of(role, namespace)
        except RoleNotFound:
            raise resource_not_found(GROUP, referred.plural, role["name"]) from None
        self._confirm(resource, user, name, namespace, rules)

    def _confirm(self, resource: Resource, user: User, name: str, namespace: str, rules: Sequence[Rule]) -> None:
        held = self._authorizer.held(user, namespace)
        lacking = uncovered_parts(held.rules, rules)
        if not lacking:
            return
        parts = "\n".join(describe_parts(lacking))
        why = (
            f"user {json.dumps(user.name)} (groups={quoted_list(user.groups)}) is attempting to grant RBAC permissions "
            f"not currently held:\n{parts}"
        )
        if held.problems:
            why += f"; resolution errors: [{' '.join(held.problems)}]"
        raise resource_forbidden(GROUP, resource.plural, name, why)

    def check_create(self, resource: Resource, user: User, namespace: str, name: str) -> None:
        """Check that the user may create the object that a patch creates. Raises StatusError (403)."""
        self._authorizer.check(
            AccessAttributes(
                user,
                "create",
                group=resource.group,
                version=resource.version,
                resource=resource.plural,
                namespace=namespace,
                name=name,
            )
        )


def _without_garbage(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _KEPT_FOR_GARBAGE}
    return {**obj, "metadata": metadata}
