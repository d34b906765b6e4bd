"""uvicorn's WebSocket, with subprotocols of any name.

Kubernetes has one whose name RFC 6455 does not allow: ``SPDY/3.1+portforward.k8s.io`` has a slash.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.server import ServerProtocol


class _Handshake(ServerProtocol):
    def process_subprotocol(self, headers: Headers) -> None:
        """Leave the subprotocol to the application, as uvicorn does, and do not parse what the client offers."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """The protocol of a connection that has become a WebSocket. It compresses nothing, as kube-apiserver:
    that would block the loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=self.logger)
