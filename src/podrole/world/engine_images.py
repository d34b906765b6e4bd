"""The container engine of a running world, for commands: each uses it in its own process, as the world does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.networks import world_id
from podrole.world.errors import NoEngine
from podrole.world.state import WorldDirectory


@dataclass(frozen=True, slots=True)
class WorldEngine:
    """The engine that runs a world's pods, and the label of what is that world's."""

    engine: Engine
    world: str


@contextlib.asynccontextmanager
async def engine_of(directory: WorldDirectory) -> AsyncIterator[WorldEngine]:
    """Open the engine of the running world. Raises NotRunning, NoEngine where pods are processes, EngineUnusable."""
    socket = directory.running().engine
    if not socket:
        raise NoEngine(
            "This world runs pods as processes, which have no images.",
            next_step="start it with podrole up --runtime container; or with podrole up --image NAME=FOLDER, which "
            "runs the program of a folder",
        )
    engine = Engine(socket)
    try:
        await engine.identify()
        yield WorldEngine(engine, world_id(directory.path))
    finally:
        await engine.aclose()
