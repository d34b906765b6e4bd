"""A world that is led back to its beginning while it runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.base.clock import AdjustableClock, system_clock
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.kinds.registry import BY_NAME
from podrole.world.settings import WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.world import World

FREE = WorldSettings(aws_port=0, cluster_port=0, ephemeral=True)
TRUST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}'


def objects(world: World) -> dict[tuple[str, str, str], Any]:
    """Return what the cluster holds, without what its own parts keep up to date."""
    found = {}
    for resource in ("namespaces", "serviceaccounts", "configmaps", "pods", "deployments.apps", "replicasets.apps"):
        for one in world.cluster.store.list(BY_NAME[resource]):
            metadata = one["metadata"]
            changeable = {"resourceVersion", "managedFields"}
            kept = {name: value for name, value in metadata.items() if name not in changeable}
            found[resource, metadata.get("namespace", ""), metadata["name"]] = {**one, "metadata": kept}
    return found


async def iam(world: World, operation: str, **given: Any) -> Any:
    return await world.accounts.run(OPERATIONS[operation], given, account="111122223333", partition="aws")


async def fill(world: World, client: ClusterClient) -> None:
    await iam(world, "CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
    await iam(world, "DetachUserPolicy", UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    await client.create("namespaces", None, {"metadata": {"name": "shop"}})
    await client.create("serviceaccounts", "shop", {"metadata": {"name": "inventory"}})
    await client.merge_patch("serviceaccounts", "default", "default", {"metadata": {"labels": {"a": "b"}}})
    await client.delete("serviceaccounts", "kube-public", "default")
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", "sleep 1000"]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "replicas": 2}
    await client.create("deployments.apps", "shop", {"metadata": {"name": "web"}, "spec": spec})


async def test_a_reset_leads_back_to_what_was_there(tmp_path: Path) -> None:
    async with World(WorldDirectory(tmp_path), FREE) as world:
        await world.opened()
        await world.keep_beginning()
        records, before = world.accounts.contents(), objects(world)
        client = world.cluster.client(ADMINISTRATOR, "test")
        for _ in range(2):
            await fill(world, client)
            pods: list[Any] = []
            async with asyncio.timeout(30):
                while sum(pod.get("status", {}).get("phase") == "Running" for pod in pods) < 2:
                    await asyncio.sleep(0.01)
                    pods = await client.list("pods", "shop")
            await world.reset()
            assert world.accounts.contents() == records
            assert objects(world) == before
            assert processes_in(tmp_path) == []
        await fill(world, client)  # the names are free again
        with pytest.raises(StatusError, match="already exists"):
            await client.create("namespaces", None, {"metadata": {"name": "shop"}})


def processes_in(directory: Path) -> list[str]:
    """Return the processes that work below a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            working = str((entry / "cwd").readlink())
        except OSError:
            continue
        if working.startswith(str(directory)) and int(entry.name) != os.getpid():
            found.append(working)
    return found


WIDGETS = "widgets.example.com"
DEFINITION = {
    "metadata": {"name": WIDGETS},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


async def test_a_reset_takes_custom_objects_away_with_their_definition(tmp_path: Path) -> None:
    async with World(WorldDirectory(tmp_path), FREE) as world:
        await world.opened()
        await world.keep_beginning()
        client = world.cluster.client(ADMINISTRATOR, "test")
        for _ in range(2):
            await client.create("customresourcedefinitions.apiextensions.k8s.io", None, DEFINITION)
            assert await client.list(WIDGETS, "default") == []
            widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}}
            await client.create(WIDGETS, "default", widget)
            await world.reset()
            with pytest.raises(StatusError, match="unknown resource"):
                await client.list(WIDGETS, "default")


async def test_a_watch_sees_what_a_reset_takes_away(tmp_path: Path) -> None:
    async with World(WorldDirectory(tmp_path), FREE) as world:
        await world.opened()
        await world.keep_beginning()
        client = world.cluster.client(ADMINISTRATOR, "test")
        await client.create("configmaps", "default", {"metadata": {"name": "mine"}})
        watch = client.watch("configmaps", "default", field_selector="metadata.name=mine")
        assert (await anext(watch)).type == "ADDED"
        await world.reset()
        assert (await anext(watch)).type == "DELETED"


async def test_signatures_go_by_real_time_and_sessions_by_the_worlds(tmp_path: Path) -> None:
    clock = AdjustableClock()
    async with World(WorldDirectory(tmp_path), FREE, clock=clock, signature_clock=system_clock) as world:
        await world.opened()
        described, (key_id, secret) = world.description, world.directory.admin_credentials()

        def call(name: str, **given: Any) -> Any:
            import boto3

            keys = given.pop("keys", {"AccessKeyId": key_id, "SecretAccessKey": secret})
            client = boto3.client(
                "sts",
                endpoint_url=described.aws_url,
                region_name="us-east-1",
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys.get("SessionToken"),
            )
            return getattr(client, name)(**given)

        made = await asyncio.to_thread(call, "get_session_token", DurationSeconds=900)
        clock.advance(1800)
        assert await asyncio.to_thread(call, "get_caller_identity")
        with pytest.raises(Exception, match="ExpiredToken"):
            await asyncio.to_thread(call, "get_caller_identity", keys=made["Credentials"])
