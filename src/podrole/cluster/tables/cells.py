"""Values as they stand in a table's cells (k8s.io/apimachinery ``util/duration``, k8s.io/kubernetes ``printers``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Object = dict[str, Any]

NONE, UNKNOWN = "<none>", "<unknown>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400


def human_duration(seconds: float) -> str:
    """Write a duration the way ``kubectl get`` does: two units at most, fewer the longer it is."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two(whole, _YEAR, "y", _DAY, "d")
    return f"{whole // _YEAR}y"


def _two(seconds: int, unit: int, name: str, smaller: int, smaller_name: str) -> str:
    rest = seconds % unit // smaller
    return f"{seconds // unit}{name}{rest}{smaller_name}" if rest else f"{seconds // unit}{name}"


def since(time: str | None, now: float) -> str:
    """Return how long ago an RFC 3339 time was."""
    return human_duration(now - seconds_of(time)) if time else UNKNOWN


def seconds_of(time: str) -> float:
    """Return an RFC 3339 time in seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def age(obj: Object, now: float) -> str:
    """Return an object's age."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def selector(value: Mapping[str, Any] | None) -> str:
    """Write a LabelSelector object on one line."""
    if not value:
        return NONE
    parts = [f"{key}={text}" for key, text in sorted(value.get("matchLabels", {}).items())]
    for expression in value.get("matchExpressions", ()):
        key, operator = expression["key"], expression["operator"]
        values = ",".join(sorted(expression.get("values", ())))
        parts.append({"Exists": key, "DoesNotExist": f"!{key}"}.get(operator, f"{key} {operator.lower()} ({values})"))
    return ",".join(parts) or NONE


def labels(value: Mapping[str, str] | None) -> str:
    """Return labels on one line."""
    return ",".join(f"{key}={text}" for key, text in sorted((value or {}).items())) or NONE


def names(containers: Any) -> str:
    """Return the names of containers."""
    return ",".join(container.get("name", "") for container in containers)


def images(containers: Any) -> str:
    """Return the images of containers."""
    return ",".join(container.get("image", "") for container in containers)
