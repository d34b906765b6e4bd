"""The EBS and EFS CSI drivers, and Velero."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.aws import REGION, LocalAWS, refused
from support.controllers import (
    Call,
    Controller,
    Operand,
    Refusal,
    covered,
    name_of,
    operands,
    published,
    tagged,
    tags,
    unique,
)
from support.pods import associate, assume, credentials, trust_of_pods

pytestmark = pytest.mark.services

ZONE = f"{REGION}a"
DRIVER = {"ebs.csi.aws.com/cluster": "true", "CSIVolumeName": "pvc-1"}
OTHER = {"team": "blue"}
EBS = published("ebs_csi", "AmazonEBSCSIDriverPolicyV2")
EFS = published("efs_csi")
VELERO = published("velero", BUCKET="backups")


@pytest.fixture(scope="module")
def ebs(account: LocalAWS) -> Controller:
    return Controller(account, EBS)


@pytest.fixture(scope="module")
def efs(account: LocalAWS) -> Controller:
    return Controller(account, EFS)


def volume(client: Any, values: dict[str, str], **more: Any) -> str:
    made = client.create_volume(AvailabilityZone=ZONE, Size=8, TagSpecifications=tagged(values, "volume"), **more)
    return str(made["VolumeId"])


def snapshot(client: Any, volume_id: str, values: dict[str, str]) -> str:
    made = client.create_snapshot(VolumeId=volume_id, TagSpecifications=tagged(values, "snapshot"))
    return str(made["SnapshotId"])


def test_a_volume_comes_and_goes(ebs: Controller) -> None:
    ec2 = ebs.client("ec2")
    admin = ebs.aws.client("ec2")
    instance = admin.run_instances(ImageId="ami-12c6146b", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance_id = instance["Instances"][0]["InstanceId"]
    place = instance["Instances"][0]["Placement"]["AvailabilityZone"]
    ec2.describe_availability_zones()
    ec2.describe_instance_types(InstanceTypes=["t3.micro"])
    ec2.describe_instances(InstanceIds=[instance_id])
    made = ec2.create_volume(
        AvailabilityZone=place, Size=8, VolumeType="gp3", Encrypted=True, TagSpecifications=tagged(DRIVER, "volume")
    )["VolumeId"]
    ec2.describe_volumes(VolumeIds=[made])
    ec2.attach_volume(VolumeId=made, InstanceId=instance_id, Device="/dev/xvdaa")
    ec2.detach_volume(VolumeId=made, InstanceId=instance_id)
    ec2.modify_volume(VolumeId=made, Size=16)
    ec2.describe_volumes_modifications(VolumeIds=[made])
    ec2.create_tags(Resources=[made], Tags=tags(**OTHER))
    ec2.delete_tags(Resources=[made], Tags=[{"Key": "team"}])
    copied = snapshot(ec2, made, DRIVER)
    ec2.describe_snapshots(SnapshotIds=[copied])
    restored = volume(ec2, DRIVER, SnapshotId=copied)
    ec2.delete_volume(VolumeId=restored)
    ec2.delete_snapshot(SnapshotId=copied)
    ec2.delete_volume(VolumeId=made)


def test_a_migrated_volume_is_managed(ebs: Controller) -> None:
    """In-tree volumes have only the tag with the name of their claim."""
    made = volume(ebs.aws.client("ec2"), {"kubernetes.io/created-for/pvc/name": "data"})
    assert ebs.is_allowed(Call("ec2", "modify_volume", {"VolumeId": made, "Size": 16}))
    assert ebs.is_allowed(Call("ec2", "delete_volume", {"VolumeId": made}))


def ec2(method: str, parameters: Callable[[Any], dict[str, Any]]) -> Callable[[LocalAWS], Call]:
    """Return what makes a call of EC2; the parameters are made by the administrator."""
    return lambda aws: Call("ec2", method, parameters(aws.client("ec2")))


def creating(values: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"AvailabilityZone": ZONE, "Size": 8, "TagSpecifications": tagged(values, "volume"), **more}


OWNED, CLAIM = "ec2:ResourceTag/ebs.csi.aws.com/cluster", "ec2:ResourceTag/kubernetes.io/created-for/pvc/name"
REQUESTED = "aws:RequestTag/ebs.csi.aws.com/cluster"
EBS_REFUSALS = [
    Refusal(
        (Operand("CreateAndCopyVolumesWithManagedTag", "StringEquals", REQUESTED),),
        ec2("create_volume", lambda _: creating(OTHER)),
    ),
    Refusal(
        (Operand("CopyManagedVolumes", "StringEquals", OWNED),),
        ec2(
            "copy_volumes",
            lambda admin: {"SourceVolumeId": volume(admin, OTHER), "TagSpecifications": tagged(DRIVER, "volume")},
        ),
    ),
    Refusal(
        (Operand("CopyCSIMigratedVolumes", "StringLike", CLAIM),),
        ec2(
            "copy_volumes",
            lambda admin: {"SourceVolumeId": volume(admin, OTHER), "TagSpecifications": tagged(DRIVER, "volume")},
        ),
    ),
    Refusal(
        (Operand("CreateSnapshotsWithManagedTag", "StringEquals", REQUESTED),),
        ec2(
            "create_snapshot",
            lambda admin: {"VolumeId": volume(admin, DRIVER), "TagSpecifications": tagged(OTHER, "snapshot")},
        ),
    ),
    Refusal(
        (Operand("CreateSnapshotsFromManagedVolumes", "StringEquals", OWNED),),
        ec2(
            "create_snapshot",
            lambda admin: {"VolumeId": volume(admin, OTHER), "TagSpecifications": tagged(DRIVER, "snapshot")},
        ),
    ),
    Refusal(
        (Operand("ManageManagedVolumes", "StringEquals", OWNED),),
        ec2("delete_volume", lambda admin: {"VolumeId": volume(admin, OTHER)}),
    ),
    Refusal(
        (Operand("ManageCSIMigratedVolumes", "StringLike", CLAIM),),
        ec2("modify_volume", lambda admin: {"VolumeId": volume(admin, OTHER), "Size": 16}),
    ),
    Refusal(
        (Operand("CreateVolumesFromAndEnableFSROnManagedSnapshots", "StringEquals", OWNED),),
        ec2("create_volume", lambda admin: creating(DRIVER, SnapshotId=snapshot(admin, volume(admin, DRIVER), OTHER))),
    ),
    Refusal(
        (Operand("DeleteAndLockManagedSnapshots", "StringEquals", OWNED),),
        ec2("delete_snapshot", lambda admin: {"SnapshotId": snapshot(admin, volume(admin, DRIVER), OTHER)}),
    ),
    Refusal(
        (Operand("TagResourcesOnCreation", "StringEquals", "ec2:CreateAction"),),
        ec2("create_tags", lambda admin: {"Resources": [volume(admin, OTHER)], "Tags": tags(**DRIVER)}),
    ),
    Refusal(
        (Operand("ModifyTagsOnManagedVolumes", "StringEquals", OWNED),),
        ec2("create_tags", lambda admin: {"Resources": [volume(admin, OTHER)], "Tags": tags(a="b")}),
    ),
    Refusal(
        (Operand("ModifyTagsOnManagedVolumes", "Null", "aws:TagKeys"),),
        ec2("delete_tags", lambda admin: {"Resources": [volume(admin, DRIVER)]}),
    ),
    Refusal(
        (Operand("ModifyTagsOnManagedVolumes", "ForAllValues:StringNotEquals", "aws:TagKeys"),),
        ec2("create_tags", lambda admin: {"Resources": [volume(admin, DRIVER)], "Tags": tags(**DRIVER)}),
    ),
]


def test_every_condition_has_a_case() -> None:
    assert covered(EBS_REFUSALS) == set(operands(EBS))
    assert covered(EFS_REFUSALS) == set(operands(EFS))


@pytest.mark.parametrize("refusal", EBS_REFUSALS, ids=name_of)
def test_condition_of_ebs(ebs: Controller, refusal: Refusal) -> None:
    ebs.check(refusal)


def test_the_policy_for_one_cluster_is_for_the_cluster_of_the_pod(account: LocalAWS) -> None:
    """It reads the cluster's name from the session tags of EKS Pod Identity."""
    associate(account, trust=trust_of_pods())
    document = published("ebs_csi", "AmazonEBSCSIDriverEKSClusterScopedPolicy").popitem()[1]
    made = account.client("iam").create_policy(PolicyName="cluster", PolicyDocument=json.dumps(document))
    account.client("iam").attach_role_policy(RoleName="pods", PolicyArn=made["Policy"]["Arn"])
    pod, admin = account.client("ec2", credentials(assume(account))), account.client("ec2")
    own, other = ({"ebs.csi.aws.com/cluster-name": name} for name in ("podrole", "other"))
    of_cluster, of_other = volume(pod, own), volume(admin, other)
    copied = snapshot(pod, of_cluster, own)
    pod.create_tags(Resources=[of_cluster], Tags=tags(**OTHER))
    nodes = {
        name: admin.run_instances(
            ImageId="ami-12c6146b",
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=tagged({"ebs.csi.aws.com/cluster-name": name}, "instance"),
        )["Instances"][0]["InstanceId"]
        for name in ("podrole", "other")
    }
    attached = {"VolumeId": of_cluster, "Device": "/dev/xvdaa"}
    refused_calls: list[tuple[str, dict[str, Any]]] = [
        ("create_volume", creating(other)),
        ("create_snapshot", {"VolumeId": of_cluster, "TagSpecifications": tagged(other, "snapshot")}),
        ("create_snapshot", {"VolumeId": of_other, "TagSpecifications": tagged(own, "snapshot")}),
        ("delete_volume", {"VolumeId": of_other}),
        ("delete_snapshot", {"SnapshotId": snapshot(admin, of_other, other)}),
        ("create_volume", creating(own, SnapshotId=snapshot(admin, of_other, other))),
        ("attach_volume", {**attached, "InstanceId": nodes["other"]}),
        ("create_tags", {"Resources": [of_other], "Tags": tags(a="b")}),
        ("create_tags", {"Resources": [of_cluster], "Tags": tags(**other)}),
    ]
    for method, parameters in refused_calls:
        assert refused(getattr(pod, method), **parameters)[0] == "UnauthorizedOperation", method
    pod.attach_volume(**attached, InstanceId=nodes["podrole"])
    pod.detach_volume(**attached, InstanceId=nodes["podrole"])
    pod.delete_volume(VolumeId=volume(pod, own, SnapshotId=copied))
    pod.delete_snapshot(SnapshotId=copied)
    pod.delete_volume(VolumeId=of_cluster)


EFS_DRIVER = {"efs.csi.aws.com/cluster": "true"}


def access_point(aws: LocalAWS, values: dict[str, str]) -> dict[str, Any]:
    system = aws.client("efs").create_file_system(CreationToken=unique("token"))["FileSystemId"]
    return {"ClientToken": unique("token"), "FileSystemId": system, "Tags": tags(**values)}


def made_access_point(aws: LocalAWS, values: dict[str, str]) -> str:
    return str(aws.client("efs").create_access_point(**access_point(aws, values))["AccessPointId"])


def test_an_access_point_comes_and_goes(efs: Controller) -> None:
    client = efs.client("efs")
    efs.client("ec2").describe_availability_zones()
    given = access_point(efs.aws, EFS_DRIVER)
    client.describe_file_systems(FileSystemId=given["FileSystemId"])
    client.describe_mount_targets(FileSystemId=given["FileSystemId"])
    made = client.create_access_point(**given)["AccessPointId"]
    client.describe_access_points(AccessPointId=made)
    client.tag_resource(ResourceId=made, Tags=tags(**OTHER))
    client.delete_access_point(AccessPointId=made)


EFS_REFUSALS = [
    Refusal(
        (Operand("1", "StringLike", "aws:RequestTag/efs.csi.aws.com/cluster"),),
        lambda aws: Call("efs", "create_access_point", access_point(aws, {})),
    ),
    Refusal(
        (Operand("2", "StringLike", "aws:ResourceTag/efs.csi.aws.com/cluster"),),
        lambda aws: Call("efs", "tag_resource", {"ResourceId": made_access_point(aws, OTHER), "Tags": tags(a="b")}),
    ),
    Refusal(
        (Operand("3", "StringEquals", "aws:ResourceTag/efs.csi.aws.com/cluster"),),
        lambda aws: Call("efs", "delete_access_point", {"AccessPointId": made_access_point(aws, OTHER)}),
    ),
]


@pytest.mark.parametrize("refusal", EFS_REFUSALS, ids=name_of)
def test_condition_of_efs(efs: Controller, refusal: Refusal) -> None:
    efs.check(refusal)


def test_velero_backs_up_and_restores(account: LocalAWS) -> None:
    velero = Controller(account, VELERO)
    admin = account.client("ec2")
    for bucket in ("backups", "others"):
        account.client("s3").create_bucket(Bucket=bucket)
    s3, ec2 = velero.client("s3"), velero.client("ec2")
    source = volume(admin, OTHER)
    ec2.describe_volumes(VolumeIds=[source])
    copied = snapshot(ec2, source, {"velero.io/backup": "daily"})
    ec2.create_tags(Resources=[copied], Tags=tags(**OTHER))
    ec2.describe_snapshots(SnapshotIds=[copied])
    volume(ec2, {"velero.io/backup": "daily"}, SnapshotId=copied)
    ec2.delete_snapshot(SnapshotId=copied)
    place = {"Bucket": "backups", "Key": "backups/daily/velero-backup.json"}
    s3.put_object(**place, Body=b"{}", Tagging="a=b")
    assert s3.list_objects_v2(Bucket="backups", Prefix="backups/", Delimiter="/")["CommonPrefixes"]
    s3.head_object(**place)
    assert s3.get_object(**place)["Body"].read() == b"{}"
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"{}")["ETag"]
    s3.list_parts(**place, UploadId=upload)
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": [{"ETag": part, "PartNumber": 1}]})
    s3.abort_multipart_upload(**place, UploadId=s3.create_multipart_upload(**place)["UploadId"])
    s3.delete_object(**place)
    assert not velero.is_allowed(Call("s3", "list_objects_v2", {"Bucket": "others"}))
    assert not velero.is_allowed(Call("s3", "put_object", {"Bucket": "others", "Key": "k", "Body": b"x"}))
    assert not velero.is_allowed(Call("ec2", "delete_volume", {"VolumeId": source}))
