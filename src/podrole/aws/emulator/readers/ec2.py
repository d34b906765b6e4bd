"""EC2's instances, subnets, security groups and launch templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, Reader
from podrole.iam.actions.call import Call, Keys


def _security_group(call: Call, name: str) -> str | None:
    stored = backend("ec2", call.account, call.region)
    for groups in stored.groups.values() if stored is not None else ():
        for group in groups.values():
            if group.name == name:
                return call.arn("ec2", f"security-group/{group.id}")
    return None


def _launch_template(call: Call, name: str) -> str | None:
    stored = backend("ec2", call.account, call.region)
    template = stored.launch_template_name_to_ids.get(name) if stored is not None else None
    return call.arn("ec2", f"launch-template/{template}") if template else None


def _elastic_ip(call: Call, address: str) -> str | None:
    stored = backend("ec2", call.account, call.region)
    for one in stored.addresses if stored is not None else ():
        if address == one.public_ip and one.allocation_id:
            return call.arn("ec2", f"elastic-ip/{one.allocation_id}")
    return None


def _key_pair(call: Call, key_id: str) -> str | None:
    stored = backend("ec2", call.account, call.region)
    for key in stored.keypairs.values() if stored is not None else ():
        if key.id == key_id:
            return call.arn("ec2", f"key-pair/{key.name}")
    return None


def launch_template(account: str, region: str, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the data of the version of a launch template that moto would use."""
    stored = backend("ec2", account, region)
    if stored is None:
        return None
    name = stored.launch_template_name_to_ids.get(named.get("LaunchTemplateName"), named.get("LaunchTemplateId"))
    template = stored.launch_templates.get(name)
    if template is None:
        return None
    version = template.get_version(named.get("Version") or template.default_version_number)
    return dict(version.data) if version is not None else None


def _tags(arn: ARNParts, call: Call) -> Mapping[str, str]:
    stored = backend("ec2", arn.account or call.account, arn.region)
    tags = dict.get(stored.tags, arn.resource.rpartition("/")[2]) if stored is not None else None
    return {str(key): str(value) for key, value in (tags or {}).items()}


def _facts(arn: ARNParts, call: Call) -> Keys:
    stored = backend("ec2", arn.account or call.account, arn.region)
    kind, _, name = arn.resource.partition("/")
    if stored is None:
        return {}
    if kind == "instance":
        instance = next((one for one in stored.all_instances() if one.id == name), None)
        return {} if instance is None else {"ec2:InstanceType": str(instance.instance_type), "ec2:InstanceID": name}
    if kind == "subnet":
        subnet = stored.get_subnet(name) if any(name in zone for zone in stored.subnets.values()) else None
        vpc = {} if subnet is None else {"ec2:Vpc": call.arn("ec2", f"vpc/{subnet.vpc_id}")}
        return {"ec2:SubnetID": name, **vpc}
    return {}


READER = Reader(
    arns={
        "ec2:elastic-ip": _elastic_ip,
        "ec2:key-pair": _key_pair,
        "ec2:launch-template": _launch_template,
        "ec2:security-group": _security_group,
    },
    tags=_tags,
    facts=_facts,
)
