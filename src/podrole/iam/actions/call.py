"""A call as authorization sees it, what it needs, and who knows the account's state."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import msgspec

from podrole.iam.request import NO_RESOURCE

Values = str | list[str]
Keys = Mapping[str, Values]


class Call(msgspec.Struct, frozen=True):
    """One operation with its input.

    ``client`` is botocore's name of the service, ``prefix`` the one of its actions. ``parameters`` is the input with
    member names as in botocore's model. ``account`` is the caller's, ``region`` the one that the request went to.
    ``method`` and ``path`` are of the operation's HTTP binding, the path with its labels filled in; API Gateway's
    permissions are made of them. ``user_arn`` is the caller where it is an IAM user. ``tls`` says whether the request
    came over TLS. ``members`` are the parameters that the operation has, by their plain names
    (:func:`podrole.iam.actions.arns.plain`), without those that no condition key can hold: structures and maps.
    """

    client: str
    prefix: str
    operation: str
    parameters: Mapping[str, Any]
    account: str
    region: str
    partition: str = "aws"
    method: str = "POST"
    path: str = "/"
    user_arn: str = ""
    tls: bool = False
    members: Container[str] = frozenset()

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        """Write an ARN of the caller's place, unless another is given."""
        region = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{region}:{self.account if account is None else account}:{resource}"


class Permission(NamedTuple):
    """One thing that a call needs: an action on a resource.

    ``resource`` is an ARN, or ``*`` where the action has none. ``partial`` says that the resource could not be told:
    see :class:`podrole.iam.request.Request`. ``keys`` are condition keys of this permission alone. ``exists`` is false
    for what the call is about to make: it has no tags and no policy yet. ``unknown`` are condition keys whose value is
    not known (:class:`podrole.iam.unknown.UnknownKeys`). ``version`` is the version of an S3 object, where the call's
    VersionId does not name it. ``call`` is the call that the condition keys are of, where that is one which the service
    makes for the caller.
    """

    action: str
    resource: str = NO_RESOURCE
    partial: bool = False
    keys: Keys = MappingProxyType({})
    exists: bool = True
    unknown: tuple[str, ...] = ()
    version: str = ""
    call: Call | None = None


class LaunchVolumes(NamedTuple):
    """What is known of the volumes of a launch: the name of the image's root device, empty if it is not known,
    whether the account encrypts every new volume, and the key of those that name none, empty for AWS's own."""

    root_device: str = ""
    encrypted: bool = False
    key: str = ""


class Resolver(Protocol):
    """Knows what stands in the account. Every answer is of this moment; a thing that is not there has none."""

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        """Return the ARN of what ``kind`` (``iam:role``, ``secretsmanager:secret``, ``kms:key`` …) and name mean, where
        the name alone does not give it."""
        ...

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str] | None:
        """Return the tags of a resource; None if they are not known."""
        ...

    def described(self, kind: str) -> Container[str]:
        """Return the condition keys, in lower case, that ``facts_of`` fills for a kind of resource."""
        ...

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        """Return condition keys that describe a resource as it is now (``ec2:InstanceType``,
        ``iam:PermissionsBoundary``)."""
        ...

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what a launch template says, in the version that a LaunchTemplateSpecification means. None if it is
        not known."""
        ...

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        """Return what is known of the volumes that a launch of an image makes."""
        ...

    def partition_key(self, call: Call, table: str) -> str | None:
        """Return the name of the partition key of a DynamoDB table or index; None if it is not known."""
        ...


def distinct(needed: list[Permission]) -> list[Permission]:
    """Leave out what is there already."""
    if len(needed) < 2:
        return needed
    kept: list[Permission] = []
    for permission in needed:
        if permission not in kept:
            kept.append(permission)
    return kept


def find(parameters: Any, path: Sequence[str]) -> list[Any]:
    """Return the values at a path; ``name[]`` goes through a list, ``name{}`` through the values of a map. What is not
    there gives nothing."""
    if not path:
        return [parameters] if parameters not in (None, "") else []
    if not isinstance(parameters, Mapping):
        return []
    name, rest = path[0], path[1:]
    plain = name.partition("[")[0].partition("{")[0]
    values = [parameters.get(plain)]
    for marker in re.findall(r"\[\]|\{\}", name):
        values = [value for entry in values for value in _inside(entry, marker)]
    if "[]" not in name:
        values = [value for entry in values for value in (entry if isinstance(entry, list) else [entry])]
    return [value for entry in values for value in find(entry, rest)]


def _inside(value: Any, marker: str) -> Iterable[Any]:
    if marker == "[]":
        return value if isinstance(value, list) else [value]
    return value.values() if isinstance(value, Mapping) else ()
