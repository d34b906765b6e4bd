"""TLS contexts with keys that are never written to the disk."""

from __future__ import annotations

import os
import ssl


def load_pem_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate chain and its key from memory. Raises ssl.SSLError if they do not fit.

    OpenSSL reads only files: an anonymous file in memory keeps the key off the disk, which may also be read-only.
    """
    descriptor = os.memfd_create("podrole-pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, key.rstrip() + b"\n" + certificate)
        # An encrypted key is an error: without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="")
    finally:
        os.close(descriptor)
