"""The service account of the world's webhook: its rights, and the renewal of its token."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest

from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.oidc.keys import SigningKey
from podrole.world.settings import WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.webhook_account import NAME, NAMESPACE, TokenKeeper, create_account
from podrole.world.world import World
from support.api_server import until
from support.clock import Turned

FREE = WorldSettings(aws_port=0, cluster_port=0, ephemeral=True)


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_webhook_may_only_read_service_accounts_and_write_events(tmp_path: Path) -> None:
    directory = WorldDirectory(tmp_path / "world")
    async with World(directory, FREE) as world:
        token = directory.webhook_token.read_text()
        assert directory.webhook_token.stat().st_mode & 0o777 == 0o600
        context = ssl.create_default_context(cafile=str(directory.authority))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=world.description.cluster_url, verify=context, headers=headers) as http:
            assert (await http.get("/api/v1/serviceaccounts")).status_code == 200
            for path in ("/api/v1/secrets", "/api/v1/pods", "/api/v1/namespaces/kube-system/configmaps"):
                assert (await http.get(path)).status_code == 403
            account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}"
            assert (await http.post(f"{account}/token", json={})).status_code == 403
            assert (await http.delete(account)).status_code == 403
    assert not directory.webhook_token.exists()


@pytest.fixture
def clock() -> Turned:
    return Turned(1_800_000_000.0)


async def test_token_is_renewed_after_four_fifths_of_its_lifetime(
    tmp_path: Path, clock: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podrole.cluster.core.timing.LONGEST_NAP_SECONDS", 0.01)
    path = tmp_path / "token"
    settings = ClusterSettings("https://127.0.0.1:1", "https://issuer.example")
    async with Cluster(settings, keys=[SigningKey.generate("ES256")], authority_pem=b"", clock=clock) as cluster:
        client = cluster.client(ADMINISTRATOR)
        await create_account(client)
        async with TokenKeeper(client, path, clock):
            first = path.read_text()
            assert claims(first)["sub"] == "system:serviceaccount:kube-system:pod-identity-webhook"
            clock.now += 0.79 * 3600
            await asyncio.sleep(0.05)  # five naps: enough for a renewal that must not come
            assert path.read_text() == first
            clock.now += 0.02 * 3600
            await until(lambda: path.read_text() != first)
            assert claims(path.read_text())["exp"] == int(clock.now) + 3600


async def test_failed_renewal_of_a_token_is_tried_again(
    tmp_path: Path, clock: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podrole.cluster.core.timing.LONGEST_NAP_SECONDS", 0.01)
    path = tmp_path / "token"
    settings = ClusterSettings("https://127.0.0.1:1", "https://issuer.example")
    async with Cluster(settings, keys=[SigningKey.generate("ES256")], authority_pem=b"", clock=clock) as cluster:
        client = cluster.client(ADMINISTRATOR)
        await create_account(client)
        async with TokenKeeper(client, path, clock):
            first = path.read_text()
            await client.delete("serviceaccounts", NAMESPACE, NAME)
            clock.now += 3000
            await asyncio.sleep(0.05)
            await client.create("serviceaccounts", NAMESPACE, {"metadata": {"name": NAME}})
            clock.now += 60
            await until(lambda: path.read_text() != first)
