"""EBS: what KMS is asked for volumes and snapshots under a customer's key."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.interfaces import Encryption
from podrole.aws.services.ebs import uses_of_volumes, write_key_of_copy
from podrole.aws.services.rules import ServiceRules
from podrole.iam.actions.call import LaunchVolumes
from support.aws_facts import FakeFacts
from support.calls import REGION
from support.service_rules import HERE, KEY, key_uses, resolved

RULES = ServiceRules("ec2", also_needs=uses_of_volumes, resolve=write_key_of_copy)
PLAIN = LaunchVolumes("/dev/root")
ARNS = {f"kms:key k{number}": f"{KEY[:-1]}{number}" for number in range(1, 4)}
ENCRYPTED = {
    f"arn:aws:ec2:{HERE}:volume/vol-1": Encryption("k1"),
    f"arn:aws:ec2:{HERE}:snapshot/snap-1": Encryption("k2"),
}


def uses(operation: str, given: dict[str, Any], by_default: LaunchVolumes = PLAIN, **facts: Any) -> list[str]:
    launches = {image: by_default._replace(root_device=PLAIN.root_device) for image in ("", "ami-1")}
    found = FakeFacts(arns=ARNS, encrypted=ENCRYPTED, **{"launches": launches, **facts})
    return key_uses(RULES, operation, found, **given)


def volume(key: str, *more: str) -> list[str]:
    actions = ("GenerateDataKeyWithoutPlaintext", "Decrypt", *more)
    return [f"{action} {key} aws:ebs:id=?" for action in actions]


BY_DEFAULT, WITH_KEY = LaunchVolumes(encrypted=True, key="k3"), LaunchVolumes(key="k3")


@pytest.mark.parametrize(
    ("given", "by_default", "expected"),
    [
        ({"KmsKeyId": "k1", "Encrypted": True}, PLAIN, volume("k1")),
        ({"KmsKeyId": "k1", "SnapshotId": "snap-1"}, BY_DEFAULT, volume("k1")),
        ({"SnapshotId": "snap-1"}, BY_DEFAULT, volume("k2")),
        ({"SnapshotId": "plain", "KmsKeyId": "k1"}, PLAIN, volume("k1", "CreateGrant")),
        ({}, BY_DEFAULT, volume("k3")),
        ({"Encrypted": True}, WITH_KEY, volume("k3")),
        ({"Encrypted": False}, WITH_KEY, []),
        ({}, PLAIN, []),
    ],
)
def test_a_new_volume_needs_its_key(given: dict[str, Any], by_default: LaunchVolumes, expected: list[str]) -> None:
    assert uses("CreateVolume", given, by_default) == expected


def test_attaching_and_copying_need_the_key() -> None:
    assert uses("AttachVolume", {"VolumeId": "vol-1"}) == ["CreateGrant k1 aws:ebs:id=vol-1"]
    assert uses("AttachVolume", {"VolumeId": "vol-2"}) == []
    copied = ["DescribeKey k1 aws:ebs:id=?", *volume("k1", "CreateGrant")]
    assert uses("CopySnapshot", {"SourceSnapshotId": "snap-1", "KmsKeyId": "k1"}) == copied
    assert uses("DeleteVolume", {"VolumeId": "vol-1", "KmsKeyId": "k1"}) == []


def device(name: str, **ebs: str) -> dict[str, Any]:
    return {"DeviceName": name, "Ebs": ebs}


@pytest.mark.parametrize(
    ("given", "template", "expected"),
    [
        # the root volume that nothing names is as the account's default says
        ({"ImageId": "ami-1"}, None, ["k3"]),
        ({"ImageId": "ami-1", "BlockDeviceMappings": [device("/dev/root", KmsKeyId="k1")]}, None, ["k1"]),
        ({"ImageId": "ami-1", "BlockDeviceMappings": [device("/dev/b", KmsKeyId="k1")]}, None, ["k3", "k1"]),
        ({"ImageId": "ami-1", "BlockDeviceMappings": [device("/dev/b"), device("/dev/c")]}, None, ["k3"]),
        ({"ImageId": "ami-1", "BlockDeviceMappings": [{"NoDevice": ""}]}, None, ["k3"]),
        ({"ImageId": "other", "BlockDeviceMappings": [device("/dev/other", KmsKeyId="k2")]}, None, ["k2"]),
        # devices in the request replace those of the template
        ({}, {"ImageId": "ami-1", "BlockDeviceMappings": [device("/dev/root", KmsKeyId="k1")]}, ["k1"]),
        ({}, {"ImageId": "other", "BlockDeviceMappings": [device("/dev/other", KmsKeyId="k2")]}, ["k2"]),
        (
            {"BlockDeviceMappings": [device("/dev/root", KmsKeyId="k2")]},
            {"ImageId": "ami-1", "BlockDeviceMappings": [device("/dev/root", KmsKeyId="k1")]},
            ["k2"],
        ),
        (
            {"ImageId": "ami-1", "BlockDeviceMappings": [device("/dev/root", KmsKeyId="k1")]},
            {"ImageId": "other"},
            ["k1"],
        ),
    ],
)
def test_a_launch_needs_the_keys_of_its_volumes(
    given: dict[str, Any], template: dict[str, Any] | None, expected: list[str]
) -> None:
    launches = {
        "": BY_DEFAULT._replace(root_device="/dev/unknown"),
        "ami-1": BY_DEFAULT._replace(root_device="/dev/root"),
        "other": BY_DEFAULT._replace(root_device="/dev/other"),
    }
    named = {} if template is None else {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}
    found = uses("RunInstances", {**given, **named}, launches=launches, template=template)
    assert found == [text for key in expected for text in volume(key, "CreateGrant")]


def test_a_template_that_a_launch_does_not_name_is_not_looked_at() -> None:
    template = {"BlockDeviceMappings": [device("/dev/root", KmsKeyId="k1")]}
    assert uses("RunInstances", {"ImageId": "ami-1"}, template=template) == []
    named = {"ImageId": "ami-1", "LaunchTemplate": {"LaunchTemplateId": "lt-1"}}
    assert uses("RunInstances", named, template=None) == []


COPY = {"SourceSnapshotId": "snap-1", "SourceRegion": "eu-west-1"}
OF_SOURCE = {f"arn:aws:ec2:{HERE.replace(REGION, 'eu-west-1')}:snapshot/snap-1": Encryption("k1")}


@pytest.mark.parametrize(
    ("given", "default", "key"),
    [
        (COPY, "", "alias/aws/ebs"),
        (COPY, "k2", "k2"),
        (COPY | {"KmsKeyId": "k3"}, "k2", "k3"),
        (COPY | {"SourceRegion": REGION}, "k2", None),
        ({"SourceSnapshotId": "snap-1"}, "k2", None),
    ],
)
def test_copy_of_an_encrypted_snapshot_has_a_key(given: dict[str, Any], default: str, key: str | None) -> None:
    facts = FakeFacts(encrypted=OF_SOURCE, launches={"": LaunchVolumes(key=default)})
    assert resolved(RULES, "CopySnapshot", facts, **given).get("KmsKeyId") == key


def test_source_region_of_a_copy_is_the_calls_by_default() -> None:
    facts = FakeFacts(encrypted={f"arn:aws:ec2:{HERE}:snapshot/snap-1": Encryption("k1")})
    assert resolved(RULES, "CopySnapshot", facts, SourceSnapshotId="snap-1")["KmsKeyId"] == "alias/aws/ebs"
