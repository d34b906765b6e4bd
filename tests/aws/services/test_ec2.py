"""EC2: names and addresses become ids before a call is authorized; what contradicts itself is refused."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.interfaces import Encryption
from podrole.aws.services.ec2 import RULES
from support.aws_facts import FakeFacts
from support.service_rules import HERE, refusal, resolved

FACTS = FakeFacts(
    arns={
        "ec2:elastic-ip 198.51.100.1": f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1",
        "ec2:security-group web": f"arn:aws:ec2:{HERE}:security-group/sg-1",
        "ec2:key-pair key-1": f"arn:aws:ec2:{HERE}:key-pair/mine",
        "ec2:launch-template shop": f"arn:aws:ec2:{HERE}:launch-template/lt-1",
    }
)
TEMPLATE, SHOP = {"LaunchTemplateId": "lt-1"}, {"LaunchTemplateName": "shop"}


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("ReleaseAddress", {"PublicIp": "198.51.100.1"}, {"AllocationId": "eipalloc-1"}),
        ("DeleteSecurityGroup", {"GroupName": "web"}, {"GroupId": "sg-1"}),
        ("DeleteSecurityGroup", {"GroupName": "web", "GroupId": "sg-1"}, {"GroupId": "sg-1"}),
        ("DeleteSecurityGroup", {"GroupName": "unknown"}, {"GroupName": "unknown"}),
        ("DeleteSecurityGroup", {"GroupId": "sg-2"}, {"GroupId": "sg-2"}),
        ("DeleteKeyPair", {"KeyPairId": "key-1"}, {"KeyName": "mine"}),
        ("DeleteKeyPair", {"KeyName": "a\nb"}, {"KeyName": "a\nb"}),
        ("DeleteLaunchTemplate", SHOP, TEMPLATE),
        # one of the two members alone is no other name
        ("CreateSecurityGroup", {"GroupName": "web"}, {"GroupName": "web"}),
        ("AuthorizeSecurityGroupEgress", {"GroupId": "web"}, {"GroupId": "web"}),
        # a placement group has both
        ("ModifyInstancePlacement", {"GroupName": "web"}, {"GroupName": "web"}),
        # launch templates stand anywhere
        ("RunInstances", {"LaunchTemplate": dict(SHOP)}, {"LaunchTemplate": TEMPLATE}),
        ("RunInstances", {"LaunchTemplate": "shop"}, {"LaunchTemplate": "shop"}),
        ("RunInstances", {"Placement": dict(SHOP)}, {"Placement": SHOP}),
        (
            "CreateFleet",
            {"LaunchTemplateConfigs": [{"LaunchTemplateSpecification": dict(SHOP)}]},
            {"LaunchTemplateConfigs": [{"LaunchTemplateSpecification": TEMPLATE}]},
        ),
        # names of security groups, of a launch alone
        ("RunInstances", {"SecurityGroups": ["web"]}, {"SecurityGroupIds": ["sg-1"]}),
        (
            "RunInstances",
            {"SecurityGroups": ["web"], "SecurityGroupIds": ["sg-2"]},
            {"SecurityGroupIds": ["sg-2", "sg-1"]},
        ),
        ("RunInstances", {"SecurityGroupIds": ["sg-2"]}, {"SecurityGroupIds": ["sg-2"]}),
        ("RequestSpotInstances", {"SecurityGroups": ["web"]}, {"SecurityGroups": ["web"]}),
    ],
)
def test_names_become_ids(operation: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert resolved(RULES, operation, FACTS, **given) == expected


@pytest.mark.parametrize(
    ("operation", "given", "code"),
    [
        ("DeleteSecurityGroup", {"GroupId": "sg-1x"}, "InvalidGroupId.Malformed"),
        ("ReleaseAddress", {"AllocationId": "198.51.100.1"}, "InvalidAllocationId.Malformed"),
        ("DeleteSecurityGroup", {"GroupId": "sg-2", "GroupName": "web"}, "InvalidParameterCombination"),
        ("DeleteSecurityGroup", {"GroupId": "sg-1", "GroupName": "unknown"}, "InvalidParameterCombination"),
        ("RunInstances", {"LaunchTemplate": {**SHOP, "LaunchTemplateId": "lt-2"}}, "InvalidParameterCombination"),
        ("RunInstances", {"SecurityGroups": ["web", "unknown"]}, "InvalidGroup.NotFound"),
    ],
)
def test_ids_that_contradict_or_are_malformed_are_refused(operation: str, given: dict[str, Any], code: str) -> None:
    assert refusal(resolved, RULES, operation, FACTS, **given) == (code, 400)


def test_a_copy_of_an_encrypted_snapshot_has_a_key() -> None:
    facts = FakeFacts(encrypted={f"arn:aws:ec2:{HERE}:snapshot/snap-1": Encryption("k1")})
    assert resolved(RULES, "CopySnapshot", facts, SourceSnapshotId="snap-1")["KmsKeyId"] == "alias/aws/ebs"
    assert "KmsKeyId" not in resolved(RULES, "DeleteSnapshot", facts, SourceSnapshotId="snap-1")
