"""The global condition keys (``aws:``) of a request to the local AWS: which are filled, and which no request carries.

None of them is unknown. The keys of tags are the resource's, the caller's and the request's own.

Source: AWS, "AWS global condition context keys"
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

FILLED = frozenset(
    {
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:FederatedProvider",
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalIsAWSService",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalTag/*",
        "aws:PrincipalType",
        "aws:RequestTag/*",
        "aws:RequestedRegion",
        "aws:ResourceAccount",
        "aws:ResourceOrgID",
        "aws:ResourceOrgPaths",
        "aws:ResourceTag/*",
        "aws:SecureTransport",
        "aws:SourceIdentity",
        "aws:SourceIp",
        "aws:TagKeys",
        "aws:TokenIssueTime",
        "aws:UserAgent",
        "aws:ViaAWSService",
        "aws:referer",
        "aws:userid",
        "aws:username",
    }
)
"""The keys that a request carries where AWS documents that it does."""

_NO_VPC = "requests come over loopback, through no VPC and no VPC endpoint"
_NO_SERVICE = "no AWS service makes a request"
_NO_FORWARDING = "no AWS service makes a request for the caller"
_NO_SUCH_SESSION = "no session is issued in this way"
ABSENT: Mapping[str, str] = {
    "aws:AssumedRoot": "sts:AssumeRoot is not implemented",
    "aws:CalledVia": _NO_FORWARDING,
    "aws:CalledViaAWSMCP": _NO_FORWARDING,
    "aws:CalledViaFirst": _NO_FORWARDING,
    "aws:CalledViaLast": _NO_FORWARDING,
    "aws:ChatbotSourceArn": _NO_SUCH_SESSION,
    "aws:Ec2InstanceSourcePrivateIPv4": _NO_SUCH_SESSION,
    "aws:Ec2InstanceSourceVpc": _NO_SUCH_SESSION,
    "aws:IsMcpServiceAction": "there is no MCP service",
    "aws:MultiFactorAuthAge": "multi-factor authentication is not simulated",
    "aws:PrincipalServiceName": _NO_SERVICE,
    "aws:PrincipalServiceNamesList": _NO_SERVICE,
    "aws:SignInSessionArn": _NO_SUCH_SESSION,
    "aws:SourceAccount": _NO_SERVICE,
    "aws:SourceArn": _NO_SERVICE,
    "aws:SourceOrgID": _NO_SERVICE,
    "aws:SourceOrgPaths": _NO_SERVICE,
    "aws:SourceVpc": _NO_VPC,
    "aws:SourceVpcArn": _NO_VPC,
    "aws:SourceVpce": _NO_VPC,
    "aws:ViaAWSMCPService": "there is no MCP service",
    "aws:ViaCustomerDomain": _NO_SUCH_SESSION,
    "aws:VpcSourceIp": _NO_VPC,
    "aws:VpceAccount": _NO_VPC,
    "aws:VpceOrgID": _NO_VPC,
    "aws:VpceOrgPaths": _NO_VPC,
}
"""The keys that no request carries, and why."""


class OrganizationPlace(NamedTuple):
    """Where an account stands: the id of its organization, and the path from there: ``o-1/r-2/ou-3/``."""

    organization: str
    path: str


def organization_keys(who: str, place: OrganizationPlace) -> dict[str, str | list[str]]:
    """Return the keys of ``Principal`` or ``Resource`` about an account's organization."""
    return {f"aws:{who}OrgID": place.organization, f"aws:{who}OrgPaths": [place.path]}
