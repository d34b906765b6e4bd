"""The certificate authorities that this system trusts, as PEM, for programs that take a whole bundle."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Arch
)
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def bundle(own: bytes, further: Iterable[str] = ()) -> Iterator[bytes]:
    """Yield the lines of ``own`` certificates, then those of the system's and of the files ``further``.

    Files that cannot be read, hold no certificate or hold ``own`` are left out, and so is each file after its first
    time. A system has 200 kB of certificates: they are never in memory as a whole.
    """
    yield own
    first_line = own.splitlines()[1]
    for path in dict.fromkeys(Path(path) for path in (_system(), *further) if path):
        if _has_line(path, _BEGIN) and not _has_line(path, first_line):
            yield b"\n"
            yield from (line.rstrip() + b"\n" for line in _lines(path))


def _system() -> str | None:
    places = ssl.get_default_verify_paths()
    return next((path for path in (places.cafile, *_BUNDLES) if path and _has_line(Path(path), _BEGIN)), None)


def _has_line(path: Path, wanted: bytes) -> bool:
    return any(line.strip() == wanted for line in _lines(path))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError:
        return
