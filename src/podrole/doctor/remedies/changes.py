"""What repairs a fault: changes to the objects of a cluster and of an account.

A change says what must be different. ``podrole.doctor.remedies.commands`` turns it into commands of kubectl and aws,
``podrole.doctor.files.edits`` into edits of the files that hold the objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.doctor.sources.cluster import Object, Workload

Operation = Mapping[str, Any]
"""One operation of a JSON Patch (RFC 6902)."""


def json_pointer(*steps: str | int) -> str:
    """Return the JSON Pointer (RFC 6901) that leads through an object by these keys and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


@dataclass(frozen=True, slots=True)
class Annotate:
    """Set annotations of an object; a value of None removes one."""

    kind: str
    namespace: str
    name: str
    annotations: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Label:
    """Set labels of an object; a value of None removes one."""

    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class SetEnvironment:
    """Set variables of a workload's container; a value of None removes one. This replaces the pods."""

    workload: Workload
    container: str
    variables: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class PatchPods:
    """Change a workload's pods: JSON Patch operations with paths from the pod's root. This replaces the pods."""

    workload: Workload
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Create a workload's pods again. ``operations`` first remove the injected parts of a pod without a controller."""

    workload: Workload
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchObject:
    """Change an object: JSON Patch operations."""

    kind: str
    namespace: str
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """Create an object, or change it to this manifest."""

    manifest: Object


@dataclass(frozen=True, slots=True)
class SetTrustPolicy:
    """Replace a role's trust policy."""

    role_arn: str
    document: str


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Create a role. ``path`` begins and ends with a slash."""

    name: str
    path: str
    trust_policy: str


@dataclass(frozen=True, slots=True)
class CreateProvider:
    """Create an OpenID Connect provider; ``thumbprints`` only if no public authority signed its certificate."""

    issuer: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddClientID:
    """Make a provider accept one more audience."""

    provider_arn: str
    client_id: str


@dataclass(frozen=True, slots=True)
class SetThumbprints:
    """Replace a provider's thumbprints."""

    provider_arn: str
    thumbprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PutRolePolicy:
    """Create or replace an inline policy of a role."""

    role_name: str
    policy_name: str
    document: str


@dataclass(frozen=True, slots=True)
class SetManagedPolicy:
    """Make a document the default version of a customer managed policy."""

    arn: str
    document: str


@dataclass(frozen=True, slots=True)
class PublishDocument:
    """Serve a document at an address of the issuer."""

    url: str
    content: str


@dataclass(frozen=True, slots=True)
class RemoveKey:
    """Remove a key from a ConfigMap or Secret."""

    kind: str
    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Run a pipeline of commands."""

    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ByHand:
    """A step that only a person can do or decide."""

    text: str


Change = (
    Annotate
    | Label
    | SetEnvironment
    | PatchPods
    | Restart
    | PatchObject
    | Apply
    | SetTrustPolicy
    | CreateRole
    | CreateProvider
    | AddClientID
    | SetThumbprints
    | PutRolePolicy
    | SetManagedPolicy
    | PublishDocument
    | RemoveKey
    | Pipeline
    | ByHand
)


@dataclass(frozen=True, slots=True)
class Remedy:
    """``what`` says in one sentence what to do; ``changes`` are the exact steps."""

    what: str
    changes: tuple[Change, ...] = field(default=())

    @property
    def automatic(self) -> bool:
        """Whether the changes need no decision of a person."""
        return bool(self.changes) and not any(isinstance(change, ByHand) for change in self.changes)

    def then(self, *more: Change) -> Remedy:
        """Return this remedy with more changes at its end, without duplicates."""
        return Remedy(self.what, (*self.changes, *(change for change in more if change not in self.changes)))
