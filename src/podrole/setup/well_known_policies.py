"""eksctl's well-known policies: what a controller of a cluster needs, by the name that eksctl has for it.

Each is a file in ``well_known``: a document, or the names of policies that AWS keeps, with the address and the date at
which it was read. ``${AWS::Partition}`` stands for the partition.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from podrole.doctor.similarity import nearest
from podrole.setup.errors import InvalidSetup
from podrole.setup.names import OWN_POLICIES

WELL_KNOWN_NAMES = (
    "imageBuilder",
    "autoScaler",
    "awsLoadBalancerController",
    "externalDNS",
    "certManager",
    "ebsCSIController",
    "efsCSIController",
)
"""The names of all well-known policies, in eksctl's order."""

_PARTITION = "${AWS::Partition}"


@dataclass(frozen=True, slots=True)
class WellKnownPolicy:
    """What a role gets for one of eksctl's names: managed policies of AWS, an inline policy, or both.

    ``source`` is the address at which it was read on ``date``.
    """

    name: str
    source: str
    date: str
    managed_names: tuple[str, ...]
    document: Mapping[str, Any] | None

    @property
    def inline_name(self) -> str:
        """The name of the inline policy."""
        return f"{OWN_POLICIES}{self.name}"

    def managed(self, partition: str) -> tuple[str, ...]:
        """Return the ARNs of the managed policies."""
        return tuple(f"arn:{partition}:iam::aws:policy/{name}" for name in self.managed_names)

    def inline(self, partition: str) -> dict[str, str]:
        """Return the inline policy's document by its name, nothing if there is none."""
        if self.document is None:
            return {}
        text = json.dumps(self.document, indent=2)
        return {self.inline_name: text.replace(_PARTITION, partition)}


@functools.cache
def well_known_policy(name: str) -> WellKnownPolicy:
    """Return a well-known policy by its exact name, one of WELL_KNOWN_NAMES."""
    file = resources.files("podrole.setup").joinpath("well_known", f"{name}.json")
    data = json.loads(file.read_text("utf-8"))
    return WellKnownPolicy(name, data["source"], data["date"], tuple(data.get("managed", ())), data.get("inline"))


def find_well_known_policies(names: Iterable[str]) -> tuple[WellKnownPolicy, ...]:
    """Return the well-known policies with these names, in upper or lower case as in eksctl's flag.

    Raises InvalidSetup for a name that eksctl does not have.
    """
    exact = {name.lower(): name for name in WELL_KNOWN_NAMES}
    chosen: dict[str, None] = {}
    for name in names:
        if name.lower() not in exact:
            likely = nearest(name, WELL_KNOWN_NAMES)
            raise InvalidSetup(
                f'"{name}" is not a well-known policy.',
                expected=", ".join(WELL_KNOWN_NAMES),
                next_step=f"write {likely}" if likely else None,
            )
        chosen[exact[name.lower()]] = None
    return tuple(well_known_policy(name) for name in chosen)


def well_known_of_inline(inline_name: str) -> str | None:
    """Return the well-known policy that a role's inline policy is named for."""
    name = inline_name.removeprefix(OWN_POLICIES)
    return name if name != inline_name and name in WELL_KNOWN_NAMES else None
