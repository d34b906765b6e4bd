"""Elastic Load Balancing: a call is on the ARNs that it names, and their types say what is made in them."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.elbv2 import made_in
from support.calls import ACCOUNT, REGION, all_needed, call

ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
BALANCER, LISTENER = f"{ELB}:loadbalancer/app/l/1", f"{ELB}:listener/app/l/1/2"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateLoadBalancer", {"Name": "l"}, ["CreateLoadBalancer loadbalancer/app/l/*!"]),
        ("CreateLoadBalancer", {"Name": "l", "Type": "gateway"}, ["CreateLoadBalancer loadbalancer/gwy/l/*!"]),
        ("CreateLoadBalancer", {"Name": "l", "Type": "new"}, ["CreateLoadBalancer loadbalancer/*/l/*!"]),
        ("CreateLoadBalancer", {}, ["CreateLoadBalancer loadbalancer/app/*/*!"]),
        ("CreateTargetGroup", {"Name": "t"}, ["CreateTargetGroup targetgroup/t/*!"]),
        ("CreateTrustStore", {"Name": "s"}, ["CreateTrustStore truststore/s/*!"]),
        ("ModifyListener", {"ListenerArn": LISTENER}, ["ModifyListener listener/app/l/1/2"]),
        ("RemoveTags", {"ResourceArns": [BALANCER, BALANCER]}, ["RemoveTags loadbalancer/app/l/1"]),
        ("SetSubnets", {}, ["SetSubnets *"]),
        ("DescribeListeners", {"LoadBalancerArn": BALANCER}, ["DescribeListeners *"]),
    ],
)
def test_call_is_on_what_it_names_or_makes(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("elbv2", operation, given)
    of_service = (one.removeprefix("elasticloadbalancing:") for one in found)
    assert [one.replace("arn:aws:elasticloadbalancing:HERE:", "") for one in of_service] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateListener", {"LoadBalancerArn": BALANCER, "ListenerArn": "x"}, f"{ELB}:listener/app/l/1/*"),
        ("CreateRule", {"ListenerArn": LISTENER, "LoadBalancerArn": "x"}, f"{ELB}:listener-rule/app/l/1/2/*"),
        ("CreateRule", {}, "/*"),
        ("CreateLoadBalancer", {"Name": "l"}, None),
    ],
)
def test_listener_is_made_in_a_load_balancer_and_a_rule_in_a_listener(
    operation: str, given: dict[str, Any], expected: str | None
) -> None:
    assert made_in(call("elbv2", operation, given)) == expected
