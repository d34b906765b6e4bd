"""What runs in place of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from podrole.cluster.node.runtime import Mount
from podrole.cluster.node.runtimes.process.own_python import BasePython

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class LocalImage:
    """What runs in place of an image.

    ``entrypoint``, ``command`` and ``environment`` are the image's ENTRYPOINT, CMD and ENV. ``programs`` are names that
    mean a certain program of this machine wherever the image would have it in a directory for programs
    (``/usr/local/bin/aws``), or paths. ``links`` are programs that are found on the PATH by these names, ``path`` are
    directories of programs before the system's. ``own_python`` is the interpreter of which a container gets a virtual
    environment. ``needs`` are the paths of this machine that all these read.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    own_python: BasePython | None = None
    needs: tuple[str, ...] = ()
    runs: str = "the programs of this machine"
    folder: Path | None = None
    """The folder that stands for the image; None for one of the table."""
    working_directory: str = ""
    """The image's WORKDIR, a path of the container; empty if none is said."""
    mounts: tuple[Mount, ...] = ()
    """Where paths of the image lie in the folder."""
    first_on_path: tuple[str, ...] = ()
    """Directories of this machine that come before the image's own PATH."""
    virtual_environment: str = ""
    """The directory of the folder's virtual environment; empty if it has none."""

    def with_programs(self, programs: Mapping[str, tuple[str, ...]]) -> LocalImage:
        """Return the image with more programs."""
        return replace(self, programs={**self.programs, **programs})

    def command_line(self, command: list[str], args: list[str]) -> list[str]:
        """Return what to execute: ``command`` replaces ENTRYPOINT and drops CMD, ``args`` replaces CMD."""
        line = [*command, *args] if command else [*self.entrypoint, *(args or self.command)]
        if not line:
            return line
        directory, _, name = line[0].rpartition("/")
        line[:1] = self.programs.get(name if directory in SYSTEM_PATH.split(":") else line[0], line[:1])
        return line
