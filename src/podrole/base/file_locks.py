"""Locks on files, which the system takes away from a process that ends, however it ends.

flock(2) where there is one; on Windows a lock on the file's first byte.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os
    import time

    _ATTEMPT_SECONDS = 0.05

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this process alone; False if another one has locked it."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def wait_for_lock(descriptor: int) -> None:
        """Lock an open file for this process alone, however long another one keeps it."""
        while not try_lock(descriptor):
            time.sleep(_ATTEMPT_SECONDS)

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this process alone; False if another one has locked it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait_for_lock(descriptor: int) -> None:
        """Lock an open file for this process alone, however long another one keeps it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)
