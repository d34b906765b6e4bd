"""Files that are read again when they change."""

from __future__ import annotations

from pathlib import Path


def fingerprint(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file's content does, or None where there is none.

    The links of a mounted ConfigMap or Secret are followed, so the swap of its ``..data`` shows as another inode.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
