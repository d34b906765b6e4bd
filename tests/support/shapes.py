"""Made-up shapes of botocore's models, written in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape, ShapeResolver

STRING: Mapping[str, Any] = {"type": "string"}
INTEGER: Mapping[str, Any] = {"type": "integer"}


def structure(members: Mapping[str, Mapping[str, Any]], *required: str, **traits: Any) -> dict[str, Any]:
    return {"type": "structure", "members": members, "required": list(required), **traits}


def list_of(member: Mapping[str, Any], **traits: Any) -> dict[str, Any]:
    return {"type": "list", "member": member, **traits}


def map_of(value: Mapping[str, Any], key: Mapping[str, Any] = STRING, **traits: Any) -> dict[str, Any]:
    return {"type": "map", "key": key, "value": value, **traits}


def shape(definition: Mapping[str, Any]) -> Shape:
    """Return the shape of a definition that has those of its members inside."""
    shapes: dict[str, dict[str, Any]] = {}

    def named(one: Mapping[str, Any]) -> dict[str, str]:
        name = f"Shape{len(shapes)}"
        own = shapes[name] = dict(one)
        own.update({part: named(one[part]) for part in ("member", "key", "value") if part in one})
        if "members" in one:
            own["members"] = {member: named(inner) for member, inner in one["members"].items()}
        return {"shape": name}

    return ShapeResolver(shapes).resolve_shape_ref(named(definition))
