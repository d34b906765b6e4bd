"""A world back to what it began with, while it runs: what tests need between them.

What was there at the start stays, with its identifiers: the administrator and the key, the default service accounts,
the webhook's registration.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator, Mapping, Sequence

from podrole.account.records import Record, Scope
from podrole.account.store import AccountStore
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Create, Delete, Object, Store, Update, Write
from podrole.cluster.kinds.custom import CustomKinds
from podrole.cluster.kinds.registry import BY_NAME, RESOURCES

_Key = tuple[str, str, str]
_DEFAULTS = (("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt"))
"""What the controllers make in every namespace."""


class Beginning:
    """The records and objects of a world at one moment, and the way back to them."""

    def __init__(self, account: AccountStore, cluster: Store) -> None:
        """Keep what is there now."""
        self._account = account
        self._cluster = cluster
        self._records: Mapping[Scope, Sequence[Record]] = account.contents()
        # Copied when they are written back: the store numbers the object that it is given.
        self._objects = {_key(resource, obj): (resource, obj) for resource, obj in _all(cluster)}

    async def restore(self) -> None:
        """Undo every change of the records and objects."""
        await self._account.restore(self._records)
        for write in list(self._writes()):
            await self._cluster.commit(write)

    def _writes(self) -> Iterator[Write]:
        present = set()
        for resource, obj in _all(self._cluster):
            key = _key(resource, obj)
            present.add(key)
            if key not in self._objects:
                yield Delete(resource, obj, obj)
            elif (first := self._objects[key][1]) is not obj:
                yield Update(resource, copy.deepcopy(first), obj)
        for key, (resource, obj) in self._objects.items():
            if key not in present:
                yield Create(resource, copy.deepcopy(obj))


def _all(cluster: Store) -> Iterator[tuple[Resource, Object]]:
    for resource in (*RESOURCES, *CustomKinds(cluster).resources()):
        for obj in cluster.list(resource):
            yield resource, obj


def _key(resource: Resource, obj: Object) -> _Key:
    metadata = obj["metadata"]
    return resource.qualified, metadata.get("namespace", ""), metadata["name"]


async def defaults_made(cluster: Store) -> None:
    """Wait until the controllers have made what they make in every namespace."""
    namespaces = cluster.list(BY_NAME["namespaces"])
    while not all(  # noqa: ASYNC110 - at the start only; a watch would say no more
        cluster.get(BY_NAME[resource], namespace["metadata"]["name"], name)
        for namespace in namespaces
        for resource, name in _DEFAULTS
    ):
        await asyncio.sleep(0.005)
