"""AWS's partitions against botocore's list."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from podrole.base.partitions import (
    PARTITIONS,
    domain_of,
    eks_issuer_host,
    eks_issuer_region,
    is_region_name,
    partition_of,
    regions,
)

BOTOCORE = json.loads(files("botocore").joinpath("data", "partitions.json").read_bytes())["partitions"]


@pytest.mark.parametrize("partition", BOTOCORE, ids=lambda partition: partition["id"])
def test_partition_and_domain_of_each_region_are_those_of_botocore(partition: dict[str, object]) -> None:
    outputs = partition["outputs"]
    assert isinstance(outputs, dict)
    known = [region for region, of in regions().items() if of == partition["id"]]
    assert known
    for region in known:
        assert (partition_of(region), domain_of(region)) == (partition["id"], outputs["dnsSuffix"])
        assert is_region_name(region)


def test_partitions_are_those_of_botocore() -> None:
    assert {partition["id"] for partition in BOTOCORE} == PARTITIONS


def test_regions_that_stand_for_global_services_are_left_out() -> None:
    assert "us-east-1" in regions()
    assert "aws-global" not in regions()


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("xx-nowhere-9", "aws"),
    ],
)
def test_prefix_of_a_region_decides_its_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


@pytest.mark.parametrize("text", ["", "us-east", "us-east-1\n", "US-EAST-1", "us-east-123", "aws-global"])
def test_text_of_another_form_is_not_a_region_name(text: str) -> None:
    assert not is_region_name(text)


@pytest.mark.parametrize(
    ("region", "ipv6", "host"),
    [
        ("eu-west-1", False, "oidc.eks.eu-west-1.amazonaws.com"),
        ("cn-north-1", False, "oidc.eks.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", False, "oidc.eks.us-gov-west-1.amazonaws.com"),
        ("eu-west-1", True, "oidc-eks.eu-west-1.api.aws"),
        ("cn-north-1", True, "oidc-eks.cn-north-1.api.amazonwebservices.com.cn"),
    ],
)
def test_host_of_the_issuers_of_eks(region: str, ipv6: bool, host: str) -> None:
    assert eks_issuer_host(region, ipv6=ipv6) == host
    assert eks_issuer_region(f"https://{host}/id/{'A1' * 16}") == region


@pytest.mark.parametrize(
    "issuer",
    [
        "https://oidc.eks.eu-west-1.amazonaws.com/id/A1",
        f"https://oidc.eks.eu-west-1.amazonaws.com/id/{'A1' * 16}/",
        f"http://oidc.eks.eu-west-1.amazonaws.com/id/{'A1' * 16}",
        f"https://oidc.eks.cn-north-1.amazonaws.com/id/{'A1' * 16}",
        f"https://oidc-eks.eu-west-1.amazonaws.com/id/{'A1' * 16}",
        f"https://oidc.example.com/id/{'A1' * 16}",
    ],
)
def test_issuer_of_another_form_has_no_region(issuer: str) -> None:
    assert eks_issuer_region(issuer) is None
