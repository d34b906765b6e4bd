"""EC2: launches touch many resources at once, tags name theirs by the form of an id.

Source: AWS, "Actions, resources, and condition keys for Amazon EC2".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from podrole.iam.actions import ssm, tags
from podrole.iam.actions.call import Call, LaunchVolumes, Permission, Resolver, Values, distinct

TYPES_BY_PREFIX = {
    "acl": "network-acl",
    "ami": "image",
    "cgw": "customer-gateway",
    "cr": "capacity-reservation",
    "dopt": "dhcp-options",
    "eigw": "egress-only-internet-gateway",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "fleet": "fleet",
    "h": "dedicated-host",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "lt": "launch-template",
    "nat": "natgateway",
    "pcx": "vpc-peering-connection",
    "pl": "prefix-list",
    "rtb": "route-table",
    "sfr": "spot-fleet-request",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "sir": "spot-instances-request",
    "snap": "snapshot",
    "subnet": "subnet",
    "tgw": "transit-gateway",
    "tgw-attach": "transit-gateway-attachment",
    "tgw-rtb": "transit-gateway-route-table",
    "vgw": "vpn-gateway",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
    "vpce-svc": "vpc-endpoint-service",
    "vpn": "vpn-connection",
}
"""The types of resources by the prefixes of ids, where the two are not the same."""
_MADE_WITH_ID = {"CreateLaunchTemplate": "launch-template", "CreateManagedPrefixList": "prefix-list"}
"""The operations that take a name for what gets an id: the ARN does not contain the name."""
# Types whose ARN has no account: they may be anybody's.
_WITHOUT_ACCOUNT = frozenset({"image", "snapshot"})
_SPOT_REQUEST = "spot-instances-request"
"""Is asked about in a launch only if it is tagged.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-spot-instances"""
_IMAGE_IN_PARAMETER = "resolve:ssm:"
"""An image that a parameter of Systems Manager names.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html"""


def permissions(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what an EC2 call needs; None where the reference says it all."""
    if call.operation == "RunInstances":
        return launch(call, resolver)
    if call.operation in _MADE_WITH_ID:
        kind = _MADE_WITH_ID[call.operation]
        return [Permission(f"ec2:{call.operation}", resource_arn(call, kind, "*"), exists=False)]
    if call.operation in ("CreateTags", "DeleteTags"):
        names = [str(resource_id) for resource_id in call.parameters.get("Resources") or ()]
        return [_by_id(call, f"ec2:{call.operation}", name) for name in names] or [
            Permission(f"ec2:{call.operation}", call.arn("ec2", "*"), partial=True)
        ]
    return None


def resource_arn(call: Call, kind: str, name: str) -> str:
    """Write the ARN of an EC2 resource."""
    return call.arn("ec2", f"{kind}/{name}", account="" if kind in _WITHOUT_ACCOUNT else None)


def _by_id(call: Call, action: str, name: str) -> Permission:
    kind = TYPES_BY_PREFIX.get(name.rpartition("-")[0])
    if kind is None:
        return Permission(action, call.arn("ec2", f"*/{name}"), partial=True)
    return Permission(action, resource_arn(call, kind, name))


def launch_template_arn(call: Call, named: Mapping[str, Any], resolver: Resolver) -> str:
    """Return the ARN of the launch template that a LaunchTemplateSpecification names."""
    name = named.get("LaunchTemplateId") or resolver.arn_of(
        call, "ec2:launch-template", str(named.get("LaunchTemplateName", ""))
    )
    return resource_arn(call, "launch-template", str(name or "*").rpartition("/")[2])


def launch(call: Call, resolver: Resolver, template: Mapping[str, Any] = MappingProxyType({})) -> list[Permission]:
    """Return ec2:RunInstances on everything that the launch uses and makes.

    ``template`` names the launch template whose parameters the call already has.
    """
    parameters = dict(call.parameters)
    needed: list[tuple[str, str, bool]] = []
    if template:
        needed.append(("launch-template", launch_template_arn(call, template, resolver).rpartition("/")[2], True))
    unknown = has_unread_template(call)  # what the template says may be any
    needed.append(("instance", "*", False))
    image = str(parameters.get("ImageId") or "*")
    parameter = image.removeprefix(_IMAGE_IN_PARAMETER) if image.startswith(_IMAGE_IN_PARAMETER) else ""
    unknown = unknown or bool(parameter)
    needed.append(("image", "*" if parameter else image, True))
    interfaces = parameters.get("NetworkInterfaces") or []
    attached = [str(interface["NetworkInterfaceId"]) for interface in interfaces if interface.get("NetworkInterfaceId")]
    needed += [("network-interface", interface_id, True) for interface_id in attached] or [
        ("network-interface", "*", False)
    ]
    needed += [("security-group", group_id, True) for group_id in _groups(call, interfaces, resolver)]
    needed += [("subnet", subnet_id, True) for subnet_id in _subnets(call, interfaces, resolver)]
    needed += [("key-pair", str(parameters["KeyName"]), True)] if parameters.get("KeyName") else []
    group = (parameters.get("Placement") or {}).get("GroupName")
    needed += [("placement-group", str(group), True)] if group else []
    if any(kind == _SPOT_REQUEST and specified for kind, specified in tags.specified_tags(call)):
        needed.append((_SPOT_REQUEST, "*", False))
    for mapping in parameters.get("BlockDeviceMappings") or ():
        snapshot = (mapping.get("Ebs") or {}).get("SnapshotId")
        needed += [("snapshot", str(snapshot), True)] if snapshot else []
    required = [
        Permission(
            "ec2:RunInstances",
            resource_arn(call, kind, name),
            partial=exists and name == "*" and (unknown or kind != "image"),
            exists=exists,
        )
        for kind, name, exists in dict.fromkeys(needed)
    ]
    required[1:1] = _volumes(call, image, resolver)
    if parameter:
        name = parameter.partition(":")[0]
        required.append(Permission("ssm:GetParameters", ssm.parameter_arn(call, name)))
    return required


def has_unread_template(call: Call) -> bool:
    """Say whether a launch takes values from a launch template that is not known."""
    return call.client == "ec2" and call.operation == "RunInstances" and bool(call.parameters.get("LaunchTemplate"))


def _volumes(call: Call, image: str, resolver: Resolver) -> list[Permission]:
    """Return ec2:RunInstances on each volume that the launch makes, the image's root volume among them."""
    known = resolver.launch_volumes(call, image)
    volumes: list[Mapping[str, Any]] = []
    devices: set[str] = set()
    for mapping in call.parameters.get("BlockDeviceMappings") or ():
        device = str(mapping.get("DeviceName", ""))
        devices.add(device)
        if "Ebs" in mapping:
            volumes.append({**mapping["Ebs"], "is_root": not known.root_device or device == known.root_device})
    if not known.root_device or known.root_device not in devices:
        volumes.append({"is_root": True})
    return distinct(
        [
            Permission(
                "ec2:RunInstances",
                resource_arn(call, "volume", "*"),
                keys=_of_volume(call, volume, known),
                exists=False,
            )
            for volume in volumes
        ]
    )


def _of_volume(call: Call, volume: Mapping[str, Any], known: LaunchVolumes) -> dict[str, Values]:
    """Return the keys about a new volume. A volume of a snapshot has the encryption of the snapshot, if it asks for
    none; the root volume is one, of the image's."""
    keys = {key: str(volume[name]) for key, name in _OF_VOLUMES.items() if volume.get(name) not in (None, "")}
    snapshot = volume.get("SnapshotId")
    if snapshot:
        keys["ec2:ParentSnapshot"] = resource_arn(call, "snapshot", str(snapshot))
    if known.encrypted or volume.get("Encrypted") is True:
        keys["ec2:Encrypted"] = "true"
    elif not snapshot and not volume["is_root"]:
        keys["ec2:Encrypted"] = "false"
    return dict(keys)


_OF_VOLUMES = {
    "ec2:VolumeIops": "Iops",
    "ec2:VolumeSize": "VolumeSize",
    "ec2:VolumeThroughput": "Throughput",
    "ec2:VolumeType": "VolumeType",
}


def _groups(call: Call, interfaces: list[Mapping[str, Any]], resolver: Resolver) -> Iterator[str]:
    groups = [*(call.parameters.get("SecurityGroupIds") or ())]
    groups += [group for interface in interfaces for group in interface.get("Groups") or ()]
    for name in call.parameters.get("SecurityGroups") or ():
        groups.append((resolver.arn_of(call, "ec2:security-group", str(name)) or "*").rpartition("/")[2])
    yield from map(str, groups or ["*"])


def _subnets(call: Call, interfaces: list[Mapping[str, Any]], resolver: Resolver) -> Iterator[str]:
    subnets = [call.parameters.get("SubnetId"), *(interface.get("SubnetId") for interface in interfaces)]
    named = [str(subnet) for subnet in subnets if subnet]
    if not named:
        default = resolver.arn_of(call, "ec2:subnet", "")
        named = [default.rpartition("/")[2]] if default else ["*"]
    yield from named


def tags_on_create(call: Call, action: str) -> list[Permission]:
    """Return ec2:CreateTags on each type of resource that is to be tagged as it is made."""
    return [
        Permission(
            action, resource_arn(call, kind or "*", "*"), keys={"ec2:CreateAction": call.operation}, exists=False
        )
        for kind, specified in tags.specified_tags(call)
        if specified
    ]
