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


class Partition(NamedTuple):
    """A partition: the name in its ARNs, how its regions' names begin, the domain of its endpoints."""

    name: str
    region_prefix: str
    domain: str


AWS = Partition("aws", "", "amazonaws.com")
"""The partition of every region that is in no other one."""

_OTHERS = (
    Partition("aws-cn", "cn-", "amazonaws.com.cn"),
    Partition("aws-us-gov", "us-gov-", "amazonaws.com"),
    Partition("aws-iso", "us-iso-", "c2s.ic.gov"),
    Partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov"),
    Partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk"),
    Partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov"),
    Partition("aws-eusc", "eusc-", "amazonaws.eu"),
)

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


@functools.lru_cache(maxsize=256)
def _partition(region: str) -> Partition:
    return next((partition for partition in _OTHERS if region.startswith(partition.region_prefix)), AWS)
