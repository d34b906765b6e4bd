"""All controllers, running against the cluster in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.cluster.controllers.manager import Controllers

ROOT_CA = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n"


@pytest.fixture
async def controllers(cluster: Any, time: Any) -> AsyncIterator[Controllers]:
    async with Controllers(lambda _: cluster, root_ca_pem=ROOT_CA, time=time) as running:
        yield running
