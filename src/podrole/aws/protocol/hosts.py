"""AWS's own host names: the service, the region, and what stands before them.

A name is read from its end: a domain of AWS's endpoints, the service and the region, and in front of them a bucket, an
account or another part of the request. The table of services is generated from botocore (scripts/host_table.py). Its
keys are *stems*: names without the domain, with ``{region}`` for the region, without ``dualstack`` and ``-fips``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

import msgspec

from podrole.base.partitions import endpoint_domain, is_region_name
from podrole.base.short_texts import cached_for_short_texts

_REGION = "{region}"
_LEGACY_S3 = "s3-"  # s3-eu-west-1.amazonaws.com
_MOST_CHARACTERS = 253


class AWSHost(NamedTuple):
    """A host name of AWS.

    ``services`` are botocore's names of the services that answer there, none for an endpoint of something that is not
    simulated. ``region`` is the one in the name, empty if it
    has none. ``prefix`` is what stands in front, without its dot. ``stem`` says which of a service's endpoints it is.
    """

    services: tuple[str, ...]
    region: str
    prefix: str
    stem: str


@cached_for_short_texts(1024)
def aws_host(header: str) -> AWSHost | None:
    """Return what a Host header says, None if it names no endpoint of AWS."""
    host = header.lower()
    if ":" in host:
        host = host.partition(":")[0]
    host = host.removesuffix(".")
    return _read(host) if len(host) <= _MOST_CHARACTERS else None


def stem_of(host: str) -> str | None:
    """Return the stem of a whole host name, with all that stands in front; None if it is not AWS's."""
    domain = endpoint_domain(host)
    return None if domain is None else ".".join(label for label, _ in _labels(_without(host, domain)))


def _read(host: str) -> AWSHost | None:
    domain = endpoint_domain(host)
    if domain is None:
        return None
    own = _without(host, domain)
    labels = _labels(own)
    for start, (_, place) in enumerate(labels):
        stem = ".".join(label for label, _ in labels[start:])
        services = _table().get(stem)
        if services is not None:
            region = next((_region_in(own[at]) for label, at in labels[start:] if label == _REGION), "")
            return AWSHost(services, region, ".".join(own[:place]), stem)
    return None


def _without(host: str, domain: str) -> list[str]:
    return host.removesuffix(domain).rstrip(".").split(".")


def _labels(own: list[str]) -> list[tuple[str, int]]:
    """Return the labels as they are in a stem, each with the place of its own label. The last label with the form of a
    region is the region; ``dualstack`` stands before it, or last."""
    at = next((number for number in reversed(range(len(own))) if _region_in(own[number])), len(own))
    labels: list[tuple[str, int]] = []
    for number, label in enumerate(own):
        if number == at:
            labels.extend([(_LEGACY_S3[:-1], number)] if label.startswith(_LEGACY_S3) else [])
            labels.append((_REGION, number))
        elif label != "dualstack" or number == 0 or number != at - 1:
            labels.append((label.removesuffix("-fips"), number))
    return labels


def _region_in(label: str) -> str:
    name = label.removeprefix(_LEGACY_S3)
    return name if is_region_name(name) else ""


@functools.cache
def _table() -> Mapping[str, tuple[str, ...]]:
    text = resources.files("podrole.aws").joinpath("data/hosts.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, tuple[str, ...]])
