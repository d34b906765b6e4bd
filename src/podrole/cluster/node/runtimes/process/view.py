"""What the processes of an isolated container see of this machine: its file system, without what is not theirs.

``namespaces.py`` makes it so. Where isolation is not possible, the path rule (``paths.py``) stands in for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from podrole.cluster.node.errors import MountProblem
from podrole.cluster.node.runtime import ContainerConfig, Mount, normalise

OWN_DIRECTORIES: Mapping[str, str] = {"/root": "home", "/tmp": "tmp"}  # noqa: S108 - the container's own
"""What every container has for itself, unless a volume is mounted there: path → name in the directory of its run."""
PYTHON_PATH = "/opt/python"
"""Where an isolated container has the Python of the image ``python``."""
PROGRAMS_PATH = "/opt/programs"
"""Where an isolated container has the programs that its image adds to those of this machine."""
_SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc", "sbin", "sys", "usr", "var")
"""Directories below / that no directory of the container takes the place of: programs need what is in them."""


@dataclass(frozen=True, slots=True)
class View:
    """What a new container's processes see.

    ``place`` is an empty directory of this run, where the container's root is put together. ``mounts`` are at their
    real paths; their targets have no symbolic links. ``hidden`` are paths of this machine that are covered, ``visible``
    those that are seen in spite of a cover or mount above them. ``directory`` is where the program starts.
    """

    place: str
    mounts: Sequence[Mount]
    hidden: Sequence[str]
    visible: Sequence[str]
    directory: str

    def to_json(self) -> str:
        """Return it as the launcher takes it: mounts outside come before those inside."""
        mounts = sorted(self.mounts, key=lambda mount: mount.path.count("/"))
        return json.dumps(
            {
                "place": self.place,
                "mounts": [(mount.target, mount.path, mount.read_only) for mount in mounts],
                "hidden": list(self.hidden),
                "visible": list(self.visible),
                "directory": self.directory,
            }
        )


@dataclass(frozen=True, slots=True)
class Joined:
    """The view of a running container, for another process: ``container`` is a pidfd of the container's process."""

    container: int
    directory: str

    def to_json(self) -> str:
        """Return it as the launcher takes it."""
        return json.dumps({"join": self.container, "directory": self.directory})


@dataclass(frozen=True, slots=True)
class Hiding:
    """What isolated containers do not see of this machine, and what of that they do."""

    hidden: Sequence[str] = ()
    visible: Sequence[str] = ()


def view_of(config: ContainerConfig, pods: Path, hiding: Hiding, more: Iterable[Mount], needs: Iterable[str]) -> View:
    """Return what a container sees. ``more`` are mounts of its image, ``needs`` paths of programs of its image.

    ``pods`` is the directory of all pods' directories. Raises MountProblem.
    """
    configured = {mount.path: mount for mount in config.mounts}
    others = {mount.path: mount for mount in more}
    if "/" in configured:
        raise MountProblem(
            f'container {config.name} cannot have the mountPath "/" here: it would stand for every file of this machine'
        )
    own = {path: str(config.directory / name) for path, name in OWN_DIRECTORIES.items()}
    home = normalise(config.environment.get("HOME") or "/root")
    if _can_be_replaced(home, {**configured, **others}):
        own.setdefault(home, str(config.directory / "home"))
    directory = normalise(config.working_directory or "/")
    if _can_be_replaced(directory, {**configured, **others, **own}):
        own[directory] = str(config.directory / "work")
    mounts = {path: Mount(path, target) for path, target in own.items()}
    mounts |= others | configured
    real = pods.resolve()
    for mount in configured.values():
        _refuse_hidden(mount, pods, hiding)
    return View(
        place=_real(str(config.directory / "root"), pods, real),
        mounts=[Mount(mount.path, _real(mount.target, pods, real), mount.read_only) for mount in mounts.values()],
        hidden=[*hiding.hidden, str(real)],
        # A folder that is an image says by a symbolic link where its Python lies: not where something is hidden.
        visible=[*(path for path in needs if not _is_hidden(path, [*hiding.hidden, str(real)])), *hiding.visible],
        directory=directory,
    )


def _refuse_hidden(mount: Mount, pods: Path, hiding: Hiding) -> None:
    """Raise MountProblem for a hostPath in what is hidden."""
    target = Path(mount.target)
    if not target.is_relative_to(pods) and any(target.is_relative_to(path) for path in hiding.hidden):
        raise MountProblem(f"the volume at {mount.path} leads to {mount.target}, which is hidden from pods")


def _is_hidden(path: str, hidden: Iterable[str]) -> bool:
    """Say whether a path leads to something hidden, or into it."""
    return any(Path(path).resolve().is_relative_to(Path(each).resolve()) for each in hidden)


def _can_be_replaced(path: str, mounts: Iterable[str]) -> bool:
    """Say whether a directory of the container can be mounted at a path: not in a volume, nor in the system's."""
    if path == "/" or path.split("/")[1] in _SYSTEM:
        return False
    return not any(path == mount or path.startswith(f"{mount}/") for mount in mounts)


def _real(target: str, pods: Path, real: Path) -> str:
    """Return the path of something in a pod's directory, which may be known by a symbolic link, without the link.

    Only this beginning is resolved: the rest was checked when it was made, and a container may have changed it since.
    """
    below = target.removeprefix(f"{pods}/")
    return target if below == target else f"{real}/{below}"
