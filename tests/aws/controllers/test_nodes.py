"""Karpenter and the Cluster Autoscaler."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from support.authorization import archive
from support.aws import ACCOUNT, REGION, LocalAWS, allow
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

pytestmark = pytest.mark.services

CLUSTER = "shop"
ROLE_NAME = f"KarpenterNodeRole-{CLUSTER}"
NODE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{CLUSTER}"
KARPENTER = published(
    "karpenter", **{"ClusterName": CLUSTER, "KarpenterNodeRole.Arn": NODE_ROLE, "KarpenterInterruptionQueue.Arn": QUEUE}
)
OF_CLUSTER, EKS, POOL = f"kubernetes.io/cluster/{CLUSTER}", "eks:eks-cluster-name", "karpenter.sh/nodepool"
CLASS, PLACE = "karpenter.k8s.aws/ec2nodeclass", "topology.kubernetes.io/region"
OWNED = {OF_CLUSTER: "owned", EKS: CLUSTER, POOL: "default", CLASS: "default"}
PROFILE = {OF_CLUSTER: "owned", EKS: CLUSTER, PLACE: REGION, CLASS: "default"}
IMAGE = "ami-12c6146b"


@pytest.fixture(scope="module")
def karpenter(account: LocalAWS) -> Controller:
    ec2 = {"Service": "ec2.amazonaws.com"}
    account.role(ROLE_NAME, {"Effect": "Allow", "Principal": ec2, "Action": "sts:AssumeRole"})
    account.client("sqs").create_queue(QueueName=CLUSTER)
    return Controller(account, KARPENTER)


def without_tag(values: dict[str, str], left_out: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if key != left_out}


def profile(aws: LocalAWS, values: dict[str, str] = PROFILE) -> str:
    name = unique("profile")
    aws.client("iam").create_instance_profile(InstanceProfileName=name, Tags=tags(**values))
    return name


def template(name: str, values: dict[str, str] = OWNED) -> dict[str, Any]:
    """What Karpenter sends to CreateLaunchTemplate."""
    return {
        "LaunchTemplateName": unique("karpenter.k8s.aws"),
        "LaunchTemplateData": {
            "ImageId": IMAGE,
            "IamInstanceProfile": {"Name": name},
            "UserData": base64.b64encode(b"#!/bin/bash").decode(),
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}],
            "TagSpecifications": tagged(values, "network-interface"),
        },
        "TagSpecifications": tagged(values, "launch-template"),
    }


def profile_with_role(aws: LocalAWS) -> str:
    name = profile(aws)
    aws.client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=ROLE_NAME)
    return name


def made_template(aws: LocalAWS, values: dict[str, str] = OWNED) -> str:
    given = {**template(profile_with_role(aws)), "TagSpecifications": tagged(values, "launch-template")}
    return str(aws.client("ec2").create_launch_template(**given)["LaunchTemplate"]["LaunchTemplateId"])


def fleet(aws: LocalAWS, template_id: str, values: dict[str, str] = OWNED) -> dict[str, Any]:
    """What Karpenter sends to CreateFleet."""
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    return {
        "Type": "instant",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template_id, "Version": "$Latest"},
                "Overrides": [{"InstanceType": "t3.micro", "SubnetId": subnet}],
            }
        ],
        "TargetCapacitySpecification": {"DefaultTargetCapacityType": "on-demand", "TotalTargetCapacity": 1},
        "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
        "TagSpecifications": tagged(values, "instance", "volume", "fleet"),
    }


def instance(aws: LocalAWS, values: dict[str, str] = OWNED) -> str:
    made = aws.client("ec2").run_instances(
        ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=tagged(values, "instance")
    )
    return str(made["Instances"][0]["InstanceId"])


def test_karpenter_finds_what_it_needs(karpenter: Controller) -> None:
    ec2 = karpenter.client("ec2")
    ec2.describe_subnets(Filters=[{"Name": "tag:karpenter.sh/discovery", "Values": [CLUSTER]}])
    ec2.describe_security_groups()
    ec2.describe_images(ImageIds=[IMAGE])
    ec2.describe_instance_types(InstanceTypes=["t3.micro"])
    of_type = [{"Name": "instance-type", "Values": ["t3.micro"]}]
    ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=of_type)
    ec2.describe_instance_status()
    ec2.describe_launch_templates()
    ec2.describe_spot_price_history(InstanceTypes=["t3.micro"])
    parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    assert karpenter.is_allowed(Call("ssm", "get_parameter", {"Name": parameter}))
    assert karpenter.is_allowed(Call("pricing", "get_products", {"ServiceCode": "AmazonEC2"}))
    eks = karpenter.aws.client("eks")
    eks.create_cluster(name=CLUSTER, roleArn=NODE_ROLE, resourcesVpcConfig={"subnetIds": []})
    assert karpenter.client("eks").describe_cluster(name=CLUSTER)["cluster"]["name"] == CLUSTER


def test_karpenter_launches_and_ends_a_node(karpenter: Controller) -> None:
    iam, ec2 = karpenter.client("iam"), karpenter.client("ec2")
    name = unique("shop-profile")
    iam.create_instance_profile(InstanceProfileName=name, Tags=tags(**PROFILE))
    iam.tag_instance_profile(InstanceProfileName=name, Tags=tags(**PROFILE))
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=ROLE_NAME)
    iam.get_instance_profile(InstanceProfileName=name)
    iam.list_instance_profiles()
    made = ec2.create_launch_template(**template(name))["LaunchTemplate"]["LaunchTemplateId"]
    launched = ec2.create_fleet(**fleet(karpenter.aws, made))["Instances"][0]["InstanceIds"]
    ec2.describe_instances(InstanceIds=launched)
    ec2.create_tags(
        Resources=launched, Tags=tags(**{"karpenter.sh/nodeclaim": "default-1", "Name": "node", EKS: CLUSTER})
    )
    ec2.terminate_instances(InstanceIds=launched)
    ec2.delete_launch_template(LaunchTemplateId=made)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=ROLE_NAME)
    iam.delete_instance_profile(InstanceProfileName=name)


def test_karpenter_hears_of_interruptions(karpenter: Controller) -> None:
    sqs = karpenter.client("sqs")
    url = sqs.get_queue_url(QueueName=CLUSTER)["QueueUrl"]
    karpenter.aws.client("sqs").send_message(QueueUrl=url, MessageBody="{}")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert not karpenter.is_allowed(Call("sqs", "send_message", {"QueueUrl": url, "MessageBody": "{}"}))


def test_no_condition_of_karpenter_is_left() -> None:
    assert covered(KARPENTER_REFUSALS) == set(operands(KARPENTER))


def held(statement: str, operator: str, key: str) -> Operand:
    return Operand(statement, operator, f"aws:ResourceTag/{key}")


def asked(statement: str, operator: str, key: str) -> Operand:
    return Operand(statement, operator, f"aws:RequestTag/{key}")


def creating_template(left_out: str) -> Callable[[LocalAWS], Call]:
    return lambda aws: Call(
        "ec2", "create_launch_template", template(profile_with_role(aws), without_tag(OWNED, left_out))
    )


def creating_fleet(left_out: str) -> Callable[[LocalAWS], Call]:
    """A fleet whose launch template lacks a tag."""
    return lambda aws: Call("ec2", "create_fleet", fleet(aws, made_template(aws, without_tag(OWNED, left_out))))


def terminating(left_out: str) -> Callable[[LocalAWS], Call]:
    return lambda aws: Call(
        "ec2", "terminate_instances", {"InstanceIds": [instance(aws, without_tag(OWNED, left_out))]}
    )


def tagging(values: dict[str, str], left_out: str = "") -> Callable[[LocalAWS], Call]:
    return lambda aws: Call(
        "ec2", "create_tags", {"Resources": [instance(aws, without_tag(OWNED, left_out))], "Tags": tags(**values)}
    )


def creating_profile(left_out: str) -> Callable[[LocalAWS], Call]:
    given = tags(**without_tag(PROFILE, left_out))
    return lambda _: Call("iam", "create_instance_profile", {"InstanceProfileName": unique("profile"), "Tags": given})


def tagging_profile(of_profile: dict[str, str], given: dict[str, str]) -> Callable[[LocalAWS], Call]:
    return lambda aws: Call(
        "iam", "tag_instance_profile", {"InstanceProfileName": profile(aws, of_profile), "Tags": tags(**given)}
    )


def deleting_profile(left_out: str) -> Callable[[LocalAWS], Call]:
    return lambda aws: Call(
        "iam", "delete_instance_profile", {"InstanceProfileName": profile(aws, without_tag(PROFILE, left_out))}
    )


def operator_of(key: str) -> str:
    return "StringLike" if key in (POOL, CLASS) else "StringEquals"


def function(aws: LocalAWS) -> Call:
    given = {"FunctionName": unique("f"), "Runtime": "python3.12", "Handler": "app.handler"}
    return Call("lambda", "create_function", {**given, "Role": NODE_ROLE, "Code": {"ZipFile": archive()}})


def zonal_shift(_: LocalAWS) -> Call:
    other = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/other"
    return Call("arc-zonal-shift", "get_managed_resource", {"resourceIdentifier": other})


CREATION, TAGGING = "AllowScopedEC2InstanceActionsWithTags", "AllowScopedResourceCreationTagging"
PROFILE_CREATION, PROFILE_TAGS = "AllowScopedInstanceProfileCreationActions", "AllowScopedInstanceProfileTagActions"


def of_new_profile(key: str) -> list[Operand]:
    """The operands that a new instance profile without a tag does not fulfil: its tags are requested and held."""
    operator = operator_of(key)
    return [asked(PROFILE_TAGS, operator, key), *([held(PROFILE_TAGS, operator, key)] if key != EKS else [])]


KARPENTER_REFUSALS = [
    *(
        Refusal((held("AllowScopedEC2LaunchTemplateAccessActions", operator_of(key), key),), creating_fleet(key))
        for key in (OF_CLUSTER, POOL)
    ),
    *(
        Refusal((asked(CREATION, operator_of(key), key), asked(TAGGING, operator_of(key), key)), creating_template(key))
        for key in (OF_CLUSTER, EKS, POOL)
    ),
    Refusal(
        (Operand(TAGGING, "StringEquals", "ec2:CreateAction"),),
        lambda aws: Call("ec2", "create_tags", {"Resources": [made_template(aws)], "Tags": tags(**OWNED)}),
    ),
    *(
        Refusal((held("AllowScopedResourceTagging", operator_of(key), key),), tagging({"Name": "node"}, key))
        for key in (OF_CLUSTER, POOL)
    ),
    Refusal((asked("AllowScopedResourceTagging", "StringEqualsIfExists", EKS),), tagging({EKS: "other"})),
    Refusal(
        (Operand("AllowScopedResourceTagging", "ForAllValues:StringEquals", "aws:TagKeys"),), tagging({"team": "blue"})
    ),
    *(Refusal((held("AllowScopedDeletion", operator_of(key), key),), terminating(key)) for key in (OF_CLUSTER, POOL)),
    Refusal(
        (Operand("AllowPassingInstanceRole", "StringEquals", "iam:PassedToService"),),
        function,
        beside=(allow("lambda:CreateFunction"),),
    ),
    *(
        Refusal((asked(PROFILE_CREATION, operator_of(key), key), *of_new_profile(key)), creating_profile(key))
        for key in (OF_CLUSTER, EKS, PLACE, CLASS)
    ),
    *(
        Refusal((held(PROFILE_TAGS, operator_of(key), key),), tagging_profile(without_tag(PROFILE, key), PROFILE))
        for key in (OF_CLUSTER, PLACE, CLASS)
    ),
    *(
        Refusal((asked(PROFILE_TAGS, operator_of(key), key),), tagging_profile(PROFILE, without_tag(PROFILE, key)))
        for key in (OF_CLUSTER, EKS, PLACE, CLASS)
    ),
    *(
        Refusal((held("AllowScopedInstanceProfileActions", operator_of(key), key),), deleting_profile(key))
        for key in (OF_CLUSTER, PLACE, CLASS)
    ),
    Refusal(
        (Operand("AllowZonalShiftStatusReadOnly", "StringEquals", "arc-zonal-shift:ResourceIdentifier"),), zonal_shift
    ),
    Refusal(
        (Operand("AllowRegionalReadActions", "StringEquals", "aws:RequestedRegion"),),
        lambda _: Call("ec2", "describe_instances", {}, region="us-west-2"),
    ),
]


@pytest.mark.parametrize("refusal", KARPENTER_REFUSALS, ids=name_of)
def test_condition_of_karpenter(karpenter: Controller, refusal: Refusal) -> None:
    karpenter.check(refusal)


FULL = published("cluster_autoscaler", "full")
GROUP = "nodes"
MINIMAL = published(
    "cluster_autoscaler",
    "minimal",
    YOUR_CLUSTER_AWS_REGION=REGION,
    YOUR_AWS_ACCOUNT_ID=ACCOUNT,
    YOUR_ASG_NAME=GROUP,
)


@pytest.fixture(scope="module")
def groups(account: LocalAWS) -> LocalAWS:
    client = account.client("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="c", ImageId=IMAGE, InstanceType="t3.micro")
    for name in (GROUP, "others"):
        client.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=3,
            DesiredCapacity=1,
            AvailabilityZones=[f"{REGION}a"],
            LaunchConfigurationName="c",
            Tags=[{"Key": "k8s.io/cluster-autoscaler/enabled", "Value": "true"}],
        )
    return account


def instance_of(aws: LocalAWS, group: str) -> str:
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return str(found["AutoScalingGroups"][0]["Instances"][0]["InstanceId"])


def test_the_cluster_autoscaler_scales_up_and_down(groups: LocalAWS) -> None:
    autoscaler = Controller(groups, FULL)
    client, ec2 = autoscaler.client("autoscaling"), autoscaler.client("ec2")
    found = client.describe_auto_scaling_groups(
        Filters=[{"Name": "tag-key", "Values": ["k8s.io/cluster-autoscaler/enabled"]}]
    )
    assert len(found["AutoScalingGroups"]) == 2
    client.describe_auto_scaling_instances()
    client.describe_launch_configurations(LaunchConfigurationNames=["c"])
    client.describe_scaling_activities(AutoScalingGroupName=GROUP)
    ec2.describe_instance_types(InstanceTypes=["t3.micro"])
    ec2.describe_images(ImageIds=[IMAGE])
    client.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=2)
    client.terminate_instance_in_auto_scaling_group(
        InstanceId=instance_of(groups, GROUP), ShouldDecrementDesiredCapacity=True
    )
    assert not autoscaler.is_allowed(Call("autoscaling", "delete_auto_scaling_group", {"AutoScalingGroupName": GROUP}))


def test_the_minimal_policy_is_for_the_named_group(groups: LocalAWS) -> None:
    autoscaler = Controller(groups, MINIMAL)
    for name, allowed in ((GROUP, True), ("others", False)):
        given = {"AutoScalingGroupName": name, "DesiredCapacity": 1}
        assert autoscaler.is_allowed(Call("autoscaling", "set_desired_capacity", given)) is allowed
        given = {"InstanceId": instance_of(groups, name), "ShouldDecrementDesiredCapacity": False}
        assert autoscaler.is_allowed(Call("autoscaling", "terminate_instance_in_auto_scaling_group", given)) is allowed


def test_the_cluster_autoscaler_reads_node_groups(groups: LocalAWS) -> None:
    eks = groups.client("eks")
    eks.create_cluster(name="scaled", roleArn=f"arn:aws:iam::{ACCOUNT}:role/podrole-node", resourcesVpcConfig={})
    eks.create_nodegroup(
        clusterName="scaled",
        nodegroupName="n",
        subnets=["subnet-1"],
        nodeRole=f"arn:aws:iam::{ACCOUNT}:role/podrole-node",
    )
    autoscaler = Controller(groups, FULL)
    assert autoscaler.client("eks").describe_nodegroup(clusterName="scaled", nodegroupName="n")["nodegroup"]
