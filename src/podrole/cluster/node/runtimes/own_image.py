"""Images of your own code: folders of this machine that names of images stand for (``podrole up --image``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podrole.cluster.node.image_names import ImageReference

DOCKERFILES = ("Containerfile", "Dockerfile")
"""How the file is named that says what an image is made of: the first that is there counts, as for Podman."""


@dataclass(frozen=True, slots=True)
class OwnImage:
    """A folder and the image that it stands for. A name without a tag stands for every tag and digest."""

    reference: ImageReference
    folder: Path

    @property
    def tagged(self) -> str:
        """The name that the engine gives the image: with a tag, which is ``latest`` where none is said."""
        return f"{self.reference.registry}/{self.reference.repository}:{self.reference.tag or 'latest'}"

    def stands_for(self, image: ImageReference) -> bool:
        """Tell whether a pod that names ``image`` gets this one."""
        if image.name != self.reference.name:
            return False
        return self.reference.tag is None or (image.tag or "latest") == self.reference.tag


def find_dockerfile(folder: Path) -> Path | None:
    """Return the file in a folder that says what its image is made of; None if there is none."""
    return next((folder / name for name in DOCKERFILES if (folder / name).is_file()), None)
