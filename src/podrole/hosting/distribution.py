"""What a CloudFront distribution of podrole's must keep, so that everybody reads the documents as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.hosting.wanted import CACHE_POLICY

_BEHAVIOUR = "DefaultCacheBehavior"
_ORIGIN = "Origins.Items.0"
_OFF: Mapping[str, object] = {
    "Aliases.Quantity": 0,
    "CacheBehaviors.Quantity": 0,
    "ConnectionFunctionAssociation.Id": "",
    "CustomErrorResponses.Quantity": 0,
    "OriginGroups.Quantity": 0,
    "Staging": False,
    "ViewerMtlsConfig.Mode": "",
    "WebACLId": "",
    f"{_BEHAVIOUR}.FieldLevelEncryptionId": "",
    f"{_BEHAVIOUR}.FunctionAssociations.Quantity": 0,
    f"{_BEHAVIOUR}.LambdaFunctionAssociations.Quantity": 0,
    f"{_BEHAVIOUR}.OriginRequestPolicyId": "",
    f"{_BEHAVIOUR}.ResponseHeadersPolicyId": "",
    f"{_BEHAVIOUR}.TrustedKeyGroups.Enabled": False,
    f"{_BEHAVIOUR}.TrustedSigners.Enabled": False,
    f"{_ORIGIN}.CustomHeaders.Quantity": 0,
    f"{_ORIGIN}.CustomOriginConfig.OriginProtocolPolicy": "",
    f"{_ORIGIN}.OriginPath": "",
    f"{_ORIGIN}.S3OriginConfig.OriginAccessIdentity": "",
    f"{_ORIGIN}.VpcOriginConfig.VpcOriginId": "",
}
"""What podrole does not use, by its path in CloudFront's ``DistributionSummary``. CloudFront may leave it out."""
_DEFAULTS: Mapping[str, object] = {
    "ConnectionMode": "direct",
    "Restrictions.GeoRestriction.RestrictionType": "none",
    "ViewerCertificate.CloudFrontDefaultCertificate": True,
}
"""What CloudFront fills in."""
IGNORED = frozenset(
    {
        # which distribution it is
        "ARN",
        "DomainName",
        "ETag",
        "Id",
        "LastModifiedTime",
        "Status",
        # how well it serves, and to which kinds of clients beside
        "AliasICPRecordals",
        "AnycastIpListId",
        "Comment",
        "HttpVersion",
        "IsIPV6Enabled",
        "PriceClass",
        f"{_BEHAVIOUR}.AllowedMethods",
        f"{_BEHAVIOUR}.Compress",
        f"{_BEHAVIOUR}.GrpcConfig",
        f"{_BEHAVIOUR}.RealtimeLogConfigArn",
        f"{_BEHAVIOUR}.SmoothStreaming",
        f"{_BEHAVIOUR}.TargetOriginId",
        f"{_ORIGIN}.ConnectionAttempts",
        f"{_ORIGIN}.ConnectionTimeout",
        f"{_ORIGIN}.DomainName",
        f"{_ORIGIN}.Id",
        f"{_ORIGIN}.OriginShield",
        f"{_ORIGIN}.ResponseCompletionTimeout",
        # without effect beside a cache policy
        f"{_BEHAVIOUR}.DefaultTTL",
        f"{_BEHAVIOUR}.ForwardedValues",
        f"{_BEHAVIOUR}.MaxTTL",
        f"{_BEHAVIOUR}.MinTTL",
    }
)
"""What may differ: STS and everybody else read the same documents with it."""


def wanted_config(control: str) -> Mapping[str, object]:
    """Return what is compared of a distribution whose origin has this access control, by paths."""
    return {
        "Enabled": True,
        "Origins.Quantity": 1,
        f"{_ORIGIN}.OriginAccessControlId": control,
        f"{_BEHAVIOUR}.CachePolicyId": CACHE_POLICY,
        f"{_BEHAVIOUR}.ViewerProtocolPolicy": "https-only",
        **_DEFAULTS,
        **_OFF,
    }


def found_config(summary: Mapping[str, Any]) -> dict[str, object]:
    """Return the same of CloudFront's ``DistributionSummary``."""
    return {path: _at(summary, path) for path in wanted_config("")}


def _at(summary: Mapping[str, Any], path: str) -> object:
    value: Any = summary
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return _OFF.get(path, _DEFAULTS.get(path)) if value is None else value
