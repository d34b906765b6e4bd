"""All controllers together: started as one, stopped as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from podrole.cluster.client import ClusterClient
from podrole.cluster.controllers.controller import Controller
from podrole.cluster.controllers.namespace_defaults import RootCertificatePublisher, ServiceAccountController
from podrole.cluster.timing import SystemTime, Time


class Controllers:
    """Runs every controller while its context is open.

    ``client_for`` gives the client that acts as the controller of that name, in production
    ``system:serviceaccount:kube-system:<name>``: webhooks see it as the user. ``root_ca_pem`` is the certificate of the
    authority that signed the API server's.
    """

    def __init__(
        self, client_for: Callable[[str], ClusterClient], *, root_ca_pem: str, time: Time | None = None
    ) -> None:
        time = time or SystemTime()
        self._controllers: list[Controller] = [
            ServiceAccountController(client_for(ServiceAccountController.name), time),
            RootCertificatePublisher(client_for(RootCertificatePublisher.name), time, root_ca_pem),
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(each.run()) for each in self._controllers]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
