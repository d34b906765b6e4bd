"""Which images the process runtime can run, and which local program replaces each.

Nothing is pulled: an image is recognised by its repository, whatever its tag or digest, and its entry point becomes a
program of this machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import ImageReference

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AWS_MISSING = (
    "the aws CLI is not installed on this machine; install it beside podrole with: pip install 'podrole[demo]'"
)

ProgramFinder = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class LocalImage:
    """What runs in place of an image.

    ``entrypoint``, ``command`` and ``environment`` are the image's ENTRYPOINT, CMD and ENV. ``programs`` are names that
    mean a certain program of this machine wherever the image would have it in a directory for programs
    (``/usr/local/bin/aws``), or paths.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runs: str = "the programs of this machine"

    def command_line(self, command: list[str], args: list[str]) -> list[str]:
        """Return what to execute: ``command`` replaces ENTRYPOINT and drops CMD, ``args`` replaces CMD."""
        line = [*command, *args] if command else [*self.entrypoint, *(args or self.command)]
        if not line:
            return line
        directory, _, name = line[0].rpartition("/")
        line[:1] = self.programs.get(name if directory in SYSTEM_PATH.split(":") else line[0], line[:1])
        return line


_SHELLS: Mapping[str, tuple[str, ...]] = {
    "busybox": ("sh",),
    "alpine": ("sh",),
    "bash": ("bash",),
    "debian": ("bash",),
    "ubuntu": ("bash",),
    "fedora": ("bash",),
    "amazonlinux": ("bash",),
    "public.ecr.aws/amazonlinux/amazonlinux": ("bash",),
    "public.ecr.aws/docker/library/busybox": ("sh",),
    "public.ecr.aws/docker/library/alpine": ("sh",),
    "public.ecr.aws/docker/library/bash": ("bash",),
    "public.ecr.aws/docker/library/debian": ("bash",),
}
_AWS = ("amazon/aws-cli", "public.ecr.aws/aws-cli/aws-cli")
_PYTHON = ("python", "public.ecr.aws/docker/library/python")
_WEBHOOK = "podrole"
"""The image that podrole's own Dockerfile makes."""
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PAUSE = ("registry.k8s.io/pause", "public.ecr.aws/eks-distro/kubernetes/pause")

RUNNABLE = (
    "amazon/aws-cli",
    "busybox",
    "alpine",
    "bash",
    "debian",
    "ubuntu",
    "python",
    "podrole",
    "registry.k8s.io/pause",
)
"""Named in the message for an image that is not known."""


class Images:
    """The table of images, bound to this machine's programs."""

    def __init__(self, *, python: str | None = None, find_aws: ProgramFinder | None = None) -> None:
        self._python = python or sys.executable
        self._find_aws = find_aws or (lambda: find_beside_python("aws", self._python))

    def resolve(self, image: ImageReference) -> LocalImage:
        """Return what runs in place of an image. Raises ImageProblem, worded for a user of kubectl."""
        name = image.name
        if name in _SHELLS:
            return LocalImage(command=_SHELLS[name])
        if name in _PYTHON:
            programs = dict.fromkeys(("python", "python3"), (self._python,))
            return LocalImage(command=("python3",), programs=programs, runs=self._python)
        if name in _AWS:
            aws = self._find_aws()
            if aws is None:
                raise ImageProblem(f'failed to pull and unpack image "{image.text}": {AWS_MISSING}')
            return LocalImage(entrypoint=("aws",), programs={"aws": (aws,)}, runs=aws)
        if name == _WEBHOOK:
            program = (self._python, "-m", "podrole.webhook")
            return LocalImage(
                entrypoint=("/webhook",),
                environment={"PODROLE_SERVICE_ACCOUNT": SERVICE_ACCOUNT},
                programs={"/webhook": program},
                runs=" ".join(program),
            )
        if name in _PAUSE:
            return LocalImage(entrypoint=("sleep", "infinity"), runs="sleep infinity")
        raise ImageProblem(
            f'failed to pull and unpack image "{image.text}": this cluster runs pods as processes of this '
            f"machine and pulls no images; it can run {', '.join(RUNNABLE)} (with any tag)"
        )

    def path(self) -> str:
        """Return a process's PATH: podrole's own Python first, then the system, then wherever ``aws`` was found."""
        directories = [str(Path(self._python).parent), *SYSTEM_PATH.split(":")]
        if (aws := self._find_aws()) is not None:
            directories.append(str(Path(aws).parent))
        return ":".join(dict.fromkeys(directories))


def find_beside_python(program: str, python: str) -> str | None:
    """Return the program installed beside ``python``, else the one on the PATH of the user."""
    beside = Path(python).parent / program
    if beside.is_file() and os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which(program)
