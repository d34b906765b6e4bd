"""Fixtures of the doctor's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.broken_world import NAMESPACE, BrokenWorld
from support.world import running_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenWorld]:
    """A running world with a provider for its cluster, and a namespace."""
    with running_world(tmp_path_factory.mktemp("broken")) as running:
        found = BrokenWorld(running)
        found.provider()
        found.create_namespace(NAMESPACE)
        yield found
        found.close()
