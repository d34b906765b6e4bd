"""A hostPath volume: a file or folder of this machine, below a folder that the person allowed.

https://kubernetes.io/docs/concepts/storage/volumes/#hostpath
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from podrole.cluster.node.errors import MountProblem

OPTION = "--allow-host-path"

_CHECKS: Mapping[str, Callable[[int], bool]] = {
    "": lambda _: True,
    "Directory": stat.S_ISDIR,
    "DirectoryOrCreate": stat.S_ISDIR,
    "File": stat.S_ISREG,
    "FileOrCreate": stat.S_ISREG,
    "Socket": stat.S_ISSOCK,
    "CharDevice": stat.S_ISCHR,
    "BlockDevice": stat.S_ISBLK,
}


def prepare_host_path(source: Mapping[str, Any], allowed: Sequence[str]) -> Path:
    """Return where a hostPath volume lies, and make it if its type says so.

    Symbolic links are resolved first, so none leads out of the allowed folders. Raises MountProblem, OSError.
    """
    wanted, kind = str(source["path"]), str(source.get("type") or "")
    path = Path(wanted).resolve()
    if not any(path.is_relative_to(Path(folder).resolve()) for folder in allowed):
        raise MountProblem(f"hostPath {wanted} is not in a folder that podrole up {OPTION} names")
    check = _CHECKS.get(kind)
    if check is None:
        raise MountProblem(f"hostPath type {kind!r} does not exist")
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate" and not path.exists():
        path.touch()
    if not path.exists():
        raise MountProblem(f"hostPath type check failed: {wanted} does not exist")
    if not check(path.stat().st_mode):
        raise MountProblem(f"hostPath type check failed: {wanted} is not of type {kind}")
    return path
