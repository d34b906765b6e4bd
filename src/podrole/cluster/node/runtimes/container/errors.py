"""What can go wrong with a container engine.

::

    NodeError
    ├── EngineUnusable     there is no engine, or this user or podrole cannot use it
    ├── EngineRefusal      the engine answered a call with an error
    ├── ImageNotBuilt      a folder of which no image could be built
    └── ImageNotLoaded     a file that is not an archive of images, or that the engine refuses
"""

from __future__ import annotations

from podrole.cluster.node.errors import NodeError


class EngineUnusable(NodeError):
    """No container engine can be used."""

    code = "engine"


class EngineRefusal(NodeError):
    """The engine answered a call with an error. ``status`` is the HTTP status."""

    code = "engine-refusal"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ImageNotBuilt(NodeError):
    """No image could be built from a folder."""

    code = "image-not-built"


class ImageNotLoaded(NodeError):
    """The file to load is not an archive of images, or the engine refuses it."""

    code = "image-not-loaded"
