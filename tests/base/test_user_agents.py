"""Each of podrole's programs names itself in its requests to the Kubernetes API."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from podrole.doctor.sources.kubernetes import KubernetesCluster
from podrole.kube.errors import KubeError
from podrole.setup.kubernetes_cluster import KubernetesSetupCluster
from podrole.setup.wanted import ServiceAccountName
from podrole.webhook.scan import scan_now
from podrole.webhook.settings import WebhookSettings
from support.api_server import APIServer


async def doctor(connection: Any) -> None:
    cluster = KubernetesCluster(connection)
    try:
        await cluster.get("serviceaccounts", "demo", "sa")
    finally:
        await cluster.close()


async def setup(connection: Any) -> None:
    cluster = KubernetesSetupCluster(connection)
    try:
        await cluster.service_account(ServiceAccountName("demo", "sa"))
    finally:
        await cluster.close()


async def webhook(connection: Any) -> None:
    with contextlib.suppress(KubeError):  # the test's API server lists no pods
        await scan_now(WebhookSettings(), connection)


@pytest.mark.parametrize(
    ("program", "name"), [(doctor, "podrole-doctor"), (setup, "podrole"), (webhook, "podrole-webhook")]
)
async def test_a_program_names_itself(program: Callable[[Any], Awaitable[None]], name: str) -> None:
    async with APIServer() as api:
        api.service_account("demo", "sa")
        await program(api.connection)
        assert api.user_agents == {name}
