"""``podrole images load``: images from this machine for the pods of the running world."""

from __future__ import annotations

import asyncio
import functools
import shlex
from collections.abc import Sequence
from pathlib import Path

from podrole.cli.terminal import harmless, say
from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.container.local_images import LAYOUT, build, load, tag
from podrole.cluster.node.runtimes.own_image import OwnImage, find_dockerfile
from podrole.world.engine_images import engine_of
from podrole.world.errors import BadSetting
from podrole.world.own_images import BUILDING
from podrole.world.state import WorldDirectory

HUB = "docker.io/"
_EXPECTED = "such as shop/api:1"


def run(path: Path, source: Path, name: str | None) -> int:
    """Load or build, and print the names that pods can use. Raises NotRunning, NoEngine, BadSetting, ImageNotLoaded,
    ImageNotBuilt, EngineUnusable or EngineRefusal."""
    asyncio.run(_run(WorldDirectory(path), source, name))
    return 0


async def _run(directory: WorldDirectory, source: Path, name: str | None) -> None:
    wanted = None if name is None else _own_image(name, source)
    async with engine_of(directory) as of_world:
        if _is_built(source):
            if wanted is None:
                raise BadSetting(
                    f"The image that is built from {source} needs a name.",
                    next_step=f"podrole images load {shlex.quote(str(source))} --name shop/api",
                )
            await build(of_world.engine, wanted, of_world.world, functools.partial(_tell, str(name)))
            say(_built(str(name)))
            return
        loaded = await load(of_world.engine, source)
        if wanted is not None:
            if len(loaded) > 1:
                raise BadSetting(
                    "The archive has several images, of which --name can mean only one. They are loaded.",
                    got=", ".join(map(short, loaded)),
                    next_step="leave out --name, and let pods use these names",
                )
            await tag(of_world.engine, loaded[0], wanted.reference)
            loaded = [str(name)]
        say(_loaded(list(map(short, loaded))))


def _tell(name: str, line: str) -> None:
    print(harmless(f"{BUILDING}{name}: {line}"), flush=True)


def _own_image(name: str, source: Path) -> OwnImage:
    try:
        reference = parse_image(name)
    except ImageProblem:
        raise BadSetting(
            "--name cannot be the name of an image.", got=repr(name), expected="such as shop/api:1"
        ) from None
    if reference.digest is not None:
        raise BadSetting("--name has a digest, which cannot be given.", got=repr(name), expected=_EXPECTED)
    return OwnImage(reference, source)


def _is_built(source: Path) -> bool:
    return source.is_dir() and not (source / LAYOUT).exists() and find_dockerfile(source) is not None


def _built(name: str) -> str:
    return (
        f"Built {name}. Pods that are created from now on use it.\n\nNext:\n\n"
        f"  kubectl run NAME --image={name}\n"
        "  kubectl rollout restart deployment NAME    # where an earlier one runs"
    )


def _loaded(names: Sequence[str]) -> str:
    unnamed = [name for name in names if name.startswith("sha256:")]
    if unnamed:
        return f"Loaded {', '.join(names)}.\n\nPods cannot name it yet. Next: load it again with --name shop/api:1"
    lines = [f"Loaded {', '.join(names)}.", "", "Next:", "", f"  kubectl run NAME --image={names[0]}"]
    if (parse_image(names[0]).tag or "latest") == "latest":
        lines[-1] += " --image-pull-policy=IfNotPresent"
        lines += ["", "Without this policy Kubernetes asks the registry for an image with the tag latest."]
    return "\n".join(lines)


def short(name: str) -> str:
    """Return a name as people write it: without Docker Hub's own prefixes."""
    return name.removeprefix(HUB).removeprefix("library/") if name.startswith(HUB) else name
