"""EC2: launches touch many resources at once, tags name theirs by the form of an id.

Source: AWS, "Actions, resources, and condition keys for Amazon EC2".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podrole.iam.actions import tags
from podrole.iam.actions.call import Call, Permission, Resolver

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
# Types whose ARN has no account: they may be anybody's.
_WITHOUT_ACCOUNT = frozenset({"image", "snapshot"})


def permissions(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what an EC2 call needs; None where the reference says it all."""
    if call.operation == "RunInstances":
        return _launch(call, resolver)
    if call.operation in ("CreateTags", "DeleteTags"):
        names = [str(one) for one in call.parameters.get("Resources") or ()]
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


def _launch(call: Call, resolver: Resolver) -> list[Permission]:
    """Return ec2:RunInstances on everything that the launch uses and makes."""
    given = dict(call.parameters)
    template = given.get("LaunchTemplate") or {}
    needed: list[tuple[str, str, bool]] = []
    if template:
        name = template.get("LaunchTemplateId") or resolver.arn_of(
            call, "ec2:launch-template", str(template.get("LaunchTemplateName", ""))
        )
        needed.append(("launch-template", str(name or "*").rpartition("/")[2], True))
    unknown = bool(template)  # what the template says is not read: it may be any
    needed += [("instance", "*", False), ("volume", "*", False)]
    image = given.get("ImageId")
    needed.append(("image", str(image or "*"), True))
    interfaces = given.get("NetworkInterfaces") or []
    attached = [str(one["NetworkInterfaceId"]) for one in interfaces if one.get("NetworkInterfaceId")]
    needed += [("network-interface", one, True) for one in attached] or [("network-interface", "*", False)]
    needed += [("security-group", one, True) for one in _groups(call, interfaces, resolver)]
    needed += [("subnet", one, True) for one in _subnets(call, interfaces, resolver)]
    needed += [("key-pair", str(given["KeyName"]), True)] if given.get("KeyName") else []
    group = (given.get("Placement") or {}).get("GroupName")
    needed += [("placement-group", str(group), True)] if group else []
    for mapping in given.get("BlockDeviceMappings") or ():
        snapshot = (mapping.get("Ebs") or {}).get("SnapshotId")
        needed += [("snapshot", str(snapshot), True)] if snapshot else []
    return [
        Permission(
            "ec2:RunInstances",
            resource_arn(call, kind, name),
            partial=exists and name == "*" and (unknown or kind != "image"),
            exists=exists,
        )
        for kind, name, exists in dict.fromkeys(needed)
    ]


def _groups(call: Call, interfaces: list[Mapping[str, Any]], resolver: Resolver) -> Iterator[str]:
    found = [*(call.parameters.get("SecurityGroupIds") or ())]
    found += [group for one in interfaces for group in one.get("Groups") or ()]
    for name in call.parameters.get("SecurityGroups") or ():
        found.append((resolver.arn_of(call, "ec2:security-group", str(name)) or "*").rpartition("/")[2])
    yield from map(str, found or ["*"])


def _subnets(call: Call, interfaces: list[Mapping[str, Any]], resolver: Resolver) -> Iterator[str]:
    found = [call.parameters.get("SubnetId"), *(one.get("SubnetId") for one in interfaces)]
    named = [str(one) for one in found if one]
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
