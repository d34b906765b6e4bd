"""The seam to a cluster: a Kubernetes API reached by a kubeconfig, or manifests in files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

Object = dict[str, Any]
"""A Kubernetes object in wire form."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a pod comes from: a controller with a template, or the pod itself."""

    kind: str
    namespace: str
    name: str

    @property
    def template(self) -> tuple[str, ...]:
        """The path to the pod's metadata and spec in it; empty for a pod."""
        if self.kind == "Pod":
            return ()
        if self.kind == "CronJob":
            return ("spec", "jobTemplate", "spec", "template")
        return ("spec", "template")

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that the cluster issued for a service account. Anyone who has it can act as that service account."""

    token: str = field(repr=False)


class Cluster(Protocol):
    """Reads a cluster. Every method raises SourceError if it cannot answer: not reachable, not allowed, not in files.

    ``resource`` is a plural with its group, as kubectl prints it: ``pods``, ``deployments.apps``. If ``get`` returns
    None, the object does not exist; files, which are never the whole cluster, raise SourceError instead.
    """

    @property
    def what(self) -> str:
        """The cluster's name, as it is shown."""
        ...

    async def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return an object, None if it does not exist. ``namespace`` is empty for an object without a namespace."""
        ...

    async def list(self, resource: str, namespace: str = "") -> list[Object]:
        """Return the objects of one namespace, or of all namespaces."""
        ...

    async def discovery_document(self) -> Object:
        """Return the OpenID Provider Metadata that the cluster serves: above all its ``issuer``."""
        ...

    async def keys(self) -> Object:
        """Return the JWK Set with which the cluster verifies its tokens."""
        ...

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IssuedToken:
        """Request a token of the service account, valid for ten minutes and not bound to a pod."""
        ...

    async def admit(self, pod: Object) -> Object:
        """Return a new pod as the cluster would admit it; nothing is created. Raises SourceError if it is rejected."""
        ...
