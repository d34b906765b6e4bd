"""What is in a world: what it found of its earlier runs, and whether its owner has put anything into it."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.account.iam.records import ManagedPolicyRecord, RoleRecord, UserRecord
from podrole.account.store import AccountStore
from podrole.aws.interfaces import RestoredServices
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Object, Store
from podrole.cluster.kinds.registry import RESOURCES

_OWN_MANAGERS = frozenset({"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "podrole"})
"""The field managers of the parts of a world: who else manages a field of an object made it or changed it."""
_NOT_CONTENT = frozenset({"events", "events.events.k8s.io", "leases.coordination.k8s.io"})


class Content:
    """The records and objects of a world."""

    def __init__(self, account: AccountStore, cluster: Store) -> None:
        self._account = account
        self._cluster = cluster
        self._first: frozenset[tuple[object, ...]] = frozenset()

    def restored(self) -> str:
        """Return what it holds in one sentence, empty if nothing. To be called before anything is put into it."""
        records = [record for _, state in self._account.scopes() for record in state.all()]
        if not records:
            return ""
        named = (
            (RoleRecord, "role", "roles"),
            (UserRecord, "user", "users"),
            (ManagedPolicyRecord, "policy", "policies"),
        )
        parts = [_counted(sum(isinstance(record, kind) for record in records), *names) for kind, *names in named]
        objects = sum(len(self._cluster.list(resource)) for resource in RESOURCES)
        return f"Restored: {', '.join([*parts, _counted(objects, 'Kubernetes object', 'Kubernetes objects')])}"

    def begin(self) -> None:
        """Take what the account holds now for what it begins with."""
        self._first = frozenset(self._records())

    def has_changed(self) -> bool:
        """Say whether the account is not as it began, or the cluster has an object that is not of the world's parts."""
        return self._first != frozenset(self._records()) or any(_is_foreign(*pair) for pair in self._objects())

    def _records(self) -> Iterator[tuple[object, ...]]:
        for scope, state in self._account.scopes():
            for record in state.all():
                yield scope, record.table, record.id

    def _objects(self) -> Iterator[tuple[Resource, Object]]:
        for resource in RESOURCES:
            if resource.qualified not in _NOT_CONTENT:
                for obj in self._cluster.list(resource):
                    yield resource, obj


def services_sentence(services: RestoredServices, now: float) -> str:
    """Return what became of the other services' state, to follow the sentence of the rest."""
    sentence = ""
    if services.taken_at is not None and services.services:
        age = _age(now - services.taken_at)
        sentence = f", {', '.join(services.services)} as of {age} ago"
    sentence += "."
    if services.left_out:
        reasons = [f"{name} ({why})" for name, why in services.left_out.items()]
        sentence += f" Not restored: {', '.join(reasons)}."
    if services.refused is not None:
        kept = f" It is kept as {services.set_aside}." if services.set_aside is not None else ""
        sentence += f" Not restored: the state of the other services. {services.refused}{kept}"
    return sentence


def _age(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"


def _is_foreign(resource: Resource, obj: Object) -> bool:
    metadata = obj["metadata"]
    managers = {entry.get("manager") for entry in metadata.get("managedFields", ())}
    if not managers:  # it has no fields but its name, as most service accounts
        return (resource.qualified, metadata["name"]) != ("serviceaccounts", "default")
    return not managers <= _OWN_MANAGERS


def _counted(number: int, singular: str, many: str) -> str:
    return f"{number:,} {singular if number == 1 else many}"
