"""All controllers together: started as one, stopped as one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Self

from podrole.base.tasks import BackgroundTasks, TaskFailure
from podrole.cluster.controllers.api_services import APIServiceController
from podrole.cluster.controllers.controller import Controller
from podrole.cluster.controllers.cronjob import CronJobController
from podrole.cluster.controllers.custom_resources import CustomResourceFinalizer, CustomResourceNames
from podrole.cluster.controllers.deployment import DeploymentController
from podrole.cluster.controllers.endpoints import EndpointsController
from podrole.cluster.controllers.event_expiry import EventExpiry
from podrole.cluster.controllers.garbage_collector import GarbageCollector
from podrole.cluster.controllers.job import JobController
from podrole.cluster.controllers.namespace_defaults import RootCertificatePublisher, ServiceAccountController
from podrole.cluster.controllers.namespace_termination import NamespaceController
from podrole.cluster.controllers.no_node import PodsWithoutNode
from podrole.cluster.controllers.pod_sets import DaemonSetController, StatefulSetController
from podrole.cluster.controllers.replicaset import ReplicaSetController
from podrole.cluster.controllers.role_aggregation import RoleAggregationController
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import SystemTime, Time

CONTROLLERS: tuple[type[Controller], ...] = (
    ServiceAccountController,
    NamespaceController,
    GarbageCollector,
    EventExpiry,
    RoleAggregationController,
    ReplicaSetController,
    DeploymentController,
    JobController,
    CronJobController,
    DaemonSetController,
    StatefulSetController,
    EndpointsController,
    CustomResourceFinalizer,
    CustomResourceNames,
    APIServiceController,
)


class Controllers:
    """Runs every controller while its context is open.

    ``client_for`` returns the client that acts as the controller of that name, in production
    ``system:serviceaccount:kube-system:<name>``: webhooks see it as the user. ``root_ca_pem`` is the certificate of the
    authority that signed the API server's. ``without_node`` says why the cluster has no node, empty if it has one.
    ``failed`` returns if a loop of a controller has died: then they are to be stopped.
    """

    def __init__(
        self,
        client_for: Callable[[str], ClusterClient],
        *,
        root_ca_pem: str,
        without_node: str = "",
        time: Time | None = None,
    ) -> None:
        time = time or SystemTime()
        self._recorders: list[EventRecorder] = []

        def parts(name: str) -> tuple[ClusterClient, Time, EventRecorder]:
            client = client_for(name)
            recorder = EventRecorder(client, name, time.now)
            self._recorders.append(recorder)
            return client, time, recorder

        publisher = RootCertificatePublisher(*parts(RootCertificatePublisher.name), root_ca_pem)
        self._controllers: list[Controller] = [publisher, *(kind(*parts(kind.name)) for kind in CONTROLLERS)]
        if without_node:
            self._controllers.append(PodsWithoutNode(*parts(PodsWithoutNode.name), without_node))
        self._stack = contextlib.AsyncExitStack()
        self._tasks = BackgroundTasks("the controllers")

    async def __aenter__(self) -> Self:
        for recorder in self._recorders:
            await self._stack.enter_async_context(recorder)
        await self._stack.enter_async_context(self._tasks)
        for controller in self._controllers:
            controller.start(self._tasks)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def failed(self) -> TaskFailure:
        """Wait until a loop of a controller dies. That controller does not work any more then."""
        return await self._tasks.failed()
