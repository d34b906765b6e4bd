"""Which images the process runtime can run, and which local program replaces each.

Nothing is pulled: an image is recognised by its repository, whatever its tag or digest, and its entry point becomes a
program of this machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import ImageReference
from podrole.cluster.node.runtimes.own_image import OwnImage
from podrole.cluster.node.runtimes.process import own_programs
from podrole.cluster.node.runtimes.process.local_image import LocalImage
from podrole.cluster.node.runtimes.process.own_python import base_python

AWS_MISSING = (
    "the aws CLI is not installed on this machine; install it beside podrole with: pip install 'podrole[demo]'"
)

ProgramFinder = Callable[[], str | None]


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
_WEBHOOK = "podrole-webhook"
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
    "podrole-webhook",
    "registry.k8s.io/pause",
)
"""Named in the message for an image that is not known."""


class Images:
    """The table of images, bound to this machine's programs, and folders that stand for images of one's own."""

    def __init__(
        self,
        *,
        python: str | None = None,
        find_aws: ProgramFinder | None = None,
        own_images: Sequence[OwnImage] = (),
        pods_python: str | None = None,
    ) -> None:
        """``pods_python`` is what the image ``python`` runs, with all its packages; otherwise a bare environment."""
        self._own_images = own_images
        self._python = python or sys.executable
        self._pods_python = pods_python
        self._find_aws = find_aws or (lambda: find_beside_python("aws", self._python))

    def resolve(self, image: ImageReference) -> LocalImage:
        """Return what runs in place of an image. Raises ImageProblem, worded for a user of kubectl."""
        for own in self._own_images:
            if own.stands_for(image):
                return own_programs.local_image(own)
        name = image.name
        if name in _SHELLS:
            return LocalImage(command=_SHELLS[name])
        if name in _PYTHON:
            return self._python_image()
        if name in _AWS:
            aws = self._find_aws()
            if aws is None:
                raise ImageProblem(f'failed to pull and unpack image "{image.text}": {AWS_MISSING}')
            programs = {"aws": (aws,)}
            return LocalImage(
                entrypoint=("aws",), programs=programs, links={"aws": aws}, needs=_needs_of_program(aws), runs=aws
            )
        if name == _WEBHOOK:
            program = (self._python, "-m", "podrole.webhook")
            return LocalImage(
                entrypoint=("/webhook",),
                environment={"PODROLE_SERVICE_ACCOUNT": SERVICE_ACCOUNT},
                programs={"/webhook": program},
                needs=_needs_of_this_python(),
                runs=" ".join(program),
            )
        if name in _PAUSE:
            return LocalImage(entrypoint=("sleep", "infinity"), runs="sleep infinity")
        raise ImageProblem(
            f'failed to pull and unpack image "{image.text}": this cluster runs pods as processes of this '
            f"machine and pulls no images; it can run {', '.join(RUNNABLE)} (with any tag), "
            "and your own code from a folder: podrole up --image NAME=FOLDER"
        )

    def _python_image(self) -> LocalImage:
        if self._pods_python is not None:
            return LocalImage(
                command=("python3",),
                programs=dict.fromkeys(("python", "python3"), (self._pods_python,)),
                path=(str(Path(self._pods_python).parent),),
                needs=_needs_of_this_python(),
                runs=self._pods_python,
            )
        base = base_python()
        runs = f"a virtual environment of {base.executable}"
        return LocalImage(command=("python3",), own_python=base, needs=tuple(base.needs), runs=runs)


def _needs_of_this_python() -> tuple[str, ...]:
    """Return where this interpreter and what it can import lie."""
    return (sys.prefix, sys.base_prefix, *(path for path in sys.path if path.startswith("/")))


def _needs_of_program(program: str) -> tuple[str, ...]:
    """Return where a program lies: a file alone, or an environment with its interpreter."""
    directory = Path(program).parent
    if directory == Path(sys.prefix) / "bin":
        return _needs_of_this_python()
    environments = [each.parent.parent for each in (Path(program), Path(program).resolve())]
    return (program, *(str(each) for each in environments if not Path.home().is_relative_to(each)))


def find_beside_python(program: str, python: str) -> str | None:
    """Return the program installed beside ``python``, else the one on the PATH of the user."""
    beside = Path(python).parent / program
    if beside.is_file() and os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which(program)
