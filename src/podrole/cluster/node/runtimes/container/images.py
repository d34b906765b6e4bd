"""Images of the engine: used where present, pulled by a container's imagePullPolicy otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import ImageReference
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable


@dataclass(frozen=True, slots=True)
class EngineImage:
    """What the engine knows of an image. ``user`` is its USER, empty for root."""

    id: str
    user: str
    stop_signal: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image and how it came: the text of the Pulled event."""

    image: EngineImage
    message: str


async def pull(engine: Engine, reference: ImageReference, policy: str) -> Pulled:
    """Get an image by a pull policy: Always, IfNotPresent or Never. Raises ImageProblem with the engine's reason."""
    try:
        present = None if policy == "Always" else await find(engine, reference)
        if present is not None:
            return Pulled(present, f'Container image "{reference.text}" already present on machine')
        if policy == "Never":
            raise ImageProblem(
                f'Container image "{reference.text}" is not present with pull policy of Never',
                reason="ErrImageNeverPull",
            )
        await _pull(engine, reference)
        pulled = await find(engine, reference)
    except (EngineRefusal, EngineUnusable) as problem:
        raise ImageProblem(problem.what) from problem
    if pulled is None:
        raise ImageProblem(f'the engine pulled "{reference.text}" and does not have it')
    return Pulled(pulled, f'Successfully pulled image "{reference.text}"')


async def find(engine: Engine, reference: ImageReference) -> EngineImage | None:
    """Return an image that is present; None if it is not."""
    try:
        found: dict[str, Any] = await engine.call("GET", f"/images/{quote(reference.text, safe='/:@')}/json")
    except EngineRefusal as refusal:
        if refusal.status == 404:
            return None
        raise
    config = found.get("Config") or {}
    return EngineImage(found["Id"], config.get("User") or "", config.get("StopSignal") or "")


async def _pull(engine: Engine, reference: ImageReference) -> None:
    version = reference.digest or reference.tag or "latest"
    repository = f"{reference.registry}/{reference.repository}"
    async for line in engine.lines("POST", "/images/create", fromImage=repository, tag=version):
        if error := line.get("error"):
            raise ImageProblem(str(error))
