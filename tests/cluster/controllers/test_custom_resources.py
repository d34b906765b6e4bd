"""Custom objects go with their definition, their namespace and their owners; names that are free again are given."""

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


def owned_by(owner: Any, kind: str, api_version: str) -> dict[str, Any]:
    metadata = owner["metadata"]
    return {"apiVersion": api_version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"]}


async def test_what_a_custom_object_owns_goes_with_it_and_it_goes_with_its_owner(cluster: Any, eventually: Any) -> None:
    config = await cluster.create("configmaps", "default", {"metadata": {"name": "top"}})
    body = {"metadata": {"name": "a", "ownerReferences": [owned_by(config, "ConfigMap", "v1")]}}
    widget = await cluster.create("widgets.shop.example", "default", body)
    secret = {"metadata": {"name": "low", "ownerReferences": [owned_by(widget, "Widget", "shop.example/v1")]}}
    await cluster.create("secrets", "default", secret)
    await cluster.delete("configmaps", "default", "top")
    await cluster.until_gone("widgets.shop.example", "default", "a")
    await cluster.until_gone("secrets", "default", "low")


async def test_what_custom_objects_own_goes_with_their_definition(cluster: Any) -> None:
    widget = await cluster.create("widgets.shop.example", "default", {"metadata": {"name": "a"}})
    secret = {"metadata": {"name": "low", "ownerReferences": [owned_by(widget, "Widget", "shop.example/v1")]}}
    await cluster.create("secrets", "default", secret)
    await cluster.delete(DEFINITIONS, None, "widgets.shop.example")
    await cluster.until_gone("secrets", "default", "low")


async def test_a_definition_gets_the_names_that_another_leaves(cluster: Any, eventually: Any) -> None:
    first = await cluster.get(DEFINITIONS, None, "widgets.shop.example")
    spec = {**first["spec"], "names": {"plural": "gadgets", "kind": "Widget"}}
    made = await cluster.create(DEFINITIONS, None, {"metadata": {"name": "gadgets.shop.example"}, "spec": spec})
    assert made["status"]["conditions"][0]["reason"] == "ListKindConflict"
    await cluster.delete(DEFINITIONS, None, "widgets.shop.example")

    async def established() -> bool:
        status = (await cluster.get(DEFINITIONS, None, "gadgets.shop.example"))["status"]
        return {one["type"]: one["status"] for one in status["conditions"]} == {
            "NamesAccepted": "True",
            "Established": "True",
        }

    await eventually(established)


async def test_a_custom_group_has_an_apiservice_as_long_as_it_is_served(cluster: Any, eventually: Any) -> None:
    services = "apiservices.apiregistration.k8s.io"

    async def reason(name: str) -> str:
        found = await cluster.list(services, field_selector=f"metadata.name={name}")
        return found[0].get("status", {}).get("conditions", [{"reason": ""}])[0]["reason"] if found else "none"

    async def both_local() -> bool:
        return [await reason("v1.shop.example"), await reason("v1.apps")] == ["Local", "Local"]

    await eventually(both_local)
    await cluster.delete(DEFINITIONS, None, "widgets.shop.example")
    await cluster.until_gone(services, None, "v1.shop.example")


async def test_an_api_of_another_server_is_not_available(cluster: Any, eventually: Any) -> None:
    spec = {
        "group": "metrics.example",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"namespace": "kube-system", "name": "metrics"},
    }
    body = {"metadata": {"name": "v1.metrics.example"}, "spec": spec}
    await cluster.create("apiservices.apiregistration.k8s.io", None, body)

    async def unavailable() -> bool:
        found = await cluster.get("apiservices.apiregistration.k8s.io", None, "v1.metrics.example")
        conditions = found["status"].get("conditions") or [{}]
        return (conditions[0].get("status"), conditions[0].get("reason")) == ("False", "ServiceNotFound")

    await eventually(unavailable)
