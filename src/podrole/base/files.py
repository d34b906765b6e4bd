"""Files that hold credentials: written completely or not at all, readable only by their owner."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from podrole.base.errors import PodroleError

PRIVATE = 0o600
PRIVATE_DIRECTORY = 0o700


class FileProblem(PodroleError):
    """A file or directory cannot be created, read or written."""

    code = "file-problem"


def make_private_directory(path: Path) -> None:
    """Create ``path`` and its parents; only the owner may enter ``path``. Raises FileProblem."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
    except OSError as problem:
        raise FileProblem(
            f"The directory {path} cannot be created: {problem.strerror}.",
            next_step="choose another directory with --dir, or make this one writable",
        ) from problem


def write_private(path: Path, content: bytes | str | Iterable[bytes]) -> None:
    """Replace ``path`` by ``content``, whole or in pieces, in one step, mode 0600. Raises FileProblem and then leaves
    nothing behind.

    The content goes to a new file beside the target, which is then renamed over it: a reader sees the old file or the
    new one, and a crash, of the machine too, leaves one of them whole. Once this returns, it is the new one.
    """
    if isinstance(content, str):
        content = content.encode()
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)  # mkstemp made it 0600
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
        _sync_directory(path.parent)
    except OSError as problem:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise FileProblem(
            f"The file {path} cannot be written: {problem.strerror}.",
            next_step="make its directory writable, or choose another one"
            if path.parent.is_dir()
            else f"create the directory {path.parent}, or choose another one",
        ) from problem


def _sync_directory(path: Path) -> None:
    """Have the names in a directory on disk (fsync(2): that of a file does not cover its name)."""
    if sys.platform == "win32":  # a directory cannot be opened there, and NTFS keeps a journal of its names
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be used to a new name beside it, and return that name. Raises FileProblem."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        return path.rename(aside)
    except OSError as problem:
        raise FileProblem(
            f"The file {path} cannot be renamed: {problem.strerror}.",
            next_step="make its directory writable, or choose another one",
        ) from problem
