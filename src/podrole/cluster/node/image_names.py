"""References to images: ``docker.io/library/python:3.12`` and ``python:3.12`` name the same image.

The grammar is that of https://github.com/distribution/reference: a registry has a dot, a port or is localhost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from podrole.cluster.node.errors import ImageProblem

DEFAULT_REGISTRY = "docker.io"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"""
    (?:(?P<registry>localhost(?::\d+)?|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?|[A-Za-z0-9-]+:\d+)/)?
    (?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)
    (?::(?P<tag>\w[\w.-]{{0,127}}))?
    (?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{{32,}}))?
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A parsed reference; ``text`` is how the pod writes it."""

    text: str
    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """Return the repository as people write it: without Docker Hub's own prefixes."""
        if self.registry != DEFAULT_REGISTRY:
            return f"{self.registry}/{self.repository}"
        return self.repository.removeprefix("library/")


def parse_image(text: str) -> ImageReference:
    """Parse an image reference. Raises ImageProblem (InvalidImageName), worded as the kubelet does."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ImageProblem(
            f'Failed to apply default image tag "{text}": couldn\'t parse image name "{text}": '
            "invalid reference format",
            reason="InvalidImageName",
        )
    registry = match["registry"] or DEFAULT_REGISTRY
    if registry in {"index.docker.io", "registry-1.docker.io"}:
        registry = DEFAULT_REGISTRY
    return ImageReference(text, registry, match["repository"], match["tag"], match["digest"])
