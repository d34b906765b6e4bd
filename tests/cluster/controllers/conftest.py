"""All controllers, running against the cluster in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.manager import Controllers
from podrole.cluster.core.errors import StatusError

ROOT_CA = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n"


@pytest.fixture
async def controllers(cluster: Any, time: Any) -> AsyncIterator[Controllers]:
    async with Controllers(lambda _: cluster, root_ca_pem=ROOT_CA, time=time) as running:
        yield running


@pytest.fixture
def set_phase(cluster: Any, time: Any) -> Any:
    """Return a function that does a kubelet's part: gives a pod its phase, and readiness if it is Running."""

    async def set_phase(name: str, phase: str = "Running") -> None:
        condition = {
            "type": "Ready",
            "status": "True" if phase == "Running" else "False",
            "lastTransitionTime": rfc3339(time.now()),
        }
        status = {"phase": phase, "conditions": [condition]}
        await cluster.merge_patch("pods", "default", name, {"status": status}, subresource="status")

    return set_phase


@pytest.fixture
async def kubelet(cluster: Any, set_phase: Any) -> AsyncIterator[None]:
    """Every pod runs and is ready as soon as it is there; images called ``broken`` never are."""

    async def work() -> None:
        async for event in cluster.watch("pods"):
            pod = event.object
            fresh = event.type == "ADDED" and pod["spec"]["containers"][0]["image"] != "broken"
            if fresh and pod["status"]["phase"] == "Pending":
                with contextlib.suppress(StatusError):
                    await set_phase(pod["metadata"]["name"])

    task = asyncio.create_task(work())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def pods_of(cluster: Any) -> Any:
    """Return a function that lists the pods in the namespace, by image if asked."""

    async def pods(image: str | None = None) -> list[Any]:
        found = await cluster.list("pods", "default")
        return [pod for pod in found if image is None or pod["spec"]["containers"][0]["image"] == image]

    return pods
