"""A local world for the adapters, and clients of its administrator as witnesses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from podrole.kube.connection import from_kubeconfig
from podrole.setup.aws_account import AWSAccount
from podrole.setup.kubernetes_cluster import KubernetesSetupCluster
from podrole.testing import World
from support.setup_world import access_of, client
from support.world import RunningWorld, as_running


@pytest.fixture
def world(podrole_world: World, tmp_path: Path) -> RunningWorld:
    """A running world, empty."""
    return as_running(podrole_world, tmp_path)


@pytest.fixture
def account(world: RunningWorld) -> Iterator[AWSAccount]:
    """The world's account."""
    account = AWSAccount(access_of(world))
    yield account
    account.close()


@pytest.fixture
async def cluster(world: RunningWorld) -> AsyncIterator[KubernetesSetupCluster]:
    """The world's cluster."""
    cluster = KubernetesSetupCluster(from_kubeconfig([world.directory / ".podrole" / "kubeconfig"]), what="the cluster")
    yield cluster
    await cluster.close()


@pytest.fixture
def iam(world: RunningWorld) -> Iterator[Any]:
    """boto3's client of IAM."""
    made = client(world, "iam")
    yield made
    made.close()
