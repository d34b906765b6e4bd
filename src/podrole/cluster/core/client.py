"""The Kubernetes API as the controllers and the node use it: the same verbs as over HTTP, without the HTTP.

Every call goes through defaults, admission, validation and the store, as the user named at construction. Objects are
plain dicts in wire form; callers may change what they get.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Object = dict[str, Any]
"""A Kubernetes object in wire form."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change. The first events of a watch are ADDED, one for each object that was already there."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


class ClusterClient(Protocol):
    """``resource`` is a plural with its group, as kubectl prints it: ``pods``, ``deployments.apps``.

    Every method raises ``podrole.cluster.core.errors.StatusError`` with the Status that an HTTP client would get.
    """

    async def get(self, resource: str, namespace: str | None, name: str) -> Object:
        """Return an object."""
        ...

    async def list(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> list[Object]:
        """Return the objects that the selectors select, in order."""
        ...

    def watch(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """Yield the existing objects, then every change, until closed. It never ends by itself and misses no event."""
        ...

    async def create(self, resource: str, namespace: str | None, body: Object) -> Object:
        """Create an object and return it."""
        ...

    async def update(
        self, resource: str, namespace: str | None, name: str, body: Object, *, subresource: str = ""
    ) -> Object:
        """Replace; a ``metadata.resourceVersion`` in ``body`` is a precondition (409 Conflict)."""
        ...

    async def merge_patch(
        self, resource: str, namespace: str | None, name: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> Object:
        """Apply a JSON merge patch (RFC 7396) and return the object."""
        ...

    async def delete(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        *,
        grace_seconds: int | None = None,
        uid: str | None = None,
    ) -> None:
        """Delete, or mark as being deleted (finalizers, a pod's grace). ``uid`` is a precondition (409 Conflict)."""
        ...

    async def create_token(self, namespace: str, service_account: str, spec: Mapping[str, Any]) -> Object:
        """Ask for a service-account token; ``spec`` and the answer's ``status`` are TokenRequest's (v1)."""
        ...
