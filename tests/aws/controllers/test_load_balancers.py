"""The AWS Load Balancer Controller."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import LocalAWS
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

CLUSTER = {"elbv2.k8s.aws/cluster": "shop", "service.k8s.aws/resource": "LoadBalancer"}
OTHER = {"team": "blue"}
POLICIES = published("aws_load_balancer_controller")


@pytest.fixture(scope="module")
def controller(account: LocalAWS) -> Controller:
    return Controller(account, POLICIES)


def vpc(aws: LocalAWS) -> str:
    return str(aws.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"])


def subnets(aws: LocalAWS) -> list[str]:
    return [str(one["SubnetId"]) for one in aws.client("ec2").describe_subnets()["Subnets"][:2]]


def group(aws: LocalAWS, values: dict[str, str]) -> str:
    made = aws.client("ec2").create_security_group(
        GroupName=unique("k8s"), Description="x", VpcId=vpc(aws), TagSpecifications=tagged(values, "security-group")
    )
    return str(made["GroupId"])


def target_group(aws: LocalAWS, **more: Any) -> dict[str, Any]:
    return {"Name": unique("k8s"), "Protocol": "HTTP", "Port": 80, "VpcId": vpc(aws), "TargetType": "ip", **more}


def made_target_group(aws: LocalAWS, values: dict[str, str]) -> str:
    made = aws.client("elbv2").create_target_group(**target_group(aws, Tags=tags(**values)))
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def test_an_ingress_comes_and_goes(controller: Controller) -> None:
    aws, ec2, elb = controller.aws, controller.client("ec2"), controller.client("elbv2")
    controller.client("iam").create_service_linked_role(AWSServiceName="elasticloadbalancing.amazonaws.com")
    ec2.describe_availability_zones()
    ec2.describe_vpcs()
    ec2.describe_subnets(Filters=[{"Name": "tag:kubernetes.io/role/elb", "Values": ["1", ""]}])
    ec2.describe_security_groups()
    ec2.describe_instances()
    ec2.describe_network_interfaces()
    ec2.describe_route_tables()
    controller.client("acm").list_certificates()
    elb.describe_load_balancers()
    elb.describe_ssl_policies()
    group_id = ec2.create_security_group(
        GroupName="k8s-shop",
        Description="[k8s] Managed SecurityGroup for LoadBalancer",
        VpcId=vpc(aws),
        TagSpecifications=tagged(CLUSTER, "security-group"),
    )["GroupId"]
    permissions = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
    ec2.create_tags(Resources=[group_id], Tags=tags(**OTHER))
    ec2.delete_tags(Resources=[group_id], Tags=[{"Key": "team"}])
    balancer = elb.create_load_balancer(
        Name="k8s-shop",
        Type="application",
        Scheme="internet-facing",
        Subnets=subnets(aws),
        SecurityGroups=[group_id],
        Tags=tags(**CLUSTER),
    )["LoadBalancers"][0]["LoadBalancerArn"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "30"}]
    )
    elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)
    elb.set_security_groups(LoadBalancerArn=balancer, SecurityGroups=[group_id])
    target = elb.create_target_group(**target_group(aws, Tags=tags(**CLUSTER)))["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=target, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    )
    elb.modify_target_group(TargetGroupArn=target, HealthCheckPath="/healthz")
    forward = [{"Type": "forward", "TargetGroupArn": target}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward, Tags=tags(**CLUSTER)
    )["Listeners"][0]["ListenerArn"]
    elb.modify_listener(ListenerArn=listener, DefaultActions=forward)
    rule = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/shop"]}],
        Actions=forward,
        Tags=tags(**CLUSTER),
    )["Rules"][0]["RuleArn"]
    elb.modify_rule(RuleArn=rule, Actions=forward)
    elb.register_targets(TargetGroupArn=target, Targets=[{"Id": "172.31.0.9", "Port": 8080}])
    elb.describe_target_health(TargetGroupArn=target)
    elb.describe_tags(ResourceArns=[balancer, target])
    elb.add_tags(ResourceArns=[balancer, target], Tags=tags(**OTHER))
    elb.add_tags(ResourceArns=[listener, rule], Tags=tags(**CLUSTER, **OTHER))
    elb.remove_tags(ResourceArns=[balancer, target], TagKeys=["team"])
    elb.deregister_targets(TargetGroupArn=target, Targets=[{"Id": "172.31.0.9", "Port": 8080}])
    elb.delete_rule(RuleArn=rule)
    elb.delete_listener(ListenerArn=listener)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=target)
    ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
    ec2.delete_security_group(GroupId=group_id)


def operand(statement: int, operator: str, key: str) -> Operand:
    return Operand(str(statement), operator, key)


REQUESTED, HELD = "aws:RequestTag/elbv2.k8s.aws/cluster", "aws:ResourceTag/elbv2.k8s.aws/cluster"
REFUSALS = [
    Refusal(
        (operand(0, "StringEquals", "iam:AWSServiceName"),),
        lambda _: Call("iam", "create_service_linked_role", {"AWSServiceName": "spot.amazonaws.com"}),
    ),
    Refusal(
        (operand(5, "StringEquals", "ec2:CreateAction"),),
        lambda aws: Call("ec2", "create_tags", {"Resources": [group(aws, OTHER)], "Tags": tags(**CLUSTER)}),
    ),
    Refusal(
        (operand(5, "Null", REQUESTED),),
        lambda aws: Call(
            "ec2",
            "create_security_group",
            {
                "GroupName": unique("k8s"),
                "Description": "x",
                "VpcId": vpc(aws),
                "TagSpecifications": tagged(OTHER, "security-group"),
            },
        ),
    ),
    Refusal(
        (operand(6, "Null", REQUESTED),),
        lambda aws: Call("ec2", "create_tags", {"Resources": [group(aws, CLUSTER)], "Tags": tags(**CLUSTER)}),
    ),
    Refusal(
        (operand(6, "Null", HELD),),
        lambda aws: Call("ec2", "create_tags", {"Resources": [group(aws, OTHER)], "Tags": tags(a="b")}),
    ),
    Refusal(
        (operand(7, "Null", HELD),),
        lambda aws: Call("ec2", "delete_security_group", {"GroupId": group(aws, OTHER)}),
    ),
    Refusal(
        (operand(8, "Null", REQUESTED),),
        lambda aws: Call("elbv2", "create_target_group", target_group(aws)),
    ),
    Refusal(
        (operand(10, "Null", REQUESTED),),
        lambda aws: Call(
            "elbv2", "add_tags", {"ResourceArns": [made_target_group(aws, CLUSTER)], "Tags": tags(**CLUSTER)}
        ),
    ),
    Refusal(
        (operand(10, "Null", HELD),),
        lambda aws: Call("elbv2", "add_tags", {"ResourceArns": [made_target_group(aws, OTHER)], "Tags": tags(a="b")}),
    ),
    Refusal(
        (operand(12, "Null", HELD),),
        lambda aws: Call(
            "elbv2",
            "modify_target_group",
            {"TargetGroupArn": made_target_group(aws, OTHER), "HealthCheckPath": "/healthz"},
        ),
    ),
    Refusal(
        (operand(13, "StringEquals", "elasticloadbalancing:CreateAction"),),
        lambda aws: Call(
            "elbv2", "add_tags", {"ResourceArns": [made_target_group(aws, OTHER)], "Tags": tags(**CLUSTER)}
        ),
    ),
    Refusal(
        (operand(8, "Null", REQUESTED), operand(13, "Null", REQUESTED)),
        lambda aws: Call("elbv2", "create_target_group", target_group(aws, Tags=tags(**OTHER))),
    ),
]


def test_every_condition_has_a_case() -> None:
    assert covered(REFUSALS) == set(operands(POLICIES))


@pytest.mark.parametrize("refusal", REFUSALS, ids=name_of)
def test_condition(controller: Controller, refusal: Refusal) -> None:
    controller.check(refusal)
