"""Images that come from this machine: built from a folder, or loaded from an archive. Only the engine unpacks one."""

from __future__ import annotations

import asyncio
import bz2
import contextlib
import gzip
import lzma
import re
import tarfile
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from podrole.cluster.node.image_names import ImageReference, parse_image
from podrole.cluster.node.runtimes.container.build_context import context_files, read_rules, write_context
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, ImageNotBuilt, ImageNotLoaded
from podrole.cluster.node.runtimes.container.images import BUILT_LABEL
from podrole.cluster.node.runtimes.container.pause import LABEL as PAUSE_LABEL
from podrole.cluster.node.runtimes.own_image import DOCKERFILES, OwnImage, find_dockerfile

Progress = Callable[[str], None]
"""Called with one line of what the engine says while it builds."""

LAYOUT = "oci-layout"
"""The file that makes a folder an OCI image layout: https://github.com/opencontainers/image-spec/blob/main/image-layout.md"""
_EXPECTED = "a file of docker save or podman save, also compressed; a folder with an OCI image layout or a Dockerfile"
_CHUNK = 256 * 1024
_LOCAL = "localhost/"
_LOADED = re.compile(r"Loaded image(?: ID)?: *(.+)")
_PACKED: Mapping[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),  # noqa: SIM115 - its user closes it
    b"\x28\xb5\x2f\xfd": lambda file: file,  # zstd, which Python cannot read and engines can
}
"""How compressed archives begin, and what decompresses them: Podman's API takes none."""
_TAR, _TAR_AT = b"ustar", 257


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image of the engine. ``built`` says that podrole built it for this world; ``size`` is in bytes."""

    name: str
    id: str
    size: int
    created: float
    built: bool


async def build(engine: Engine, image: OwnImage, world: str, progress: Progress) -> None:
    """Build an image from its folder by its Containerfile or Dockerfile. Raises ImageNotBuilt or EngineUnusable."""
    dockerfile = find_dockerfile(image.folder)
    name = image.reference.text
    if dockerfile is None:
        raise ImageNotBuilt(
            f"The folder of the image {name} has no Containerfile or Dockerfile, so nothing says what a container of "
            "it is made of.",
            got=str(image.folder),
            expected=" or ".join(DOCKERFILES),
            next_step="add one, or let pods run as processes of this folder: --runtime process",
        )
    with tempfile.TemporaryFile() as archive:
        try:
            await asyncio.to_thread(_write_folder, image.folder, archive)
        except (OSError, ValueError) as problem:
            next_step = "make the files of the folder readable, or leave them out in its .dockerignore"
            raise _not_built(name, image.folder, str(problem), next_step) from problem
        query = {
            "t": image.tagged,
            "dockerfile": dockerfile.name,
            "labels": {BUILT_LABEL: world},
            "rm": "true",
            "forcerm": "true",
        }
        try:
            reason = await _say_lines(engine, "/build", archive, progress, query)
        except EngineRefusal as refusal:
            reason = refusal.what
    if reason:
        raise _not_built(name, image.folder, reason, f"correct {dockerfile}")


async def load(engine: Engine, source: Path) -> list[str]:
    """Give the engine an archive, or an OCI image layout; return the images' names, or ids where they have none.

    Raises ImageNotLoaded if it is not an archive or the engine refuses it, and EngineUnusable.
    """
    said: list[str] = []
    try:
        with contextlib.ExitStack() as files:
            archive = await asyncio.to_thread(_opened, source, files)
            reason = await _say_lines(engine, "/images/load", archive, said.append, {})
    except EngineRefusal as refusal:
        reason = refusal.what
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as problem:  # damaged, too
        why = (isinstance(problem, OSError) and problem.strerror) or problem
        raise ImageNotLoaded(f"{source} cannot be read: {why}.") from problem
    names = [name for line in said if (match := _LOADED.match(line)) for name in re.split(r"[,\s]+", match[1]) if name]
    if reason or not names:
        raise ImageNotLoaded(
            f"The engine does not take {source} for an archive of images.",
            got=_one_line(reason or "; ".join(said) or "the engine named no image"),
            expected=_EXPECTED,
        )
    return [await _as_pods_name_it(engine, name) for name in names]


async def _as_pods_name_it(engine: Engine, name: str) -> str:
    """Return a name that a pod can have for a loaded image.

    Podman takes a name without a registry for one of ``localhost``, and Kubernetes for one of Docker Hub.
    """
    if not name.startswith(_LOCAL):
        return name
    of_hub = parse_image(name.removeprefix(_LOCAL))
    await tag(engine, name, of_hub)
    return of_hub.text


async def tag(engine: Engine, image: str, name: ImageReference) -> None:
    """Give an image of the engine a further name. Raises EngineRefusal or EngineUnusable."""
    repository = f"{name.registry}/{name.repository}"
    await engine.call("POST", f"/images/{image}/tag", repo=repository, tag=name.tag or "latest")


async def list_images(engine: Engine, world: str) -> list[ListedImage]:
    """Return the engine's images that have a name, by their names. Raises EngineRefusal or EngineUnusable."""
    images: list[dict[str, Any]] = await engine.call("GET", "/images/json")
    listed = [
        ListedImage(
            name=name,
            id=str(image["Id"]),
            size=int(image["Size"]),
            created=float(image["Created"]),
            built=(image.get("Labels") or {}).get(BUILT_LABEL) == world,
        )
        for image in images
        for name in image.get("RepoTags") or ()
        if name != "<none>:<none>" and PAUSE_LABEL not in (image.get("Labels") or {})
    ]
    return sorted(listed, key=lambda image: image.name)


async def _say_lines(
    engine: Engine, path: str, archive: IO[bytes], progress: Progress, query: dict[str, Any]
) -> str | None:
    """Send an archive and pass on what the engine says; return its reason if it fails."""
    archive.seek(0)
    headers = {"Content-Type": "application/x-tar"}
    async for line in engine.lines("POST", path, headers=headers, content=_chunks(archive), **query):
        if reason := line.get("error"):
            return str(reason)
        for text in str(line.get("stream") or "").splitlines():
            if text.strip():
                progress(text)
    return None


async def _chunks(archive: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(archive.read, _CHUNK):
        yield chunk


def _opened(source: Path, files: contextlib.ExitStack) -> IO[bytes]:
    """Open an archive, or make one of an image layout, until ``files`` is left. Raises ImageNotLoaded or OSError."""
    if not source.is_dir():
        file = files.enter_context(source.open("rb"))
        begin = file.read(512)
        file.seek(0)
        for magic, unpacked in _PACKED.items():
            if begin.startswith(magic):
                return files.enter_context(unpacked(file))
        if begin[_TAR_AT:].startswith(_TAR):
            return file
        raise ImageNotLoaded(f"{source} is not an archive of images.", expected=_EXPECTED)
    if not (source / LAYOUT).is_file():
        raise ImageNotLoaded(
            f"The folder {source} is neither an OCI image layout nor has it a Dockerfile.", expected=_EXPECTED
        )
    archive = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - entered here
    _write_layout(source, archive)
    return archive


def _write_folder(folder: Path, target: IO[bytes]) -> None:
    write_context(folder, context_files(folder, read_rules(folder)), target)


def _write_layout(folder: Path, target: IO[bytes]) -> None:
    """Write an OCI archive: the layout's files, without what symbolic links in it lead to."""
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path in _layout_files(folder):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False)


def _layout_files(folder: Path) -> Iterator[Path]:
    for path in (folder / LAYOUT, folder / "index.json"):
        yield path
    for path in sorted((folder / "blobs").rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _not_built(name: str, folder: Path, reason: str, next_step: str) -> ImageNotBuilt:
    return ImageNotBuilt(
        f"The image {name} could not be built from {folder}.", got=_one_line(reason), next_step=next_step
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
