"""All controllers together: started as one, stopped as one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

from podrole.cluster.controllers.controller import Controller
from podrole.cluster.controllers.cronjob import CronJobController
from podrole.cluster.controllers.deployment import DeploymentController
from podrole.cluster.controllers.event_expiry import EventExpiry
from podrole.cluster.controllers.garbage_collector import GarbageCollector
from podrole.cluster.controllers.job import JobController
from podrole.cluster.controllers.namespace_defaults import RootCertificatePublisher, ServiceAccountController
from podrole.cluster.controllers.namespace_termination import NamespaceController
from podrole.cluster.controllers.replicaset import ReplicaSetController
from podrole.cluster.controllers.role_aggregation import RoleAggregationController
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import SystemTime, Time

WITH_EVENTS = (ReplicaSetController, DeploymentController, JobController, CronJobController)


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
        self._recorders: list[EventRecorder] = []
        self._controllers: list[Controller] = [
            ServiceAccountController(client_for(ServiceAccountController.name), time),
            RootCertificatePublisher(client_for(RootCertificatePublisher.name), time, root_ca_pem),
            NamespaceController(client_for(NamespaceController.name), time),
            GarbageCollector(client_for(GarbageCollector.name), time),
            EventExpiry(client_for(EventExpiry.name), time),
            RoleAggregationController(client_for(RoleAggregationController.name), time),
        ]
        for kind in WITH_EVENTS:
            client = client_for(kind.name)
            recorder = EventRecorder(client, kind.name, time.now)
            self._recorders.append(recorder)
            self._controllers.append(kind(client, time, recorder))
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for recorder in self._recorders:
            await self._stack.enter_async_context(recorder)
        self._tasks = [asyncio.create_task(each.run()) for each in self._controllers]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
