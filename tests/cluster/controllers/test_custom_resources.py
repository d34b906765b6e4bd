"""Custom objects go with their definition and with their namespace."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.core.errors import StatusError

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@pytest.fixture(autouse=True)
async def _defined(cluster: Any, controllers: Any) -> None:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
    spec = {
        "group": "shop.example",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [version],
    }
    await cluster.create(DEFINITIONS, None, {"metadata": {"name": "widgets.shop.example"}, "spec": spec})


async def test_the_objects_of_a_definition_are_deleted_with_it(cluster: Any) -> None:
    await cluster.create("widgets.shop.example", "default", {"metadata": {"name": "a"}, "spec": {"x": 1}})
    await cluster.delete(DEFINITIONS, None, "widgets.shop.example")
    await cluster.until_gone(DEFINITIONS, None, "widgets.shop.example")
    with pytest.raises(StatusError, match="unknown resource"):
        await cluster.list("widgets.shop.example")


async def test_custom_objects_are_deleted_with_their_namespace(cluster: Any, time: Any, eventually: Any) -> None:
    await cluster.create("namespaces", None, {"metadata": {"name": "shop"}})
    await cluster.create("widgets.shop.example", "shop", {"metadata": {"name": "a"}})
    await cluster.delete("namespaces", None, "shop")

    async def gone() -> bool:
        time.turn(2)
        return await cluster.list("widgets.shop.example") == [] and all(
            each["metadata"]["name"] != "shop" for each in await cluster.list("namespaces")
        )

    await eventually(gone)
