"""EC2's instances, subnets, security groups and launch templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, Reader
from podrole.aws.interfaces import Encryption
from podrole.iam.actions.call import Call, Keys, LaunchVolumes
from podrole.iam.unknown import UnknownKeys


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
    for elastic_ip in stored.addresses if stored is not None else ():
        if address == elastic_ip.public_ip and elastic_ip.allocation_id:
            return call.arn("ec2", f"elastic-ip/{elastic_ip.allocation_id}")
    return None


def _key_pair(call: Call, key_id: str) -> str | None:
    stored = backend("ec2", call.account, call.region)
    for key in stored.key_pairs.values() if stored is not None else ():
        if key.id == key_id:
            return call.arn("ec2", f"key-pair/{key.key_name}")
    return None


def launch_template(call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the data of the version of a launch template that moto would use."""
    stored = backend("ec2", call.account, call.region)
    if stored is None:
        return None
    name = stored.launch_template_name_to_ids.get(named.get("LaunchTemplateName"), named.get("LaunchTemplateId"))
    template = stored.launch_templates.get(name)
    if template is None:
        return None
    try:
        version = template.get_version(named.get("Version") or template.default_version_number)
    except Exception:  # noqa: BLE001 - any client's text; the service refuses it
        return None
    if version is None:
        return None
    data = {member: value for member, value in version.data.items() if value is not None}
    specified = data.get("TagSpecifications")
    if specified:  # moto adds the tags of the template itself
        data["TagSpecifications"] = [
            specification for specification in specified if specification.get("ResourceType") != "launch-template"
        ]
    return data


def launch_volumes(call: Call, image: str) -> LaunchVolumes:
    """Return the root device of an image, whether the account encrypts new volumes, and with what key."""
    stored = backend("ec2", call.account, call.region)
    known = stored.amis.get(image) if stored is not None else None
    encrypted = stored is not None and bool(stored.get_ebs_encryption_by_default())
    key = str(stored.default_kms_key_id or "") if stored is not None else ""
    return LaunchVolumes(str(known.root_device_name or "") if known is not None else "", encrypted, key)


def _tags(arn: ARNParts, call: Call) -> Mapping[str, str]:
    stored = backend("ec2", arn.account or call.account, arn.region)
    kind, _, name = arn.resource.rpartition("/")
    if kind == "key-pair" and stored is not None:  # its ARN has its name, its tags are by its id
        pair = stored.key_pairs.get(name)
        name = pair.id if pair is not None else ""
    tags = dict.get(stored.tags, name) if stored is not None else None
    return {str(key): str(value) for key, value in (tags or {}).items()}


def _facts(arn: ARNParts, call: Call) -> Keys:
    stored = backend("ec2", arn.account or call.account, arn.region)
    kind, _, name = arn.resource.partition("/")
    if stored is None:
        return {}
    if kind == "instance":
        instance = next((candidate for candidate in stored.all_instances() if candidate.id == name), None)
        return {} if instance is None else {"ec2:InstanceType": str(instance.instance_type), "ec2:InstanceID": name}
    if kind == "volume":
        volume = stored.volumes.get(name)
        return {} if volume is None else _of_volume(volume)
    if kind == "image":
        image = stored.amis.get(name)
        return {} if image is None else _of_image(image)
    if kind == "subnet":
        subnet = stored.get_subnet(name) if any(name in zone for zone in stored.subnets.values()) else None
        vpc = {} if subnet is None else {"ec2:Vpc": call.arn("ec2", f"vpc/{subnet.vpc_id}")}
        return {"ec2:SubnetID": name, **vpc}
    return {}


def _of_volume(volume: Any) -> Keys:
    facts = {
        "ec2:Encrypted": "true" if volume.encrypted else "false",
        "ec2:VolumeID": str(volume.id),
        "ec2:VolumeSize": str(volume.size),
        "ec2:VolumeType": str(volume.volume_type),
    }
    return facts | ({"ec2:VolumeIops": str(volume.iops)} if volume.iops else {})


def _of_image(image: Any) -> Keys:
    facts = {
        "ec2:ImageID": str(image.id),
        "ec2:ImageType": str(image.image_type),
        "ec2:Owner": str(image.owner_alias or image.owner_id),
        "ec2:Public": "true" if image.is_public else "false",
    }
    return facts | ({"ec2:RootDeviceType": str(image.root_device_type)} if image.root_device_type else {})


def _encryption(arn: ARNParts, _: str) -> Encryption:
    stored = backend("ec2", arn.account, arn.region)
    kind, _slash, name = arn.resource.partition("/")
    every = {"snapshot": stored.snapshots, "volume": stored.volumes} if stored is not None else {}
    resource = every[kind].get(name) if kind in every else None
    if resource is None or not resource.encrypted:
        return Encryption()
    # A snapshot of a volume has its key, which moto does not copy.
    return Encryption(str(resource.kms_key_id or (resource.volume.kms_key_id if kind == "snapshot" else "") or ""))


READER = Reader(
    encryption=_encryption,
    arns={
        "ec2:elastic-ip": _elastic_ip,
        "ec2:key-pair": _key_pair,
        "ec2:launch-template": _launch_template,
        "ec2:security-group": _security_group,
    },
    tags=_tags,
    facts=_facts,
    described={
        "image": UnknownKeys(("ec2:ImageID", "ec2:ImageType", "ec2:Owner", "ec2:Public", "ec2:RootDeviceType")),
        "instance": UnknownKeys(("ec2:InstanceID", "ec2:InstanceType")),
        "subnet": UnknownKeys(("ec2:SubnetID", "ec2:Vpc")),
        "volume": UnknownKeys(("ec2:Encrypted", "ec2:VolumeID", "ec2:VolumeIops", "ec2:VolumeSize", "ec2:VolumeType")),
    },
)
