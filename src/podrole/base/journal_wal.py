"""Finds damage in SQLite's write-ahead log, which SQLite does not report.

SQLite takes the first frame that it cannot verify, and all that follow, for the end of a transaction that a crash has
interrupted, and later overwrites them. If the file is damaged, they hold transactions that were acknowledged.

https://sqlite.org/walformat.html
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = 32
_FRAME_HEADER = 24
_BYTE_ORDERS = {0x377F0682: "<", 0x377F0683: ">"}
"""The byte order of checksums, by the magic number at the file's start."""
_MAX_FRAME = struct.Struct("=16xI")
"""The number of frames in use, in the header of the index (-shm)."""

_Checksum = tuple[int, int]


def frames_in_use(index: Path) -> int:
    """Return how many frames SQLite takes as written. To be called once a connection has read the database."""
    with index.open("rb") as file:
        return int(_MAX_FRAME.unpack(file.read(_MAX_FRAME.size))[0])


def damage_of(wal: Path, in_use: int) -> str | None:
    """Return what is damaged in a write-ahead log of which SQLite uses the first frames, None if nothing is known.

    A transaction begins only after the one before it is on disk. So if a frame follows the last frame of a transaction
    by its checksum, that transaction was acknowledged: SQLite must use it. Damage in the last transaction is not found:
    it looks like the trace of a crash.
    """
    with wal.open("rb") as file:
        header = file.read(_HEADER)
        if not any(header):  # nothing was committed into it
            return None
        order = _BYTE_ORDERS.get(int.from_bytes(header[:4], "big"))
        if len(header) < _HEADER or order is None or _checksum(order, header[:24], (0, 0)) != _stored(header[24:]):
            return "the header of its write-ahead log is damaged"
        size = _FRAME_HEADER + int.from_bytes(header[8:12], "big")
        file.seek(_HEADER + in_use * size)
        committed: _Checksum | None = None
        while len(frame := file.read(size)) == size:
            if frame[8:16] != header[16:24]:  # its salt: left from before the log was last restarted
                committed = None
                continue
            stored = _stored(frame[16:24])
            if committed is not None and _checksum(order, frame[:8] + frame[_FRAME_HEADER:], committed) == stored:
                return f"its write-ahead log is damaged after frame {in_use}"
            committed = stored if any(frame[4:8]) else None  # the size of the database marks a transaction's last frame
    return None


def _stored(data: bytes) -> _Checksum:
    first, second = struct.unpack(">2I", data)
    return first, second


def _checksum(order: str, data: bytes, before: _Checksum) -> _Checksum:
    first, second = before
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for word, next_word in zip(words, words, strict=True):
        first = (first + word + second) & 0xFFFFFFFF
        second = (second + next_word + first) & 0xFFFFFFFF
    return first, second
