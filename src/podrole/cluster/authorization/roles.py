"""The rules that a user has, and through which binding: the RBAC objects in the store, indexed by subject.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.authorization.rules import Rule
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Store
from podrole.cluster.core.users import User
from podrole.cluster.kinds.registry import BY_NAME
from podrole.kube.subjects import parse_subject

Object = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
ROLES, CLUSTER_ROLES = BY_NAME[f"roles.{GROUP}"], BY_NAME[f"clusterroles.{GROUP}"]
ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS = BY_NAME[f"rolebindings.{GROUP}"], BY_NAME[f"clusterrolebindings.{GROUP}"]

_Subject = tuple[str, str, str]


class RoleNotFound(Exception):
    """A binding refers to a missing role; the text names it."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role's rules that a binding grants to one of its subjects."""

    rules: tuple[Rule, ...]
    binding: Object
    subject: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The binding, its role and its subject, as kube-apiserver names them in a decision's reason."""
        metadata, role = self.binding["metadata"], self.binding["roleRef"]
        namespace = metadata.get("namespace", "")
        name = f"{metadata['name']}/{namespace}" if namespace else metadata["name"]
        subject = self.subject["name"]
        if self.subject["kind"] == "ServiceAccount":
            subject = f"{subject}/{self.subject.get('namespace') or namespace}"
        return (
            f"{self.binding['kind']} {_quoted(name)} of {role['kind']} {_quoted(role['name'])} "
            f"to {self.subject['kind']} {_quoted(subject)}"
        )


_Index = Mapping[_Subject, list[tuple[int, Object, Mapping[str, Any]]]]
"""The bindings of one namespace, or the cluster's, by subject; each with its place among them."""


class Roles:
    """Reads RBAC objects. A change of them counts from the next question on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of_cluster: tuple[int | None, _Index] = (None, {})
        # By namespace, until a role binding changes. Only namespaces that have bindings are kept: others are named by
        # clients, in any number.
        self._of_namespaces: tuple[int | None, dict[str, _Index]] = (None, {})

    def grants(self, user: User, namespace: str) -> Iterator[RoleGrant | RoleNotFound]:
        """Yield the grants to ``user``: those of the cluster, then those of ``namespace``, ordered by binding name."""
        scopes = ("", namespace) if namespace else ("",)
        for scope in scopes:
            for binding, subject in self._bindings(user, scope):
                try:
                    yield RoleGrant(self.rules_of(binding["roleRef"], scope), binding, subject)
                except RoleNotFound as problem:
                    yield problem

    def rules_of(self, role: Mapping[str, str], namespace: str) -> tuple[Rule, ...]:
        """Return the rules of a role that a binding in ``namespace`` ('' for none) refers to. Raises RoleNotFound."""
        resource = ROLES if role["kind"] == "Role" else CLUSTER_ROLES
        stored = self._store.get(resource, namespace if resource is ROLES else "", role["name"])
        if stored is None:
            raise RoleNotFound(f"{resource.singular}.{GROUP} {_quoted(role['name'])} not found")
        return tuple(stored.get("rules") or ())

    def _bindings(self, user: User, scope: str) -> list[tuple[Object, Mapping[str, Any]]]:
        bindings: dict[int, tuple[Object, Mapping[str, Any]]] = {}
        index = self._index(scope)
        for key in _keys(user):
            for place, binding, subject in index.get(key, ()):
                bindings.setdefault(place, (binding, subject))
        return [bindings[place] for place in sorted(bindings)]

    def _index(self, scope: str) -> _Index:
        revision = self._store.changed_at(ROLE_BINDINGS if scope else CLUSTER_ROLE_BINDINGS)
        if not scope:
            if self._of_cluster[0] != revision:
                self._of_cluster = (revision, self._indexed(CLUSTER_ROLE_BINDINGS, ""))
            return self._of_cluster[1]
        if self._of_namespaces[0] != revision:
            self._of_namespaces = (revision, {})
        kept = self._of_namespaces[1]
        index = kept.get(scope)
        if index is None:
            index = self._indexed(ROLE_BINDINGS, scope)
            if index:
                kept[scope] = index
        return index

    def _indexed(self, resource: Resource, scope: str) -> _Index:
        index: dict[_Subject, list[tuple[int, Object, Mapping[str, Any]]]] = {}
        for place, binding in enumerate(self._store.list(resource, scope)):
            for subject in binding.get("subjects", ()):
                index.setdefault(_key(subject, scope), []).append((place, binding, subject))
        return index


def _keys(user: User) -> Iterator[_Subject]:
    account = parse_subject(user.name)
    if account is not None:
        yield "ServiceAccount", *account
    yield "User", "", user.name
    for group in user.groups:
        yield "Group", "", group


def _key(subject: Mapping[str, Any], namespace: str) -> _Subject:
    kind = subject["kind"]
    # A role binding may leave out the namespace of an account of its own namespace.
    return kind, (subject.get("namespace") or namespace) if kind == "ServiceAccount" else "", subject["name"]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
