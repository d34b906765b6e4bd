"""What is in a cluster, as values: the seam between the links and wherever the cluster really is.

A Kubernetes API reached through a kubeconfig, and manifests in files, each give one of these.
"""

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
    """A token that the cluster made for a service account. Whoever holds it is that service account."""

    token: str = field(repr=False)


class Cluster(Protocol):
    """Reads a cluster. Every method raises SourceError where there is no answer: not reachable, not allowed, not in the
    files.

    ``resource`` is a plural with its group, as kubectl prints it: ``pods``, ``deployments.apps``. What ``get`` does not
    find, and says so by returning None, is not there; files, which are never the whole cluster, raise SourceError.
    """

    @property
    def what(self) -> str:
        """The cluster's name for people: where it is, or which files."""
        ...

    async def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return an object; ``namespace`` is empty for one that has none."""
        ...

    async def list(self, resource: str, namespace: str = "") -> list[Object]:
        """Return the objects of a namespace, or of all."""
        ...

    async def discovery_document(self) -> Object:
        """Return the OpenID Provider Metadata that the cluster publishes of itself: its ``issuer`` first of all."""
        ...

    async def keys(self) -> Object:
        """Return the JWK Set by which the cluster itself verifies its tokens."""
        ...

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IssuedToken:
        """Ask the cluster for a token of the service account, good for ten minutes, bound to no pod."""
        ...

    async def admit(self, pod: Object) -> Object:
        """Return what the cluster would make of a new pod; nothing is created. Raises SourceError where it refuses."""
        ...
