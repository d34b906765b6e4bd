"""AWS's partitions and regions: which exist, which region is in which partition, and the domain of its endpoints.

A partition is a group of regions with its own accounts, ARNs and domains; no credential of one works in another
(https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html). The table is here, and
not read from botocore, because the webhook runs without botocore; a test compares the two.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from podrole.base.short_texts import cached_for_short_texts


class Partition(NamedTuple):
    """A partition: the name in its ARNs, how its regions' names begin, the domains of its endpoints."""

    name: str
    region_prefix: str
    domain: str
    dual_stack_domain: str


AWS = Partition("aws", "", "amazonaws.com", "api.aws")
"""The partition of every region that is in no other one."""

_OTHERS = (
    Partition("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    Partition("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    Partition("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    Partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    Partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    Partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    Partition("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
)

_FURTHER_DOMAINS = (
    "on.aws",
    "signin-fips.amazonaws-us-gov.com",
    "signin.amazonaws-eusc.eu",
    "signin.amazonaws-us-gov.com",
    "signin.amazonaws.cn",
    "signin.aws",
    "signin.aws.amazon.com",
    "signin.c2shome.ic.gov",
    "signin.csphome.adc-e.uk",
    "signin.csphome.hci.ic.gov",
    "signin.sc2shome.sgov.gov",
)
"""Domains of endpoints that belong to no partition's two: those of sign-in, and of endpoints made for one resource."""

MADE_UP_DOMAIN = "podrole.invalid"
"""A domain that stands for AWS's where a name must lead nowhere but through podrole's proxy (RFC 6761 6.4)."""

ENDPOINT_DOMAINS = tuple(
    sorted(
        {domain for partition in (AWS, *_OTHERS) for domain in (partition.domain, partition.dual_stack_domain)}
        | {*_FURTHER_DOMAINS, MADE_UP_DOMAIN}
    )
)
"""Every domain that has endpoints of AWS, and the one that is made up."""

PARTITIONS = frozenset(partition.name for partition in (AWS, *_OTHERS))
"""The names of all partitions."""

REGION_FORM = r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"
"""The form of a region's name, as a regular expression."""

_REGION = re.compile(REGION_FORM)


def partition_of(region: str) -> str:
    """Return the name of the partition that a region is in, by the prefix of its name: ``aws`` for all others.

    Does not check that the region exists.
    """
    return _partition(region).name


def domain_of(region: str) -> str:
    """Return the domain of a region's endpoints: ``amazonaws.com`` in the partition ``aws``."""
    return _partition(region).domain


def eks_issuer_host(region: str, *, ipv6: bool = False) -> str:
    """Return the host of the issuers of a region's EKS clusters. A cluster whose pods have IPv6 addresses has another
    (https://docs.aws.amazon.com/eks/latest/userguide/vpc-interface-endpoints.html)."""
    if not ipv6:
        return f"oidc.eks.{region}.{domain_of(region)}"
    return f"oidc-eks.{region}.{_partition(region).dual_stack_domain}"


_EKS_ISSUER = re.compile(r"https://(?P<host>oidc[.-]eks\.(?P<region>[a-z0-9-]+)\.[a-z.]+)/id/[0-9A-F]{32}")


def eks_issuer_region(issuer: str) -> str | None:
    """Return the region of an EKS cluster's issuer, None for an issuer of another form."""
    form = _EKS_ISSUER.fullmatch(issuer)
    if form is None or form["host"] not in {eks_issuer_host(form["region"], ipv6=ipv6) for ipv6 in (False, True)}:
        return None
    return form["region"]


def endpoint_domain(host: str) -> str | None:
    """Return the longest domain of AWS's endpoints that a host name is in, None for a name that is not AWS's.

    ``host`` is lower-case, without a port and without a dot at its end. A domain itself counts as a name in it.
    """
    return max((domain for domain in ENDPOINT_DOMAINS if f".{host}".endswith(f".{domain}")), key=len, default=None)


def is_region_name(text: str) -> bool:
    """Say whether a text has the form of a region's name, whether or not there is such a region."""
    return _REGION.fullmatch(text) is not None


@functools.cache
def regions() -> Mapping[str, str]:
    """Return all regions that botocore knows, each with its partition's name. Needs botocore; reads it once."""
    from importlib.resources import files  # only this needs it, and it takes a while to import

    document = json.loads(files("botocore").joinpath("data", "partitions.json").read_bytes())
    return {
        region: partition["id"]
        for partition in document["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")  # stands for services without regions; no client works in it
    }


@cached_for_short_texts(256)
def _partition(region: str) -> Partition:
    return next((partition for partition in _OTHERS if region.startswith(partition.region_prefix)), AWS)
