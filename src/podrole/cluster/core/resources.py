"""A resource of the API: its names, its path, the verbs that it takes.

``podrole.cluster.kinds`` lists the resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STORED_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""The verbs of a kind whose objects are kept."""


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object. ``group`` and ``version`` are set if its kind is of another group."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""
    schema: str = ""

    @property
    def api_version(self) -> str:
        """The group and version of its kind."""
        return f"{self.group}/{self.version}" if self.group else self.version or "v1"


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where an object has its wanted and its present number of replicas, and their selector as a text."""

    wanted: tuple[str, ...]
    present: tuple[str, ...]
    selector: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class CustomParts:
    """What the kind of a CustomResourceDefinition brings along: other kinds have it in tables.

    ``struct``: its type. ``definition``: its schema as OpenAPI publishes it. ``kind``: its description.
    ``stored_as``: the group and version in which its objects are stored. ``versions``: the resources of all its served
    versions. ``scale``: set if it has that subresource. ``deprecation``: the warning of a deprecated version.
    ``ending``: its definition is being deleted.
    """

    struct: Any
    definition: Mapping[str, Any]
    stored_as: str = ""
    scale: ScalePaths | None = None
    deprecation: str = ""
    ending: bool = False
    versions: tuple[Resource, ...] = ()
    kind: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A kind of object under its path. There is one instance of each, so they compare by identity.

    ``returns_deleted``: a delete answers with the object, not with a Status.
    ``unconditional_update``: an update may leave out the resourceVersion.
    ``counts_generations``: ``metadata.generation`` is 1 at first and grows with each change of the spec.
    ``custom``: set if a CustomResourceDefinition defines it. ``singular_name``: if it is not that of the kind.
    """

    group: str
    plural: str
    kind: str
    schema: str
    namespaced: bool = True
    version: str = "v1"
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = STORED_VERBS
    subresources: tuple[Subresource, ...] = ()
    returns_deleted: bool = False
    unconditional_update: bool = True
    counts_generations: bool = False
    custom: CustomParts | None = None
    singular_name: str = ""

    @property
    def singular(self) -> str:
        """The singular name."""
        return self.singular_name or self.kind.lower()

    @property
    def api_version(self) -> str:
        """The group and version."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, as kubectl prints it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored(self) -> bool:
        """Whether its objects are stored; reviews are only answered."""
        return "list" in self.verbs

    def subresource(self, name: str) -> Subresource | None:
        """Return a subresource by its name, None if there is none."""
        return next((below for below in self.subresources if below.name == name), None)


def served_form(resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
    """Return a stored object in the version of ``resource``. Versions of a custom kind differ in nothing else."""
    if resource.custom is None or obj["apiVersion"] == resource.api_version:
        return obj
    return {**obj, "apiVersion": resource.api_version}


def stored_form(resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
    """Return an object in the version in which it is stored."""
    if resource.custom is None or obj["apiVersion"] == resource.custom.stored_as:
        return obj
    return {**obj, "apiVersion": resource.custom.stored_as}


_STATUS_VERBS = ("get", "patch", "update")
SCALE = Subresource("scale", "Scale", _STATUS_VERBS, "autoscaling", "v1", "io.k8s.api.autoscaling.v1.Scale")


def status_subresource(kind: str) -> Subresource:
    """Return the subresource under which the status of a kind is written."""
    return Subresource("status", kind, _STATUS_VERBS)
