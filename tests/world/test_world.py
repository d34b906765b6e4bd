"""A world starts completely or not at all."""

from __future__ import annotations

import asyncio
import functools
import threading
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from podrole.world.errors import AlreadyRunning, NotRunning, StartFailed
from podrole.world.settings import WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.world import World

FREE = WorldSettings(aws_port=0, cluster_port=0, ephemeral=True)


async def test_addresses_of_a_world_are_published_while_it_runs(tmp_path: Path) -> None:
    directory = WorldDirectory(tmp_path / "world")
    async with World(directory, FREE) as world:
        assert directory.running() == world.description
        with pytest.raises(AlreadyRunning):
            directory.lock()
    with pytest.raises(NotRunning):
        directory.running()
    directory.lock().close()


async def test_account_that_cannot_be_created_ends_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("podrole.aws.endpoint.open_account", fail)
    async with World(WorldDirectory(tmp_path / "world"), FREE) as world:
        with pytest.raises(StartFailed, match="could not make its account") as raised:
            await world.until_it_fails()
    assert raised.value.got == "OSError: no room"


async def test_secrets_are_created_once(tmp_path: Path) -> None:
    directory = WorldDirectory(tmp_path / "world")
    async with World(directory, FREE) as first:
        issuer, credentials = first.description.issuer, directory.admin_credentials()
    async with World(directory, FREE) as second:
        assert (second.description.issuer, directory.admin_credentials()) == (issuer, credentials)


async def test_file_of_associations_exists_while_the_world_runs(tmp_path: Path) -> None:
    directory = WorldDirectory(tmp_path / "world")
    async with World(directory, FREE) as world:
        assert directory.pod_identities.read_text() == '{"identities": []}'
        assert world.description.pod_identity_url.startswith("http://127.0.0.1:")
    assert not directory.pod_identities.exists()


def test_check_whether_a_world_runs_does_not_keep_one_from_starting(tmp_path: Path) -> None:
    directory = WorldDirectory(tmp_path / "world")
    looking = directory.lock()
    threading.Timer(0.05, looking.close).start()
    directory.lock().close()


@pytest.mark.parametrize(
    ("region", "partition", "domain"),
    [("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com")],
)
async def test_region_decides_the_partition_of_account_cluster_and_issuer(
    tmp_path: Path, region: str, partition: str, domain: str
) -> None:
    directory = WorldDirectory(tmp_path / "world")
    async with World(directory, replace(FREE, region=region)) as world:
        key_id, secret = directory.admin_credentials()
        client = functools.partial(
            boto3.client,
            endpoint_url=world.description.aws_url,
            region_name=region,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )
        caller = await asyncio.to_thread(client("sts").get_caller_identity)
        cluster = await asyncio.to_thread(client("eks").describe_cluster, name="podrole")
    assert caller["Arn"] == f"arn:{partition}:iam::111122223333:user/admin"
    assert cluster["cluster"]["arn"] == f"arn:{partition}:eks:{region}:111122223333:cluster/podrole"
    assert cluster["cluster"]["identity"]["oidc"]["issuer"].startswith(f"https://oidc.eks.{region}.{domain}/id/")
