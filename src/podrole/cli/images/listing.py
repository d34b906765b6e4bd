"""``podrole images list``: the images that the engine of the running world has."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

from podrole.cli.images.load import short
from podrole.cli.table import table
from podrole.cli.terminal import harmless, say, width
from podrole.cluster.node.runtimes.container.local_images import ListedImage, list_images
from podrole.world.engine_images import engine_of
from podrole.world.state import WorldDirectory


def run(path: Path, *, as_json: bool) -> int:
    """Print the images. Raises NotRunning, NoEngine, EngineUnusable or EngineRefusal."""
    images = asyncio.run(_listed(WorldDirectory(path)))
    if as_json:
        print(json.dumps([dataclasses.asdict(image) for image in images], indent=2))
    elif not images:
        say("The engine has no images. Next: podrole images load SOURCE")
    else:
        rows = sorted((short(each.name), _size(each.size), "this world" if each.built else "") for each in images)
        print("\n".join(map(harmless, table(("NAME", "SIZE", "BUILT FOR"), rows, width(), ("BUILT FOR", "SIZE")))))
    return 0


async def _listed(directory: WorldDirectory) -> list[ListedImage]:
    async with engine_of(directory) as of_world:
        return await list_images(of_world.engine, of_world.world)


def _size(number: int) -> str:
    return f"{number / 1_000_000:.1f} MB"
