"""A subPath of a volume: the part of the volume that a container mounts.

https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from podrole.cluster.node.errors import MountProblem


def prepare_sub_path(volume: Path, sub_path: str, copy: Path | None, mount: str) -> Path:
    """Return where a subPath lies, and make it if it is missing.

    A subPath cannot leave its volume, not even by a symlink that a container made. A volume that is replaced as a whole
    is copied to ``copy``: there a subPath keeps the content of the container's start, as with a bind mount. ``mount``
    names the mount in messages. Raises MountProblem.
    """
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise MountProblem(f"failed to prepare subPath for {mount}: {sub_path!r} must be relative and without '..'")
    root = volume.resolve()
    inside = (volume / sub_path).resolve()
    if not inside.is_relative_to(root):
        raise MountProblem(f"failed to prepare subPath for {mount}: {sub_path!r} leads out of the volume")
    if copy is None:
        if not inside.exists():
            inside.mkdir(parents=True)
        return inside
    if inside.is_dir():
        shutil.copytree(inside, copy, symlinks=True, copy_function=_copy)
    elif inside.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy(inside, copy)
    else:
        copy.mkdir(parents=True)
    return copy


def _copy(source: str | Path, target: str | Path) -> None:
    """Copy a file with its mode and, where it is another user's, its owner."""
    shutil.copy2(source, target, follow_symlinks=False)
    owner = Path(source).lstat().st_uid
    if owner != os.geteuid():
        os.chown(target, owner, -1, follow_symlinks=False)
