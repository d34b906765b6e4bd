"""TLS contexts with keys that stay off the disk where the system allows it."""

from __future__ import annotations

import os
import ssl
import sys
import tempfile
from pathlib import Path


def load_pem_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate chain and its key from memory. Raises ssl.SSLError if they do not fit.

    OpenSSL reads only files: an anonymous file in memory keeps the key off the disk, which may also be read-only. Only
    Linux has such files; elsewhere it is a private temporary file, which is removed at once.
    """
    content = key.rstrip() + b"\n" + certificate
    if sys.platform != "linux":
        with tempfile.TemporaryDirectory(prefix="podrole-") as folder:  # only its owner may enter it
            file = Path(folder) / "pem"
            file.write_bytes(content)
            context.load_cert_chain(file, password="")
        return
    descriptor = os.memfd_create("podrole-pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        # An encrypted key is an error: without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="")
    finally:
        os.close(descriptor)
