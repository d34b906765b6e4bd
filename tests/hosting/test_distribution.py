"""What is compared of a CloudFront distribution."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.model import ServiceModel

from podrole.hosting.distribution import IGNORED, found_config, wanted_config
from podrole.hosting.wanted import HostedIssuer
from podrole.hosting.writes import create_distribution

WANTED = HostedIssuer("prod", "documents", "prod", "111122223333", "aws", "eu-west-1")


def created() -> dict[str, Any]:
    call: Any = create_distribution(WANTED, "C1").call
    config: dict[str, Any] = call.parameters["DistributionConfigWithTags"]["DistributionConfig"]
    return config


def test_new_distribution_is_what_is_wanted() -> None:
    assert found_config(created()) == wanted_config("C1")


@pytest.mark.parametrize(
    ("part", "change", "path"),
    [
        ("", {"Enabled": False}, "Enabled"),
        ("", {"WebACLId": "arn:aws:wafv2:x"}, "WebACLId"),
        ("", {"Aliases": {"Quantity": 1, "Items": ["x.example.com"]}}, "Aliases.Quantity"),
        ("", {"CacheBehaviors": {"Quantity": 1}}, "CacheBehaviors.Quantity"),
        ("", {"Origins": {"Quantity": 2, "Items": created()["Origins"]["Items"]}}, "Origins.Quantity"),
        (
            "",
            {"Restrictions": {"GeoRestriction": {"RestrictionType": "blacklist"}}},
            "Restrictions.GeoRestriction.RestrictionType",
        ),
        (
            "",
            {"ViewerCertificate": {"CloudFrontDefaultCertificate": False, "ACMCertificateArn": "a"}},
            "ViewerCertificate.CloudFrontDefaultCertificate",
        ),
        ("", {"ViewerMtlsConfig": {"Mode": "required"}}, "ViewerMtlsConfig.Mode"),
        ("", {"ConnectionMode": "tenant-only"}, "ConnectionMode"),
        (
            "DefaultCacheBehavior",
            {"LambdaFunctionAssociations": {"Quantity": 1}},
            "DefaultCacheBehavior.LambdaFunctionAssociations.Quantity",
        ),
        (
            "DefaultCacheBehavior",
            {"FunctionAssociations": {"Quantity": 1}},
            "DefaultCacheBehavior.FunctionAssociations.Quantity",
        ),
        (
            "DefaultCacheBehavior",
            {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1}},
            "DefaultCacheBehavior.TrustedKeyGroups.Enabled",
        ),
        (
            "DefaultCacheBehavior",
            {"TrustedSigners": {"Enabled": True, "Quantity": 1}},
            "DefaultCacheBehavior.TrustedSigners.Enabled",
        ),
        ("DefaultCacheBehavior", {"CachePolicyId": "other"}, "DefaultCacheBehavior.CachePolicyId"),
    ],
)
def test_change_is_seen(part: str, change: dict[str, Any], path: str) -> None:
    config = created()
    (config[part] if part else config).update(change)
    found, wanted = found_config(config), wanted_config("C1")
    assert [name for name in wanted if found[name] != wanted[name]] == [path]


def test_what_cloudfront_fills_in_is_no_change() -> None:
    config = created()
    config |= {
        "Aliases": {"Quantity": 0},
        "PriceClass": "PriceClass_All",
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "ViewerCertificate": {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"},
        "WebACLId": "",
    }
    config["DefaultCacheBehavior"]["TrustedSigners"] = {"Enabled": False, "Quantity": 0}
    assert found_config(config) == wanted_config("C1")


def test_every_member_of_a_distribution_is_compared_or_ignored_on_purpose() -> None:
    session: Any = botocore.session.Session()
    model: ServiceModel = session.get_service_model("cloudfront")
    known = {*wanted_config(""), *IGNORED}
    for shape, prefix in (
        ("DistributionSummary", ""),
        ("DefaultCacheBehavior", "DefaultCacheBehavior."),
        ("Origin", "Origins.Items.0."),
    ):
        members: Any = model.shape_for(shape)
        for name in members.members:
            assert any(f"{path}.".startswith(f"{prefix}{name}.") for path in known), f"{prefix}{name}"
