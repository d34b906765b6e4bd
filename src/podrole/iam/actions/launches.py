"""Launches with a launch template: what the template says is authorized as if it stood in the call.

A fleet, a Spot Fleet and an Auto Scaling group launch their instances later, with rights of the service. So AWS checks
the caller when the template is named: ``ec2:RunInstances`` on everything that the launch uses and makes,
``iam:PassRole`` for the role in its instance profile, ``ec2:CreateTags`` for its tags. Each launch is asked about as a
call of RunInstances, which has the parameters of the template and those that the call sets instead.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permissions-for-launch-templates.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html (CreateFleet)
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-fleet-prerequisites.html
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from podrole.iam.actions import ec2
from podrole.iam.actions.call import Call, Permission, Resolver, distinct
from podrole.iam.actions.roles import passed

OPERATIONS = frozenset(
    {
        ("autoscaling", "CreateAutoScalingGroup"),
        ("autoscaling", "StartInstanceRefresh"),
        ("autoscaling", "UpdateAutoScalingGroup"),
        ("ec2", "CreateFleet"),
        ("ec2", "ModifyFleet"),
        ("ec2", "ModifySpotFleetRequest"),
        ("ec2", "RequestSpotFleet"),
    }
)
"""The operations that launch instances later, by client. RunInstances does so now."""
_EXECUTED = {"autoscaling": "$Default", "RequestSpotFleet": "$Latest"}
"""The version that moto launches from, whichever the call names: it is authorized too. By client or operation."""
_NO_OVERRIDE = frozenset({"ClientToken", "DryRun", "LaunchTemplate", "MaxCount", "MinCount", "TagSpecifications"})
_OF_TEMPLATE = "ec2:IsLaunchTemplateResource"


class _Launch(NamedTuple):
    """One launch: the parameters that the call itself gives, and the template that it names, if any."""

    own: Mapping[str, Any]
    template: Mapping[str, Any] | None


def permissions(call: Call, resolver: Resolver) -> list[Permission]:
    """Return what the launches need that a call of OPERATIONS, or of RunInstances, asks for with a launch template."""
    launches: list[_Launch] = []
    for launch in _launches(call):
        if launch not in launches:
            launches.append(launch)
    return [permission for launch in launches for permission in _of_launch(call, launch, resolver)]


def _launches(call: Call) -> Iterator[_Launch]:
    parameters = call.parameters
    if call.client == "autoscaling":
        for group in (parameters, parameters.get("DesiredConfiguration") or {}):
            yield from _of_group(parameters, group)
    elif call.operation == "RunInstances":
        yield _Launch(parameters, parameters["LaunchTemplate"])
    else:
        request = parameters.get("SpotFleetRequestConfig") or parameters
        for config in request.get("LaunchTemplateConfigs") or ():
            for override in config.get("Overrides") or [{}]:
                own = {**override, "TagSpecifications": parameters.get("TagSpecifications")}
                yield from _placed(own, config.get("LaunchTemplateSpecification"))
        for specification in request.get("LaunchSpecifications") or ():
            groups = [
                str(entry["GroupId"]) for entry in specification.get("SecurityGroups") or () if entry.get("GroupId")
            ]
            yield from _placed({**specification, "SecurityGroupIds": groups, "SecurityGroups": []}, None)


def _of_group(parameters: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[_Launch]:
    """Yield the launches of an Auto Scaling group: of its launch template, or of its mixed instances policy's."""
    place = {"SubnetId": parameters.get("VPCZoneIdentifier"), "AvailabilityZone": parameters.get("AvailabilityZones")}
    if group.get("LaunchTemplate"):
        yield from _placed(place, group["LaunchTemplate"])
    mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate")
    if not mixed:
        return
    for override in mixed.get("Overrides") or [{}]:
        named = override.get("LaunchTemplateSpecification") or mixed.get("LaunchTemplateSpecification")
        kept = {name: override.get(name) for name in ("ImageId", "InstanceRequirements", "InstanceType")}
        yield from _placed({**kept, **place}, named)


def _placed(parameters: Mapping[str, Any], template: Mapping[str, Any] | None) -> Iterator[_Launch]:
    """Yield a launch for each subnet and zone. A list of subnets is a text, with commas."""
    own = {name: value for name, value in parameters.items() if value not in (None, "", [], {})}
    subnets = [subnet.strip() for subnet in str(own.pop("SubnetId", "")).split(",")]
    zones = own.pop("AvailabilityZone", None)
    for zone in zones if isinstance(zones, list) else [zones]:
        place = {"Placement": {**own.get("Placement", {}), "AvailabilityZone": zone}} if zone else {}
        for subnet in subnets:
            yield _Launch({**own, **place, **({"SubnetId": subnet} if subnet else {})}, template)


def _of_launch(call: Call, launch: _Launch, resolver: Resolver) -> Iterator[Permission]:
    if not launch.template:
        yield from distinct(list(_needed(_as_run_instances(call, launch.own), {}, (), resolver)))
        return
    executed = _EXECUTED.get(call.client) or _EXECUTED.get(call.operation)
    needed: list[Permission] = []
    for version in (launch.template.get("Version"), *([executed] if executed else ())):
        named = {**launch.template, "Version": version}
        data = resolver.launch_template(call, named)
        asked = _as_run_instances(call, _merged(launch.own, named, data))
        arn = ec2.launch_template_arn(call, launch.template, resolver)
        keys = {"ec2:LaunchTemplate": arn} if data is not None else {}
        tagged = {
            str(specification.get("ResourceType")) for specification in (data or {}).get("TagSpecifications") or ()
        }
        needed += [
            _with_template(permission, launch, keys) for permission in _needed(asked, launch.template, tagged, resolver)
        ]
    yield from distinct(needed)


def _needed(
    asked: Call, template: Mapping[str, Any], tagged: Container[str], resolver: Resolver
) -> Iterator[Permission]:
    """Yield what a call of RunInstances needs, with the role that it passes and the tags of the template, which are for
    the types ``tagged``. The tags of the call itself are asked for with the call."""
    new_tags = ec2.tags_on_create(asked, "ec2:CreateTags")
    needed = [
        *ec2.launch(asked, resolver, template),
        *passed(asked, resolver),
        *(permission for permission in new_tags if permission.resource.rpartition(":")[2].partition("/")[0] in tagged),
    ]
    yield from (permission._replace(call=asked) for permission in needed)


def _as_run_instances(call: Call, parameters: Mapping[str, Any]) -> Call:
    if call.operation == "RunInstances":
        return replace(call, parameters=parameters)
    return replace(
        call, client="ec2", prefix="ec2", operation="RunInstances", parameters=parameters, members=frozenset()
    )


_GROUPS = ("SecurityGroupIds", "SecurityGroups")


def _merged(own: Mapping[str, Any], named: Mapping[str, Any], data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters of a launch: those of the template, unless the call has its own.

    A template that is not known stays among them: all that it could say is then unknown.
    """
    if data is None:
        return {**own, "LaunchTemplate": named}
    replaced = _GROUPS if any(own.get(name) for name in _GROUPS) else ()
    merged = {**{name: value for name, value in data.items() if name not in replaced}, **own}
    merged.pop("LaunchTemplate", None)
    merged["TagSpecifications"] = [*(data.get("TagSpecifications") or ()), *(own.get("TagSpecifications") or ())]
    return merged


def _with_template(permission: Permission, launch: _Launch, keys: Mapping[str, str]) -> Permission:
    """Add the keys about the template. A resource that the call names is not the template's.

    What is made is the template's unless the call sets any parameter itself: then it is not known, because AWS does not
    document which parameter counts for which resource.
    """
    if not keys or permission.action != "ec2:RunInstances":
        return permission
    of_template = "true"
    own = {name: value for name, value in launch.own.items() if name not in _NO_OVERRIDE}
    if own:
        name = permission.resource.rpartition("/")[2]
        if not permission.exists:
            unknown = (*permission.unknown, _OF_TEMPLATE)
            return permission._replace(keys={**permission.keys, **keys}, unknown=unknown)
        of_template = "false" if name in _texts(own) else "true"
    return permission._replace(keys={**permission.keys, **keys, _OF_TEMPLATE: of_template})


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield value
