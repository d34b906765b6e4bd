"""The image of a pod's sandbox: one program that waits for ever, so that nothing has to be pulled for it.

It is a static ELF executable of a few machine instructions, written out here byte by byte for each architecture.
"""

from __future__ import annotations

import io
import struct
import tarfile
from dataclasses import dataclass

LABEL = "dev.podrole.pause"
"""The label of the image. Its value is a version."""
BASE = 0x400000
_HEADERS = 64 + 56  # of the file and of its only segment


@dataclass(frozen=True, slots=True)
class _Machine:
    number: int  # e_machine
    code: bytes


MACHINES = {
    # mov eax, 34 (pause); syscall; jmp to the beginning
    "x86_64": _Machine(62, bytes.fromhex("b822000000 0f05 ebf7")),
    # mov x8, 73 (ppoll); x0 to x3 = 0: no descriptors, no time limit, no mask; svc 0; b to the beginning
    "aarch64": _Machine(
        183, struct.pack("<7I", 0xD2800928, 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD4000001, 0x17FFFFFA)
    ),
}


def program(machine: str) -> bytes:
    """Return the executable for a machine, by ``uname -m``. Raises KeyError for another one."""
    wanted = MACHINES[machine]
    size = _HEADERS + len(wanted.code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    entry = BASE + _HEADERS
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, wanted.number, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000)
    return header + segment + wanted.code


def archive(machine: str) -> bytes:
    """Return the image's file system as a tar archive."""
    content = program(machine)
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        member = tarfile.TarInfo("pause")
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
    return written.getvalue()
