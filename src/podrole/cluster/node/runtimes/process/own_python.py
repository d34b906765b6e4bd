"""The Python of a container of the image ``python``: a virtual environment of its own with nothing but pip.

It is made by hand within a millisecond, as ``venv`` makes one: a ``pyvenv.cfg``, and symbolic links to the interpreter
that podrole's own Python was made from. So it has none of podrole's packages, and what a pod installs is gone with its
container, as in an image. pip is the copy that Python carries for ``ensurepip``.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PIP = '#!/bin/sh\nexec "$(dirname "$0")/python3" -m pip "$@"\n'


@dataclass(frozen=True, slots=True)
class BasePython:
    """An interpreter that virtual environments are made from. ``pip`` is its wheel of pip, if it has one."""

    executable: str
    prefix: str
    pip: str | None = None

    @property
    def needs(self) -> Sequence[str]:
        """The paths of this machine that it reads."""
        return [self.prefix, *([self.pip] if self.pip else [])]


def base_python() -> BasePython:
    """Return the interpreter that this one's environment was made from."""
    executable = getattr(sys, "_base_executable", None) or sys.executable
    return BasePython(executable, sys.base_prefix, _wheel_of_pip())


def make_environment(directory: Path, base: BasePython) -> None:
    """Make a virtual environment in a directory that does not exist."""
    major, minor = sys.version_info[:2]
    packages = directory / "lib" / f"python{major}.{minor}" / "site-packages"
    programs = directory / "bin"
    packages.mkdir(parents=True)
    programs.mkdir()
    (directory / "pyvenv.cfg").write_text(
        f"home = {Path(base.executable).parent}\ninclude-system-site-packages = false\n"
        f"version = {major}.{minor}.{sys.version_info.micro}\n"
    )
    (programs / "python3").symlink_to(base.executable)
    for name in ("python", f"python{major}", f"python{major}.{minor}"):
        if not (programs / name).is_symlink():
            (programs / name).symlink_to("python3")
    if base.pip is not None:
        (packages / "pip.pth").write_text(base.pip + "\n")
        for name in ("pip", "pip3"):
            (programs / name).write_text(_PIP)
            (programs / name).chmod(0o755)


def _wheel_of_pip() -> str | None:
    """Return the wheel that ``ensurepip`` installs: beside it, or where the distribution keeps wheels."""
    kept = sysconfig.get_config_var("WHEEL_PKG_DIR")
    places = [Path(sysconfig.get_path("stdlib")) / "ensurepip" / "_bundled"]
    if kept:
        places.insert(0, Path(kept))
    wheels = [str(wheel) for place in places for wheel in sorted(place.glob("pip-*.whl"))]
    return wheels[-1] if wheels else None
