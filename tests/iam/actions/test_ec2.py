"""EC2: what a launch uses and makes, and the resources that tags name by their ids."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.call import Call, LaunchVolumes
from podrole.iam.actions.ec2 import has_unread_template, launch, launch_template_arn, permissions, tags_on_create
from support.calls import ACCOUNT, REGION, Account, all_of, call, text_of

TAGS = [{"Key": "a", "Value": "b"}]
SPOT = "spot-instances-request"


class WithVolumes(Account):
    """An account that knows the root device of an image, and a security group by its name."""

    def __init__(self, volumes: LaunchVolumes | None = None) -> None:
        super().__init__(
            **{
                "ec2:security-group web": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/sg-web",
                "ec2:launch-template web": f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/lt-web",
            }
        )
        self.volumes = volumes or LaunchVolumes()

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        return self.volumes


def launched(given: dict[str, Any], kind: str, volumes: LaunchVolumes | None = None) -> list[str]:
    """Return the resources of a type that a launch is on, with all that is said of each."""
    needed = launch(call("ec2", "RunInstances", given), WithVolumes(volumes))
    assert {one.action for one in needed if one.resource.startswith("arn:aws:ec2")} == {"ec2:RunInstances"}
    texts = (all_of(one).partition(" ")[2] for one in needed if f":{kind}/" in one.resource)
    return [one.replace(f"arn:aws:ec2:HERE:{kind}/", "").replace(f"arn:aws:ec2:{REGION}", "") for one in texts]


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ({}, "instance", ["*!"]),
        ({"ImageId": "ami-1"}, "image", ["::image/ami-1"]),
        ({}, "image", ["::image/*"]),
        ({"ImageId": "resolve:ssm:/i:3"}, "image", ["::image/*?"]),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, "image", ["::image/*?"]),
        ({}, "network-interface", ["*!"]),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "network-interface", ["*!"]),
        ({"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]}, "network-interface", ["eni-1"]),
        ({}, "security-group", ["*?"]),
        ({"SecurityGroupIds": ["sg-1", "sg-1"]}, "security-group", ["sg-1"]),
        ({"SecurityGroups": ["web", "other"]}, "security-group", ["sg-web", "*?"]),
        ({"NetworkInterfaces": [{"Groups": ["sg-2"]}, {}]}, "security-group", ["sg-2"]),
        ({}, "subnet", ["subnet-1"]),
        ({"SubnetId": "subnet-2"}, "subnet", ["subnet-2"]),
        ({"NetworkInterfaces": [{"SubnetId": "subnet-3"}]}, "subnet", ["subnet-3"]),
        ({}, "key-pair", []),
        ({"KeyName": "k"}, "key-pair", ["k"]),
        ({"Placement": {"Tenancy": "host"}}, "placement-group", []),
        ({"Placement": {"GroupName": "g"}}, "placement-group", ["g"]),
        ({"TagSpecifications": [{"ResourceType": SPOT, "Tags": TAGS}]}, SPOT, ["*!"]),
        ({"TagSpecifications": [{"ResourceType": SPOT}]}, SPOT, []),
        ({"TagSpecifications": [{"ResourceType": "instance", "Tags": TAGS}]}, SPOT, []),
        ({"BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}]}, "snapshot", ["::snapshot/snap-1"]),
        ({"BlockDeviceMappings": [{"Ebs": {}}, {"NoDevice": ""}]}, "snapshot", []),
    ],
)
def test_launch_is_on_what_it_uses_and_makes(given: dict[str, Any], kind: str, expected: list[str]) -> None:
    assert launched(given, kind) == expected


def test_launch_names_the_instance_and_its_volumes_first() -> None:
    needed = launch(call("ec2", "RunInstances", {"ImageId": "ami-1"}), WithVolumes())
    types = [one.resource.rpartition(":")[2].partition("/")[0] for one in needed]
    assert types == ["instance", "volume", "image", "network-interface", "security-group", "subnet"]


def test_launch_with_a_template_is_on_the_template() -> None:
    with_template = launch(call("ec2", "RunInstances", {}), WithVolumes(), {"LaunchTemplateName": "web"})
    without = launch(call("ec2", "RunInstances", {}), WithVolumes())
    more = [text_of(one, new=True) for one in with_template if one not in without]
    assert more == ["ec2:RunInstances arn:aws:ec2:HERE:launch-template/lt-web"]
    assert permissions(call("ec2", "RunInstances", {}), WithVolumes()) == without


def test_subnet_is_unknown_if_there_is_no_default_one() -> None:
    account = WithVolumes()
    del account.known["ec2:subnet "]
    needed = launch(call("ec2", "RunInstances", {}), account)
    assert "ec2:RunInstances arn:aws:ec2:HERE:subnet/*?" in map(text_of, needed)


def test_image_in_a_parameter_is_read_from_it() -> None:
    needed = launch(call("ec2", "RunInstances", {"ImageId": "resolve:ssm:/golden/image:3"}), WithVolumes())
    assert text_of(needed[-1]) == "ssm:GetParameters arn:aws:ssm:HERE:parameter/golden/image"


def volume(device: str, **ebs: Any) -> dict[str, Any]:
    return {"DeviceName": device, "Ebs": ebs}


ROOT = LaunchVolumes("/dev/a")
ENCRYPTED = " ec2:Encrypted="


@pytest.mark.parametrize(
    ("mappings", "known", "expected"),
    [
        # without a mapping there is the root volume, with the image's encryption
        ([], ROOT, [""]),
        ([], LaunchVolumes(encrypted=True), [f"{ENCRYPTED}true"]),
        ([volume("/dev/b")], ROOT, [f"{ENCRYPTED}false", ""]),
        ([volume("/dev/a")], ROOT, [""]),
        ([volume("/dev/a", Encrypted=True)], ROOT, [f"{ENCRYPTED}true"]),
        ([volume("/dev/a", Encrypted=False)], ROOT, [""]),
        ([{"DeviceName": "/dev/a", "NoDevice": ""}], ROOT, []),
        ([{"VirtualName": "ephemeral0"}], ROOT, [""]),
        # each may be the root volume if the image's is not known
        ([volume("/dev/b")], LaunchVolumes(), [""]),
        ([volume("/dev/b", VolumeSize=5)], LaunchVolumes(), [" ec2:VolumeSize=5", ""]),
        ([{"Ebs": {"VolumeSize": 5}}], LaunchVolumes(), [" ec2:VolumeSize=5", ""]),
        ([{"Ebs": {}}], ROOT, [f"{ENCRYPTED}false", ""]),
        ([volume("/dev/b"), volume("/dev/c")], LaunchVolumes("/dev/a"), [f"{ENCRYPTED}false", ""]),
        (
            [volume("/dev/b", SnapshotId="snap-1")],
            LaunchVolumes("/dev/b"),
            [" ec2:ParentSnapshot=::snapshot/snap-1"],
        ),
        (
            [volume("/dev/b", SnapshotId="snap-1", Encrypted=True)],
            LaunchVolumes("/dev/b"),
            [f" ec2:ParentSnapshot=::snapshot/snap-1{ENCRYPTED}true"],
        ),
        (
            [volume("/dev/a"), volume("/dev/b", SnapshotId="snap-1")],
            ROOT,
            ["", " ec2:ParentSnapshot=::snapshot/snap-1"],
        ),
        (
            [volume("/dev/a", Iops=3000, VolumeSize=5, Throughput=125, VolumeType="")],
            ROOT,
            [" ec2:VolumeIops=3000 ec2:VolumeSize=5 ec2:VolumeThroughput=125"],
        ),
    ],
)
def test_each_new_volume_is_asked_about_with_its_keys(
    mappings: list[dict[str, Any]], known: LaunchVolumes, expected: list[str]
) -> None:
    assert launched({"BlockDeviceMappings": mappings}, "volume", known) == [f"*!{keys}" for keys in expected]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web"}, "lt-1"),
        ({"LaunchTemplateName": "web"}, "lt-web"),
        ({"LaunchTemplateName": "other"}, "*"),
        ({}, "*"),
    ],
)
def test_launch_template_has_an_id(named: dict[str, str], expected: str) -> None:
    arn = launch_template_arn(call("ec2", "RunInstances", {}), named, WithVolumes())
    assert arn == f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/{expected}"


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("ec2", "RunInstances", {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, True),
        ("ec2", "RunInstances", {}, False),
        ("ec2", "CreateFleet", {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, False),
        ("autoscaling", "RunInstances", {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, False),
    ],
)
def test_template_in_a_launch_is_one_that_is_not_known(
    client: str, operation: str, given: dict[str, Any], expected: bool
) -> None:
    assert has_unread_template(call(client, operation, given)) is expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateLaunchTemplate", {"LaunchTemplateName": "web"}, ["launch-template/*!"]),
        ("CreateManagedPrefixList", {"PrefixListName": "p"}, ["prefix-list/*!"]),
        (
            "DeleteTags",
            {"Resources": ["i-1", "tgw-attach-2"]},
            ["instance/i-1", "transit-gateway-attachment/tgw-attach-2"],
        ),
        ("CreateTags", {"Resources": ["snap-1"]}, [f"arn:aws:ec2:{REGION}::snapshot/snap-1"]),
        ("CreateTags", {"Resources": ["x-1"]}, ["*/x-1?"]),
        ("CreateTags", {"Resources": []}, ["*?"]),
        ("CreateTags", {}, ["*?"]),
    ],
)
def test_resource_is_of_the_type_that_its_id_says(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = permissions(call("ec2", operation, given), WithVolumes()) or []
    prefix = f"ec2:{operation} "
    assert [text_of(one, new=True).removeprefix(prefix).replace("arn:aws:ec2:HERE:", "") for one in found] == expected


def test_other_call_is_left_to_the_reference() -> None:
    assert permissions(call("ec2", "StopInstances", {"InstanceIds": ["i-1"]}), WithVolumes()) is None


@pytest.mark.parametrize(
    ("specifications", "expected"),
    [
        ([{"ResourceType": "volume", "Tags": TAGS}], ["volume/*! ec2:CreateAction=CreateVolume"]),
        ([{"Tags": TAGS}], ["*/*! ec2:CreateAction=CreateVolume"]),
        ([{"ResourceType": "volume", "Tags": []}], []),
    ],
)
def test_tags_of_what_is_made_need_a_permission(specifications: list[dict[str, Any]], expected: list[str]) -> None:
    found = tags_on_create(call("ec2", "CreateVolume", {"TagSpecifications": specifications}), "ec2:CreateTags")
    assert [all_of(one).removeprefix("ec2:CreateTags arn:aws:ec2:HERE:") for one in found] == expected
