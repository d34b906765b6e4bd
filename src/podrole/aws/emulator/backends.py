"""moto's state, read without changing it: a question makes no backend and imports no service.

Read it in moto's thread (podrole.aws.emulator.services). Only IAM may be read from other threads: see
podrole.aws.emulator.directory.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

_PACKAGES = {"lambda": "awslambda"}
"""moto's packages that are not called as the service."""


def backends(service: str) -> Any | None:
    """Return moto's backends of a service; None if nobody has used it."""
    module, name = _place(service)
    return getattr(sys.modules.get(module), name, None)


@functools.cache
def _place(service: str) -> tuple[str, str]:
    return f"moto.{_PACKAGES.get(service, service)}.models", f"{service}_backends"


def backend(service: str, account: str, place: str) -> Any | None:
    """Return the backend of an account and region (or partition, for a service without regions); None if nobody has
    used it."""
    every = backends(service)
    regional = dict.get(every, account) if every is not None else None
    return dict.get(regional, place) if regional is not None else None


def taggable(service: str, account: str, region: str, partition: str) -> Iterator[Any]:
    """Return the backends that can list tagged resources of a service, by the service's name in ARNs."""
    module = sys.modules.get("moto.core.base_backend")
    kinds = list(getattr(getattr(module, "BackendDict", None), "_instances", ()))
    for every in kinds:
        if getattr(every.backend, "SERVICE_NAMESPACE", "") != service:
            continue
        regional = dict.get(every, account)
        for place in (region, partition, "us-east-1"):
            stored = dict.get(regional, place) if regional is not None else None
            if stored is not None:
                yield stored
                break
