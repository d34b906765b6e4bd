"""How a folder of this machine runs in place of an image: as it is, by what its Dockerfile says of the program.

A path of the image is where COPY takes it from; the working directory is the folder unless COPY says another. The
program is the folder's own: its virtual environment and its node_modules come first on PATH, and podrole's packages are
not on it.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from podrole.cluster.node.errors import ConfigProblem, ImageProblem
from podrole.cluster.node.runtime import Mount
from podrole.cluster.node.runtimes.own_image import OwnImage, find_dockerfile
from podrole.cluster.node.runtimes.process.dockerfile import DockerfileProblem, Recipe, parse_dockerfile
from podrole.cluster.node.runtimes.process.local_image import SYSTEM_PATH, LocalImage

VIRTUAL_ENVIRONMENTS = (".venv", "venv")
_NODE_PROGRAMS = "node_modules/.bin"
_SHARED = frozenset(
    (
        *(*SYSTEM_PATH.split(":"), "/", "/etc", "/home", "/lib", "/opt", "/root", "/run", "/srv", "/tmp"),  # noqa: S108
        *("/usr", "/usr/lib", "/usr/local", "/usr/local/lib", "/usr/share", "/var", "/var/lib", "/var/run"),
    )
)
"""Folders of an image that hold more than what is copied into them: of those only what is copied is the folder's."""


def local_image(own: OwnImage) -> LocalImage:
    """Return what runs in place of an image of one's own, by the folder as it is now. Raises ImageProblem."""
    folder = own.folder
    if not folder.is_dir():
        raise ImageProblem(f"the folder {folder}, which is the image {own.reference.text}, is not there any more")
    recipe = Recipe()
    if (dockerfile := find_dockerfile(folder)) is not None:
        try:
            recipe = parse_dockerfile(dockerfile.read_text(encoding="utf-8-sig"), SYSTEM_PATH)
        except (OSError, UnicodeDecodeError, DockerfileProblem) as problem:
            raise ImageProblem(f"{dockerfile} cannot be read: {problem}") from problem
    mounts = {mount.path: mount for mount in _mounts(recipe, folder)}
    directory = recipe.working_directory
    if directory and directory not in _SHARED:
        mounts.setdefault(directory, Mount(directory, str(folder)))
    virtual = next((folder / name for name in VIRTUAL_ENVIRONMENTS if (folder / name / "bin").is_dir()), None)
    environment = {"PATH": SYSTEM_PATH, **recipe.environment}
    first = [*([] if virtual is None else [virtual / "bin"]), folder / _NODE_PROGRAMS]
    first += _directories_of_copied(mounts.values(), environment["PATH"].split(":"))
    return LocalImage(
        entrypoint=recipe.entrypoint,
        command=recipe.command,
        environment=environment,
        runs=str(folder),
        folder=folder,
        working_directory=directory if directory in mounts else "",
        mounts=tuple(mounts.values()),
        first_on_path=tuple(dict.fromkeys(str(each) for each in first if each.is_dir())),
        virtual_environment="" if virtual is None else str(virtual),
        needs=() if virtual is None else (str((virtual / "bin" / "python3").resolve().parent.parent),),
    )


def found(line: list[str], path: str, image: LocalImage, directory: Path) -> list[str]:
    """Return a command line with its program where COPY says that it is. ``directory`` is where it runs.

    Raises ConfigProblem for a program that is not on this machine.
    """
    if not line:
        raise ConfigProblem(
            f"no command specified: the folder {image.folder} has no Dockerfile with CMD or ENTRYPOINT, so the "
            "container needs a command"
        )
    program = _where_copied(line[0], image)
    if shutil.which(str(directory / program) if "/" in program else program, path=path) is None:
        where = "on this machine" if "/" in program else f"on PATH ({path})"
        raise ConfigProblem(
            f'the program "{line[0]}" was not found {where}: the folder {image.folder} runs as it is, without what RUN '
            "or another stage of its Dockerfile would install. Make it in the folder, such as .venv for Python, or run "
            "pods in containers (podrole up --runtime container)"
        )
    return [program, *line[1:]]


def _where_copied(program: str, image: LocalImage) -> str:
    """Return the file of a program that COPY puts on the image's PATH; any other program as it is."""
    places = {mount.path: mount.target for mount in image.mounts}
    directories = image.environment["PATH"].split(":")
    return next((places[path] for each in directories if (path := f"{each}/{program}") in places), program)


def _directories_of_copied(mounts: Iterable[Mount], path: Sequence[str]) -> Iterator[Path]:
    """Yield the directories that have programs which COPY puts, under their names, on the image's PATH."""
    for mount in mounts:
        directory, name = posixpath.split(mount.path)
        if directory in path and Path(mount.target).name == name:
            yield Path(mount.target).parent


def _mounts(recipe: Recipe, folder: Path) -> Iterator[Mount]:
    known = {recipe.working_directory}
    for copied in recipe.copied:
        into = copied.target.rstrip("/") or "/"
        is_folder = copied.target.endswith("/") or into in known or into in _SHARED
        for source in (source for pattern in copied.sources for source in _sources(pattern, folder)):
            if source.is_dir() and into in _SHARED:
                yield from (_mount(into, each) for each in sorted(source.iterdir()) if _is_inside(each, folder))
            elif source.is_dir():
                known.add(into)
                yield Mount(into, str(source))
            elif is_folder:
                yield _mount(into, source)
            else:
                yield Mount(into, str(source))


def _mount(into: str, source: Path) -> Mount:
    return Mount(posixpath.join(into, source.name), str(source))


def _sources(pattern: str, folder: Path) -> list[Path]:
    """Return the files and folders that a source of COPY names. None of them is outside the folder, nor leads out of it
    by a symbolic link, which the pod itself may have made."""
    inside = posixpath.normpath("/" + pattern).lstrip("/") or "."
    return [folder] if inside == "." else sorted(path for path in folder.glob(inside) if _is_inside(path, folder))


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
