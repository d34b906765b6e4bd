"""What a launch with a launch template needs: everything that the template says, and what the call says instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from podrole.iam.actions.call import Call
from podrole.iam.actions.keys import condition_keys
from podrole.iam.actions.operations import permissions
from support.calls import Account, call

TEMPLATE: Mapping[str, Any] = {
    "ImageId": "ami-1",
    "InstanceType": "t3.micro",
    "IamInstanceProfile": {"Name": "web"},
    "SecurityGroupIds": ["sg-1"],
    "NetworkInterfaces": [{"SubnetId": "subnet-9"}],
    "MetadataOptions": {"HttpTokens": "required"},
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "blue"}]}],
}
LATEST: Mapping[str, Any] = {**TEMPLATE, "ImageId": "ami-latest"}


class WithTemplate(Account):
    """An account with a launch template, ``lt-1``, and one that has the names of groups, ``lt-names``."""

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if named.get("LaunchTemplateId") == "lt-names":
            return {**TEMPLATE, "SecurityGroupIds": [], "SecurityGroups": ["web"]}
        if named.get("LaunchTemplateId") != "lt-1":
            return None
        return LATEST if named.get("Version") == "$Latest" else TEMPLATE


NAMED = {"LaunchTemplateId": "lt-1"}
RUN = {"LaunchTemplate": NAMED, "MinCount": 1, "MaxCount": 1}


def fleet(named: Mapping[str, Any], *overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {"LaunchTemplateConfigs": [{"LaunchTemplateSpecification": named, "Overrides": list(overrides)}]}


def group(**more: Any) -> dict[str, Any]:
    return {"AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 1, **more}


def mixed(*overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {"LaunchTemplate": {"LaunchTemplateSpecification": NAMED, "Overrides": list(overrides)}}


TAGGED = {
    "TagSpecifications": [
        {"ResourceType": kind, "Tags": [{"Key": "owner", "Value": "shop"}]} for kind in ("fleet", "instance", "volume")
    ]
}
USED = "launch-template/lt-1 instance/* volume/* image/ami-1 network-interface/* security-group/sg-1 subnet/subnet-9"
CASES: list[tuple[str, str, dict[str, Any], str, str]] = [
    # client, operation, parameters, the launch's resources in ec2:RunInstances, all others
    ("ec2", "RunInstances", RUN, USED, "CreateTags PassRole"),
    (
        "ec2",
        "RunInstances",
        {**RUN, "ImageId": "ami-2", "SecurityGroupIds": ["sg-2"]},
        USED.replace("ami-1", "ami-2").replace("sg-1", "sg-2"),
        "CreateTags PassRole",
    ),
    (
        "ec2",
        "RunInstances",
        {**RUN, "LaunchTemplate": {"LaunchTemplateId": "lt-2"}},
        "launch-template/lt-2 instance/* volume/* image/*? network-interface/* security-group/*? subnet/subnet-1",
        "",
    ),
    ("ec2", "RunInstances", {**RUN, "SecurityGroups": ["own"]}, USED.replace("sg-1", "*?"), "CreateTags PassRole"),
    (
        "ec2",
        "RunInstances",
        {**RUN, "LaunchTemplate": {"LaunchTemplateId": "lt-names"}, "SecurityGroupIds": ["sg-2"]},
        USED.replace("sg-1", "sg-2").replace("lt-1", "lt-names"),
        "CreateTags PassRole",
    ),
    (
        "ec2",
        "RunInstances",
        {"ImageId": "resolve:ssm:/golden/image:3", "MinCount": 1, "MaxCount": 1},
        "instance/* volume/* image/*? network-interface/* security-group/*? subnet/subnet-1",
        "GetParameters",
    ),
    ("ec2", "CreateFleet", fleet(NAMED), USED, "CreateFleet CreateTags PassRole"),
    (
        "ec2",
        "CreateFleet",
        fleet({**NAMED, "Version": "$Latest"}),
        USED.replace("ami-1", "ami-latest"),
        "CreateFleet CreateTags PassRole",
    ),
    (
        "ec2",
        "CreateFleet",
        {"LaunchTemplateConfigs": [{"Overrides": [{"ImageId": "ami-3"}]}]},
        "instance/* volume/* image/ami-3 network-interface/* security-group/*? subnet/subnet-1",
        "CreateFleet",
    ),
    (
        "ec2",
        "CreateFleet",
        fleet(NAMED, {"SubnetId": "subnet-2, subnet-3", "ImageId": "ami-3"}),
        f"{USED} subnet/subnet-2 subnet/subnet-3".replace("ami-1", "ami-3"),
        "CreateFleet CreateTags PassRole",
    ),
    ("ec2", "CreateFleet", {**fleet(NAMED), **TAGGED}, USED, "CreateFleet CreateTags PassRole"),
    (
        "ec2",
        "ModifySpotFleetRequest",
        {"SpotFleetRequestId": "sfr-1", **fleet(NAMED)},
        USED,
        "CreateTags ModifySpotFleetRequest PassRole",
    ),
    ("ec2", "ModifyFleet", {"FleetId": "fleet-1", **fleet(NAMED)}, USED, "CreateTags ModifyFleet PassRole"),
    (
        "ec2",
        "RequestSpotFleet",
        {"SpotFleetRequestConfig": fleet({**NAMED, "Version": "1"})},
        f"{USED} image/ami-latest",
        "CreateTags PassRole RequestSpotFleet",
    ),
    (
        "ec2",
        "RequestSpotFleet",
        {
            "SpotFleetRequestConfig": {
                "LaunchSpecifications": [
                    {"ImageId": "ami-4", "SecurityGroups": [{"GroupId": "sg-4"}], "SubnetId": "subnet-4"}
                ]
            }
        },
        "instance/* volume/* image/ami-4 network-interface/* security-group/sg-4 subnet/subnet-4",
        "RequestSpotFleet",
    ),
    (
        "ec2",
        "RequestSpotFleet",
        {"SpotFleetRequestConfig": {"LaunchSpecifications": [{}, {"SecurityGroups": [{"GroupName": "web"}]}]}},
        "instance/* volume/* image/* network-interface/* security-group/*? subnet/subnet-1",
        "RequestSpotFleet",
    ),
    (
        "autoscaling",
        "CreateAutoScalingGroup",
        group(LaunchTemplate={**NAMED, "Version": "$Latest"}),
        f"{USED} image/ami-latest",
        "CreateAutoScalingGroup CreateTags PassRole",
    ),
    (
        "autoscaling",
        "UpdateAutoScalingGroup",
        group(MixedInstancesPolicy=mixed({"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-names"}})),
        USED.replace("lt-1", "lt-names").replace("sg-1", "*?"),
        "CreateTags PassRole UpdateAutoScalingGroup",
    ),
    (
        "autoscaling",
        "UpdateAutoScalingGroup",
        group(MixedInstancesPolicy={"InstancesDistribution": {}}),
        "",
        "UpdateAutoScalingGroup",
    ),
    (
        "autoscaling",
        "UpdateAutoScalingGroup",
        group(MixedInstancesPolicy={"LaunchTemplate": {"Overrides": [{"ImageId": "ami-3"}, {}]}}),
        "instance/* volume/* image/ami-3 image/* network-interface/* security-group/*? subnet/subnet-1",
        "UpdateAutoScalingGroup",
    ),
    (
        "autoscaling",
        "CreateAutoScalingGroup",
        group(LaunchTemplate=NAMED, VPCZoneIdentifier="subnet-2,subnet-3"),
        f"{USED} subnet/subnet-2 subnet/subnet-3",
        "CreateAutoScalingGroup CreateTags PassRole",
    ),
    (
        "autoscaling",
        "UpdateAutoScalingGroup",
        group(MixedInstancesPolicy=mixed({"InstanceType": "t3.nano"}, {"LaunchTemplateSpecification": {**NAMED}})),
        USED,
        "CreateTags PassRole UpdateAutoScalingGroup",
    ),
    (
        "autoscaling",
        "StartInstanceRefresh",
        {"AutoScalingGroupName": "g", "DesiredConfiguration": {"MixedInstancesPolicy": mixed()}},
        USED,
        "CreateTags PassRole StartInstanceRefresh",
    ),
    ("autoscaling", "UpdateAutoScalingGroup", group(), "", "UpdateAutoScalingGroup"),
    ("autoscaling", "CreateAutoScalingGroup", group(LaunchConfigurationName="c"), "", "CreateAutoScalingGroup"),
]


@pytest.mark.parametrize(("client", "operation", "given", "launch", "others"), CASES)
def test_a_launch_needs_everything_that_it_uses(
    client: str, operation: str, given: dict[str, Any], launch: str, others: str
) -> None:
    needed = permissions(call(client, operation, given), WithTemplate())
    on = {
        one.resource.split(":", 5)[5] + ("?" if one.partial else "")
        for one in needed
        if one.action == "ec2:RunInstances"
    }
    assert on == set(launch.split())
    assert {one.action.partition(":")[2] for one in needed} - {"RunInstances"} == set(others.split())


def test_a_launch_is_asked_for_once() -> None:
    needed = permissions(call("ec2", "RunInstances", RUN), WithTemplate())
    assert [one for index, one in enumerate(needed) if one in needed[:index]] == []


def test_same_launches_of_a_call_are_asked_for_once() -> None:
    once, twice = (
        permissions(call("ec2", "CreateFleet", fleet(NAMED, *more)), WithTemplate()) for more in ([{}], [{}, {}])
    )
    assert len(once) == len(twice)


def test_only_the_launch_has_keys_of_the_template() -> None:
    needed = permissions(call("ec2", "CreateFleet", fleet(NAMED)), WithTemplate())
    assert {one.action for one in needed if "ec2:LaunchTemplate" in one.keys} == {"ec2:RunInstances"}


@pytest.mark.parametrize(
    ("zones", "expected"),
    [(["a", "b"], {"a", "b"}), ("a", {"a"}), ([], {None})],
)
def test_group_is_launched_in_each_of_its_zones(zones: list[str] | str, expected: set[str | None]) -> None:
    asked = call("autoscaling", "CreateAutoScalingGroup", group(LaunchTemplate=NAMED, AvailabilityZones=zones))
    launches = [one.call for one in permissions(asked, WithTemplate()) if one.call is not None]
    assert {one.parameters.get("Placement", {}).get("AvailabilityZone") for one in launches} == expected


def test_parameter_that_neither_the_call_nor_the_template_has_is_absent() -> None:
    asked = replace(call("ec2", "RunInstances", RUN), members=frozenset({"imageid", "subnetid"}))
    launched = next(one for one in permissions(asked, WithTemplate()) if "subnet/" in one.resource)
    assert "ec2:subnetid" not in condition_keys(asked, launched, WithTemplate()).unknown


def test_place_of_the_template_counts_where_the_group_has_none() -> None:
    asked = call("autoscaling", "CreateAutoScalingGroup", group(LaunchTemplate=NAMED))
    launches = [one.call.parameters for one in permissions(asked, WithTemplate()) if one.call is not None]
    assert not [one for one in launches if {"Placement", "SubnetId"} & one.keys()]


def test_tags_are_asked_for_with_the_operation_that_has_them() -> None:
    needed = permissions(call("ec2", "CreateFleet", {**fleet(NAMED), **TAGGED}), WithTemplate())
    tagging = [one for one in needed if one.action == "ec2:CreateTags"]
    assert {(one.resource.split(":", 5)[5], one.keys["ec2:CreateAction"]) for one in tagging} == {
        ("fleet/*", "CreateFleet"),
        ("instance/*", "CreateFleet"),
        ("volume/*", "CreateFleet"),
        ("instance/*", "RunInstances"),
    }


KEYS: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    # client, operation, parameters, part of the resource's ARN, key, its value
    ("ec2", "RunInstances", RUN, "instance/", "ec2:InstanceType", "t3.micro"),
    ("ec2", "RunInstances", RUN, "instance/", "ec2:MetadataHttpTokens", "required"),
    (
        "ec2",
        "RunInstances",
        {**RUN, "MetadataOptions": {"HttpEndpoint": "enabled"}},
        "instance/",
        "ec2:MetadataHttpTokens",
        "?",
    ),
    ("ec2", "RunInstances", RUN, "instance/", "ec2:IsLaunchTemplateResource", "true"),
    *(
        ("ec2", "RunInstances", {**RUN, **given}, "instance/", "ec2:IsLaunchTemplateResource", "true")
        for given in ({"ClientToken": "t"}, {"DryRun": True}, {"TagSpecifications": TAGGED["TagSpecifications"]})
    ),
    (
        "ec2",
        "RunInstances",
        {**RUN, "SecurityGroupIds": ["sg-2"]},
        "security-group/",
        "ec2:IsLaunchTemplateResource",
        "false",
    ),
    ("ec2", "RunInstances", RUN, "instance/", "ec2:Tenancy", "default"),
    ("ec2", "CreateFleet", fleet({"LaunchTemplateId": "lt-2"}), "image/", "ec2:IsLaunchTemplateResource", "?"),
    (
        "ec2",
        "RequestSpotFleet",
        {"SpotFleetRequestConfig": {"LaunchSpecifications": [{"ImageId": "ami-4"}]}},
        "instance/",
        "ec2:LaunchTemplate",
        "absent",
    ),
    ("ec2", "RunInstances", {**RUN, "EbsOptimized": True}, "instance/", "ec2:IsLaunchTemplateResource", "?"),
    ("ec2", "RunInstances", {**RUN, "ImageId": "ami-2"}, "image/", "ec2:IsLaunchTemplateResource", "false"),
    ("ec2", "RunInstances", {**RUN, "ImageId": "ami-2"}, "security-group/", "ec2:IsLaunchTemplateResource", "true"),
    ("ec2", "RunInstances", {**RUN, "ImageId": "ami-2"}, "launch-template/", "ec2:IsLaunchTemplateResource", "true"),
    ("ec2", "CreateFleet", fleet(NAMED, {"InstanceType": "c5.large"}), "instance/", "ec2:InstanceType", "c5.large"),
    ("ec2", "CreateFleet", fleet({"LaunchTemplateId": "lt-2"}), "instance/", "ec2:InstanceType", "?"),
    ("ec2", "CreateFleet", fleet(NAMED), "instance/", "ec2:EbsOptimized", "?"),
    ("ec2", "CreateFleet", {**fleet(NAMED), **TAGGED}, "instance/", "aws:RequestTag/owner", "shop"),
    ("ec2", "CreateFleet", {**fleet(NAMED), **TAGGED}, "instance/", "aws:RequestTag/team", "blue"),
    ("ec2", "CreateFleet", {**fleet(NAMED), **TAGGED}, "volume/", "aws:RequestTag/owner", "shop"),
    ("ec2", "CreateFleet", {**fleet(NAMED), **TAGGED}, "network-interface/", "aws:RequestTag/owner", "absent"),
    ("autoscaling", "CreateAutoScalingGroup", group(LaunchTemplate=NAMED), "instance/", "ec2:InstanceType", "t3.micro"),
    ("autoscaling", "CreateAutoScalingGroup", group(LaunchTemplate=NAMED), "instance/", "aws:RequestTag/team", "blue"),
]


@pytest.mark.parametrize(("client", "operation", "given", "on", "key", "value"), KEYS)
def test_the_condition_keys_of_a_launch_are_those_of_the_template_and_the_call(
    client: str, operation: str, given: dict[str, Any], on: str, key: str, value: str
) -> None:
    asked = call(client, operation, given)
    needed = permissions(asked, WithTemplate())
    launch = next(one for one in needed if one.action == "ec2:RunInstances" and on in one.resource)
    keys = condition_keys(asked, launch, WithTemplate())
    assert (keys.values.get(key) or ("?" if key.lower() in keys.unknown else "absent")) == value


def test_the_type_that_requirements_choose_is_unknown() -> None:
    asked = call("ec2", "CreateFleet", fleet({"LaunchTemplateId": "lt-1"}, {"InstanceRequirements": {"VCpuCount": {}}}))

    class WithoutType(Account):
        def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
            return {"ImageId": "ami-1"}

    launch = next(one for one in permissions(asked, WithoutType()) if "instance/" in one.resource and one.call)
    keys = condition_keys(asked, launch, WithoutType())
    assert "ec2:InstanceType" not in keys.values
    assert "ec2:instancetype" in keys.unknown
