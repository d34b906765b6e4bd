"""What EC2 needs of KMS for volumes and snapshots under a key of the customer's, with the caller's permissions.

AWS uses the key after it has answered: the volume disappears, the instance ends. Here the call is refused.

https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html#ebs-encryption-permissions
https://docs.aws.amazon.com/ebs/latest/userguide/how-ebs-encryption-works.html
https://github.com/kubernetes/kubernetes/issues/62171 (what a new volume needs, tried on AWS: Decrypt and
GenerateDataKeyWithoutPlaintext, not DescribeKey; AttachVolume needs CreateGrant)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.encryption import acting, key_uses
from podrole.aws.services.rules import Authorizing, Resolving
from podrole.iam.actions.call import Call, Permission

_VOLUME = ("kms:GenerateDataKeyWithoutPlaintext", "kms:Decrypt")
_USES: Mapping[str, tuple[str, ...]] = {
    "AttachVolume": ("kms:CreateGrant",),
    "CopySnapshot": ("kms:DescribeKey", *_VOLUME, "kms:CreateGrant"),
    "CreateVolume": _VOLUME,
    "RunInstances": (*_VOLUME, "kms:CreateGrant"),
}


def uses_of_volumes(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what EC2 needs of KMS for the volumes and snapshots that a call makes or attaches."""
    call = authorizing.call
    if call.operation not in _USES:
        return
    call_input, asked = parameters(call), acting(call, authorizing.account)
    if call.operation == "AttachVolume":
        volume = str(call_input.get("VolumeId", ""))
        key = authorizing.facts.encryption(asked.arn("ec2", f"volume/{volume}")).key
        yield from key_uses(authorizing, key, {"aws:ebs:id": volume}, *_USES[call.operation])
        return
    made = (
        _volumes_of_launch(authorizing, call_input, asked) if call.operation == "RunInstances" else iter((call_input,))
    )
    actions = _USES[call.operation]
    if call_input.get("SnapshotId") and not _key_of_snapshot(authorizing, asked, call_input):  # of CreateVolume
        actions = (*actions, "kms:CreateGrant")  # to encrypt what is in the snapshot
    for key in dict.fromkeys(_key_of(authorizing, asked, made_volume) for made_volume in made):
        yield from key_uses(authorizing, key, {"aws:ebs:id": ""}, *actions)


def write_key_of_copy(resolving: Resolving) -> None:
    """Write the account's key into a copy of an encrypted snapshot that names none: moto would leave it without a key.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html (KmsKeyId)
    """
    call_input, asked = resolving.given, resolving.asked
    source = f"snapshot/{call_input.get('SourceSnapshotId') or ''}"
    arn = asked.arn("ec2", source, region=str(call_input.get("SourceRegion") or asked.region))
    if not call_input.get("KmsKeyId") and resolving.facts.encryption(arn).key:
        call_input["KmsKeyId"] = resolving.facts.launch_volumes(asked, "").key or "alias/aws/ebs"


def _volumes_of_launch(
    authorizing: Authorizing, call_input: Mapping[str, Any], asked: Call
) -> Iterator[Mapping[str, Any]]:
    """Yield the volumes of a launch. Devices in the request replace those of its launch template; a root volume that
    neither has is as the account's default says."""
    named = call_input.get("LaunchTemplate")
    template = (authorizing.facts.launch_template(asked, named) if named else None) or {}
    mappings = {
        str(mapping.get("DeviceName", "")): mapping.get("Ebs") or {}
        for mapping in (*(template.get("BlockDeviceMappings") or ()), *(call_input.get("BlockDeviceMappings") or ()))
    }
    image = str(call_input.get("ImageId") or template.get("ImageId", ""))
    root = authorizing.facts.launch_volumes(asked, image).root_device
    if root not in mappings:
        yield {}
    yield from mappings.values()


def _key_of(authorizing: Authorizing, asked: Call, made: Mapping[str, Any]) -> str:
    """Return the key of a new volume or snapshot: the one that it names, that of its snapshot, or the account's."""
    of_snapshot = _key_of_snapshot(authorizing, asked, made)
    known = authorizing.facts.launch_volumes(asked, "")
    is_encrypted = known.encrypted or made.get("Encrypted") is True
    return str(made.get("KmsKeyId") or "") or of_snapshot or (known.key if is_encrypted else "")


def _key_of_snapshot(authorizing: Authorizing, asked: Call, made: Mapping[str, Any]) -> str:
    return authorizing.facts.encryption(asked.arn("ec2", f"snapshot/{made.get('SnapshotId', '')}")).key
