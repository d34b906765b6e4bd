"""What form of answer a client gets (https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations).

Clients that prefer protobuf also accept JSON, and get JSON: this server does not write protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from podrole.base.short_texts import cached_for_short_texts
from podrole.cluster.core.errors import not_acceptable
from podrole.cluster.wire.bodies import JSON, YAML

Shape = Literal["object", "table", "metadata"]

ACCEPTED = (JSON, YAML, "application/vnd.kubernetes.protobuf")


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The chosen form. ``metadata`` is PartialObjectMetadata, or the list of it for a list."""

    media_type: str
    shape: Shape = "object"


@cached_for_short_texts(256)
def choose(accept: str, *, transforms: bool = True) -> AnswerFormat:
    """Return the first accepted form that this server has. Raises StatusError (406) if it has none.

    Without ``transforms`` the resource has no Table or metadata form (discovery, reviews).
    """
    if not accept.strip():
        return AnswerFormat(JSON)
    for clause in accept.split(","):
        name, *parameters = (part.strip() for part in clause.split(";"))
        options = dict(part.split("=", 1) for part in parameters if "=" in part)
        media_type = {JSON: JSON, YAML: YAML, "*/*": JSON, "application/*": JSON, "text/html": JSON}.get(name.lower())
        if media_type is None:
            continue
        shape = _shape(options)
        if shape == "object" or (shape is not None and transforms):
            return AnswerFormat(media_type, shape)
    raise not_acceptable(ACCEPTED)


def _shape(options: dict[str, str]) -> Shape | None:
    """Return the shape that ``as`` asks for, None for one that is not offered."""
    wanted = options.get("as")
    if wanted is None:
        return "object"
    if options.get("g") != "meta.k8s.io" or options.get("v") not in ("v1", "v1beta1"):
        return None
    if wanted == "Table":
        return "table"
    return "metadata" if wanted in ("PartialObjectMetadata", "PartialObjectMetadataList") else None
