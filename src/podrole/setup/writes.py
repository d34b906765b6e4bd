"""The writes of a plan: each is one call that changes one object, with what a person should know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class AccountCall:
    """A call of an AWS operation, in botocore's words: ``iam``, ``create_role``, ``{"RoleName": …}``."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClusterCall:
    """A request to the Kubernetes API. ``verb`` and ``resource`` are RBAC's words.

    ``namespace`` is empty for a namespace. A patch is a merge patch with ``metadata.resourceVersion``; the body of a
    delete is ``{"preconditions": {"uid": …, "resourceVersion": …}}``. Both name the version that was read, so that the
    API refuses them (409) if the object was changed meanwhile.
    """

    verb: str
    resource: str
    namespace: str
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)


class WriteKind(StrEnum):
    """What a write does to its object."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write.

    ``object`` is what it concerns (``role shop-inventory``). ``field`` is what of it is written, empty for all of it;
    ``before`` and ``after`` are the field's values, None where it is not there.
    """

    kind: WriteKind
    object: str
    field: str
    before: str | None
    after: str | None
    call: AccountCall | ClusterCall
