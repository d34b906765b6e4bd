"""What is special about EC2: a resource has an id, and some have a name or an address as well.

moto takes a name for an id, and prefers one of the two where a call gives both. So the call is rewritten to the one
that the resource's ARN has, and an id beside the name of another resource is refused
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplateSpecification.html: "You must specify either
the launch template ID or the launch template name in the request, but not both").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from podrole.aws.errors import AWSError
from podrole.aws.protocol.parameters import operation_of
from podrole.aws.services.ebs import uses_of_volumes, write_key_of_copy
from podrole.aws.services.rules import Resolving, ServiceRules


class _Naming(NamedTuple):
    """Two members that name one resource: ``kept`` is the one in the resource's ARN, ``other`` becomes it.

    ``form`` is what ``kept`` looks like.
    """

    kept: str
    other: str
    kind: str
    form: re.Pattern[str]


_LAUNCH_TEMPLATE = _Naming("LaunchTemplateId", "LaunchTemplateName", "ec2:launch-template", re.compile(r"lt-[0-9a-f]+"))
_NAMINGS = (
    _Naming("AllocationId", "PublicIp", "ec2:elastic-ip", re.compile(r"eipalloc-[0-9a-f]+")),
    _Naming("GroupId", "GroupName", "ec2:security-group", re.compile(r"sg-[0-9a-f]+")),
    _Naming("KeyName", "KeyPairId", "ec2:key-pair", re.compile(r".+", re.DOTALL)),
    _LAUNCH_TEMPLATE,
)
_PLACEMENT_GROUPS = frozenset({"ModifyInstancePlacement"})
"""The operations whose GroupId and GroupName name a placement group."""


def _resolve(resolving: Resolving) -> None:
    shape = operation_of(resolving.call).input_shape
    members = frozenset(shape.members) if shape is not None else frozenset()
    if resolving.call.operation in _PLACEMENT_GROUPS:
        return
    for naming in _NAMINGS:
        if naming.kept in members and naming.other in members:
            _resolve_one(resolving, resolving.given, naming)
    if resolving.call.operation == "CopySnapshot":
        write_key_of_copy(resolving)
    for template in _launch_templates(resolving.given):
        _resolve_one(resolving, template, _LAUNCH_TEMPLATE)
    _resolve_group_names(resolving)


def _launch_templates(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the launch templates that are named anywhere in an input."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("LaunchTemplate", "LaunchTemplateSpecification") and isinstance(value, dict):
                yield value
            yield from _launch_templates(value)
    elif isinstance(node, list):
        for value in node:
            yield from _launch_templates(value)


def _resolve_one(resolving: Resolving, part: dict[str, Any], naming: _Naming) -> None:
    kept, other = part.get(naming.kept), part.get(naming.other)
    if kept and naming.form.fullmatch(str(kept)) is None:
        raise AWSError(f"Invalid{naming.kept}.Malformed", 400, f'Invalid id: "{kept}"')
    if not other:
        return
    meant = _meant(resolving, naming.kind, str(other))
    if kept and kept != meant:
        raise AWSError(
            "InvalidParameterCombination",
            400,
            f"The parameter {naming.other} cannot be used with the parameter {naming.kept}",
            why=f"{naming.other} {other} is {meant or 'unknown'}, and {naming.kept} is {kept}.",
        )
    if meant is not None:
        part[naming.kept] = meant
        del part[naming.other]


def _resolve_group_names(resolving: Resolving) -> None:
    """Replace names of security groups by ids, in calls that launch instances."""
    names = resolving.given.get("SecurityGroups")
    if resolving.call.operation != "RunInstances" or not names:
        return
    ids = [_meant(resolving, "ec2:security-group", str(name)) for name in names]
    if None in ids:
        missing = names[ids.index(None)]
        raise AWSError("InvalidGroup.NotFound", 400, f"The security group '{missing}' does not exist")
    resolving.given["SecurityGroupIds"] = [*(resolving.given.get("SecurityGroupIds") or ()), *ids]
    del resolving.given["SecurityGroups"]


def _meant(resolving: Resolving, kind: str, name: str) -> str | None:
    arn = resolving.facts.arn_of(resolving.asked, kind, name)
    return arn.rpartition("/")[2] if arn is not None else None


RULES = ServiceRules("ec2", resolve=_resolve, also_needs=uses_of_volumes)
"""EC2 has no resource policies."""
