"""The AWS services: how a request to each is recognized, and the model of each.

The table is generated from botocore (scripts/service_table.py). The models are botocore's; a model is loaded when it is
first needed.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from botocore.model import ServiceModel


class Service(msgspec.Struct, frozen=True):
    """One service. ``moto`` is the host name under which moto simulates it, None if it does not."""

    version: str
    protocols: tuple[str, ...]
    signing: str
    prefix: str
    target: str | None = None
    namespace: str | None = None
    moto: str | None = None
    name: str = ""

    @property
    def protocol(self) -> str:
        """The protocol that its clients use first."""
        return self.protocols[0]


@functools.cache
def services() -> Mapping[str, Service]:
    """Return every service by its botocore name."""
    text = resources.files("podrole.aws").joinpath("data/services.json").read_bytes()
    entries = msgspec.json.decode(text, type=dict[str, Service])
    return {name: msgspec.structs.replace(entry, name=name) for name, entry in entries.items()}


@functools.cache
def by_signing_name() -> Mapping[str, tuple[Service, ...]]:
    """Return the services that share each signing name."""
    return _grouped(lambda service: service.signing)


@functools.cache
def by_target_prefix() -> Mapping[str, tuple[Service, ...]]:
    """Return the services of each ``X-Amz-Target`` prefix."""
    return _grouped(lambda service: service.target)


@functools.cache
def by_version() -> Mapping[str, tuple[Service, ...]]:
    """Return the services with a query protocol by their ``Version``."""
    return _grouped(lambda service: service.version if {"query", "ec2"} & set(service.protocols) else None)


@functools.cache
def model(name: str) -> ServiceModel:
    """Return botocore's model of a service. The first call for a service reads it, which takes 0.1 s for EC2."""
    import botocore
    from botocore.model import ServiceModel

    service = services()[name]
    path = resources.files(botocore).joinpath("data", name, service.version, "service-2.json.gz")
    description: dict[str, Any] = msgspec.json.decode(gzip.decompress(path.read_bytes()))
    return ServiceModel(description, service_name=name)


def _grouped(key: Any) -> dict[str, tuple[Service, ...]]:
    groups: dict[str, tuple[Service, ...]] = {}
    for service in services().values():
        name = key(service)
        if name is not None:
            groups[name] = (*groups.get(name, ()), service)
    return groups
