"""How many pods of each revision a Deployment has next. All pure.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podrole.cluster.core.client import Object

HASH_LABEL = "pod-template-hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_HASH_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Replicas:
    """A ReplicaSet's figures: pods asked for, pods available.

    ``of`` and ``maximum`` are what the Deployment asked for and allowed (with the surge) when it was last scaled.
    """

    name: str
    wanted: int
    available: int = 0
    of: int = 0
    maximum: int = 0


def template_hash(template: Mapping[str, Any], collisions: int) -> str:
    """Return the value of the label that identifies the pods of one template."""
    text = json.dumps([without_hash(template), collisions], sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    letters = []
    for _ in range(_HASH_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def without_hash(template: Mapping[str, Any]) -> Object:
    """Return a template as its author wrote it."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.pop("labels", None) or {}).items() if key != HASH_LABEL}
    metadata = {key: value for key, value in metadata.items() if value}
    return {**template, "metadata": metadata | ({"labels": labels} if labels else {})}


def limits(deployment: Object) -> tuple[int, int]:
    """Return (maxSurge, maxUnavailable) in pods: surge rounded up, unavailable down, never both zero."""
    replicas = deployment["spec"].get("replicas", 1)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = _amount(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _amount(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    return surge, min(replicas, 1 if surge == unavailable == 0 else unavailable)


def surge_of(deployment: Object) -> int:
    """Return by how many pods the Deployment may be exceeded."""
    recreated = (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"
    return 0 if recreated else limits(deployment)[0]


def _amount(value: int | str, of: int, rounding: Any) -> int:
    if isinstance(value, str):
        return int(rounding(of * int(value.removesuffix("%")) / 100)) if value.endswith("%") else int(value)
    return value


def next_sizes(replicas: int, surge: int, unavailable: int, new: Replicas, old: Sequence[Replicas]) -> dict[str, int]:
    """Return what each ReplicaSet is to be scaled to now, by name; only those that change. ``old`` is oldest first.

    A step adds as many new pods as the surge leaves room for, and takes away old ones as far as enough pods stay
    available: first those that are not available anyway, then the oldest.
    """
    sizes: dict[str, int] = {}
    total = new.wanted + sum(each.wanted for each in old)
    if new.wanted > replicas:
        sizes[new.name] = replicas
    elif new.wanted < replicas and total < replicas + surge:
        sizes[new.name] = new.wanted + min(replicas + surge - total, replicas - new.wanted)
    if sizes or not any(each.wanted for each in old):
        return sizes

    minimum = replicas - unavailable
    removable = total - minimum - max(0, new.wanted - new.available)
    left = {each.name: each.wanted for each in old}
    for each in old:
        unhealthy = max(0, each.wanted - each.available)
        taken = max(0, min(removable, unhealthy, left[each.name]))
        left[each.name] -= taken
        removable -= taken
    spare = min(removable, new.available + sum(each.available for each in old) - minimum)
    for each in old:
        taken = max(0, min(spare, left[each.name]))
        left[each.name] -= taken
        spare -= taken
    return {each.name: left[each.name] for each in old if left[each.name] != each.wanted}


def rescaled(replicas: int, surge: int, new: Replicas | None, old: Sequence[Replicas]) -> dict[str, int]:
    """Return each ReplicaSet's size after the Deployment itself was scaled. ``old`` is oldest first.

    In the middle of a rollout what is added or taken away is shared in proportion to the sizes, so that the risk stays
    what it was; what rounding leaves over goes to the largest.
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling
    """
    sets = [*old, *([new] if new is not None else [])]
    active = [each for each in sets if each.wanted]
    if len(active) <= 1:
        only = active[0] if active else new or (old[-1] if old else None)
        return {only.name: replicas} if only is not None else {}
    if new is not None and new.wanted == new.available == new.of == replicas:
        return {each.name: 0 for each in active if each is not new}
    allowed = replicas + surge if replicas else 0
    to_add = allowed - sum(each.wanted for each in active)
    # Of sets of one size the newer grows first, the older shrinks first.
    ordered = sorted(reversed(active) if to_add > 0 else active, key=lambda each: -each.wanted)
    sizes, added = {}, 0
    for each in ordered:
        part = _part(each, replicas, surge)
        left = to_add - added
        part = max(0, min(part, left)) if to_add > 0 else min(0, max(part, left))
        sizes[each.name] = each.wanted + part
        added += part
    sizes[ordered[0].name] = max(0, sizes[ordered[0].name] + to_add - added)
    return sizes


def _part(each: Replicas, replicas: int, surge: int) -> int:
    if not replicas:
        return -each.wanted
    before = each.maximum or replicas + surge
    return math.floor(each.wanted * (replicas + surge) / before + 0.5) - each.wanted
