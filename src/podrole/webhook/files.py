"""Files that are read again when they change."""

from __future__ import annotations

from pathlib import Path


def fingerprint(path: Path) -> tuple[int, int, int] | None:
    """Return a value that changes with the content of a file, None if the file does not exist.

    Links of a mounted ConfigMap or Secret are followed, so a new ``..data`` directory shows as another inode.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
