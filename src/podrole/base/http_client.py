"""HTTP clients whose connections are closed in every case, also if a request is cancelled."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2


def async_client(
    verify: ssl.SSLContext | bool = True, *, timeout: float | None, base_url: str = ""
) -> httpx2.AsyncClient:
    """Return a client that follows no redirect and reads no settings from the environment."""
    return httpx2.AsyncClient(
        transport=AsyncTransport(verify=verify), base_url=base_url, timeout=timeout, trust_env=False
    )


def no_tls() -> ssl.SSLContext:
    """Return a context for plain HTTP. It trusts no certificate: the default one takes 20 ms to read the system's."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class AsyncTransport(httpx2.AsyncHTTPTransport):
    """A transport over a ``ClosingBackend`` that reads no settings from the environment; parameters as httpx's."""

    def __init__(self, **options: Any) -> None:
        from podrole.base.closing_backend import ClosingBackend  # httpx also imports httpcore only here: it takes long

        super().__init__(trust_env=False, **options)
        self._pool._network_backend = ClosingBackend()  # httpx has no parameter for it
