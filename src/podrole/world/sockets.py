"""The sockets that a world listens on, and where each is."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Self

from podrole.base.serving import LOOPBACK, bind
from podrole.world.settings import BY_NAME, WorldSettings
from podrole.world.stopping import Stopping


@dataclass(frozen=True, slots=True)
class WorldSockets:
    """The world's listening sockets, bound before anything else starts, so that a port in use is reported at once."""

    aws: socket.socket
    cluster: socket.socket
    issuer: socket.socket
    webhook: socket.socket
    metrics: socket.socket
    pod_identity: socket.socket

    @classmethod
    def bound(cls, settings: WorldSettings, stopping: Stopping) -> Self:
        """Bind all of them, until ``stopping`` closes them. Raises PortInUse."""

        def of(name: str) -> socket.socket:
            setting = BY_NAME[name]
            return stopping.enter_now(bind(getattr(settings, name), name=setting.listener, option=setting.option))

        webhook = BY_NAME["webhook_port"]
        return cls(
            aws=of("aws_port"),
            cluster=of("cluster_port"),
            issuer=of("issuer_port"),
            webhook=of("webhook_port"),
            metrics=stopping.enter_now(bind(0, name=f"{webhook.listener}'s metrics", option=webhook.option)),
            pod_identity=of("pod_identity_port"),
        )


def port_of(sock: socket.socket) -> int:
    """Return the port that a socket listens on."""
    return int(sock.getsockname()[1])


def url_of(scheme: str, sock: socket.socket) -> str:
    """Return the URL of what listens on a socket of loopback."""
    return f"{scheme}://{LOOPBACK}:{port_of(sock)}"
