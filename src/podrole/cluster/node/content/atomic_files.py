"""Writing a volume so that no reader sees half of a change, as the kubelet does.

The files go to a new directory with a timestamp for its name; ``..data`` is a symlink to it that is replaced in one
rename; what the container sees (``token``, or the first part of ``tls/ca.crt``) are symlinks through ``..data``.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from podrole.cluster.node.content.volumes import File

_DATA = "..data"
_DATA_NEXT = "..data_tmp"
_OURS = re.compile(r"\.\.\d{4}(_\d\d){5}\.\d{9}")


def write_volume(directory: Path, files: Mapping[str, File], *, now: float) -> bool:
    """Replace the content of ``directory`` by ``files``; return whether anything changed.

    Paths are relative and have been checked. What a process planted in the directory under a name of the volume is
    replaced, and never followed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    own = os.geteuid()
    files = {path: replace(file, owner=own if file.owner is None else file.owner) for path, file in files.items()}
    current = _current(directory)
    visible = {path.split("/", 1)[0] for path in files}
    if current is not None and _content(current) == files and _linked(directory) == visible:
        return False
    fresh = _new_directory(directory, now)
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(file.data)
            if file.owner is not None and file.owner != own:
                os.fchown(descriptor, file.owner, -1)
            os.fchmod(descriptor, file.mode)  # after the write: the mode may deny it
    _point(directory / _DATA, fresh.name, directory / _DATA_NEXT)
    for name in visible:
        link = directory / name
        if not (link.is_symlink() and os.readlink(link) == f"{_DATA}/{name}"):  # noqa: PTH115 - the text, not the path
            _clear(link)
            link.symlink_to(f"{_DATA}/{name}")
    for name in _linked(directory) - visible:
        (directory / name).unlink()
    if current is not None:
        shutil.rmtree(current, ignore_errors=True)
    return True


def _new_directory(directory: Path, now: float) -> Path:
    stem = datetime.fromtimestamp(now, UTC).strftime("..%Y_%m_%d_%H_%M_%S.")
    number = 0
    while True:
        fresh = directory / f"{stem}{number:09d}"
        try:
            fresh.mkdir(mode=0o755)
        except FileExistsError:
            number += 1
        else:
            return fresh


def _current(directory: Path) -> Path | None:
    """Return the directory that ``..data`` leads to, if this module made it in this volume."""
    try:
        name = os.readlink(directory / _DATA)  # noqa: PTH115 - the text, not the path
    except OSError:
        return None
    current = directory / name
    if _OURS.fullmatch(name) is None or current.is_symlink() or not current.is_dir():
        return None
    return current


def _content(current: Path) -> dict[str, File]:
    content: dict[str, File] = {}
    for folder, _, names in os.walk(current):
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            content[str(path.relative_to(current))] = File(data, stat.S_IMODE(status.st_mode), status.st_uid)
    return content


def _linked(directory: Path) -> set[str]:
    """Return the names in the volume that are symlinks through ``..data``."""
    linked = set()
    for entry in os.scandir(directory):
        if entry.is_symlink() and os.readlink(entry.path) == f"{_DATA}/{entry.name}":  # noqa: PTH115 - the text
            linked.add(entry.name)
    return linked


def _point(link: Path, to: str, temporary: Path) -> None:
    _clear(temporary)
    temporary.symlink_to(to)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    temporary.replace(link)


def _clear(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
