"""Namespaces that end, and owners whose dependents go with them."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.controllers import event_expiry

pytestmark = pytest.mark.usefixtures("controllers")


def owned_by(owner: Any, **more: Any) -> dict[str, Any]:
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return reference | {"uid": owner["metadata"]["uid"]} | more


@pytest.fixture
def make(cluster: Any) -> Any:
    """Return a function that makes a ConfigMap with owners."""

    async def make(name: str, *owners: Any, finalizers: tuple[str, ...] = ()) -> Any:
        metadata: dict[str, Any] = {"name": name, "ownerReferences": list(owners), "finalizers": list(finalizers)}
        return await cluster.create("configmaps", "default", {"metadata": metadata})

    return make


async def test_a_namespace_ends_after_its_contents(cluster: Any) -> None:
    await cluster.create("namespaces", None, {"metadata": {"name": "shop"}})
    await cluster.until("configmaps", "shop", "kube-root-ca.crt", bool)
    await cluster.create("secrets", "shop", {"metadata": {"name": "s", "finalizers": ["example.com/wait"]}})
    await cluster.delete("namespaces", None, "shop")
    held = await cluster.until("secrets", "shop", "s", lambda secret: secret["metadata"].get("deletionTimestamp"))
    assert (await cluster.get("namespaces", None, "shop"))["status"]["phase"] == "Terminating"
    held["metadata"]["finalizers"] = []
    await cluster.update("secrets", "shop", "s", held)
    await cluster.until_gone("namespaces", None, "shop")
    assert await cluster.list("configmaps", "shop") == []
    assert await cluster.list("serviceaccounts", "shop") == []


async def test_dependents_are_deleted_with_their_owner(cluster: Any, make: Any) -> None:
    owner = await make("owner")
    child = await make("child", owned_by(owner))
    await make("grandchild", owned_by(child))
    await cluster.delete("configmaps", "default", "owner")
    await cluster.until_gone("configmaps", "default", "child")
    await cluster.until_gone("configmaps", "default", "grandchild")


async def test_dependent_of_a_missing_owner_is_deleted(cluster: Any, make: Any) -> None:
    owner = await make("owner")
    await cluster.delete("configmaps", "default", "owner")
    await make("owner")  # of the same name, but another
    await make("late", owned_by(owner))
    await cluster.until_gone("configmaps", "default", "late")


async def test_dependent_with_another_owner_only_loses_the_reference(cluster: Any, make: Any) -> None:
    first, second = await make("first"), await make("second")
    await make("child", owned_by(first), owned_by(second))
    await cluster.delete("configmaps", "default", "first")
    child = await cluster.until(
        "configmaps", "default", "child", lambda found: len(found["metadata"]["ownerReferences"]) == 1
    )
    assert child["metadata"]["ownerReferences"] == [owned_by(second)]


async def test_an_owner_of_an_unknown_kind_keeps_its_dependents(cluster: Any, make: Any, eventually: Any) -> None:
    reference = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "u"}
    await make("kept", reference)
    owner = await make("owner")
    await make("child", owned_by(owner))
    await cluster.delete("configmaps", "default", "owner")
    await cluster.until_gone("configmaps", "default", "child")  # so the collector has been past the other
    assert await cluster.get("configmaps", "default", "kept")


async def test_foreground_deletion_waits_for_blocking_dependents(cluster: Any, make: Any) -> None:
    owner = await make("owner", finalizers=("foregroundDeletion",))
    await make("child", owned_by(owner, blockOwnerDeletion=True), finalizers=("example.com/wait",))
    await cluster.delete("configmaps", "default", "owner")
    child = await cluster.until(
        "configmaps", "default", "child", lambda found: found["metadata"].get("deletionTimestamp")
    )
    assert await cluster.get("configmaps", "default", "owner")
    child["metadata"]["finalizers"] = []
    await cluster.update("configmaps", "default", "child", child)
    await cluster.until_gone("configmaps", "default", "owner")


async def test_orphans_stay_without_their_reference(cluster: Any, make: Any) -> None:
    owner = await make("owner", finalizers=("orphan",))
    await make("child", owned_by(owner))
    await cluster.delete("configmaps", "default", "owner")
    await cluster.until_gone("configmaps", "default", "owner")
    assert not (await cluster.get("configmaps", "default", "child"))["metadata"].get("ownerReferences")


async def test_only_the_newest_events_are_kept(
    cluster: Any, time: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_expiry, "MOST", 2)
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    for name in ("c", "a", "b"):
        await cluster.create("events", "default", {"metadata": {"name": name}, "involvedObject": about, "count": 1})
        time.turn(1)
    await eventually(lambda: time.waiting())
    time.turn(60)

    async def are_the_newest() -> bool:
        return {one["metadata"]["name"] for one in await cluster.list("events", "default")} == {"a", "b"}

    await eventually(are_the_newest)


async def test_an_event_lasts_an_hour_after_it_was_last_written(cluster: Any, time: Any, eventually: Any) -> None:
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    for name in ("old", "counted"):
        await cluster.create("events", "default", {"metadata": {"name": name}, "involvedObject": about, "count": 1})
    time.turn(3599)
    await cluster.merge_patch("events", "default", "counted", {"count": 2})
    await eventually(lambda: time.waiting())
    assert {one["metadata"]["name"] for one in await cluster.list("events", "default")} == {"old", "counted"}
    time.turn(60)

    async def names() -> list[str]:
        return [one["metadata"]["name"] for one in await cluster.list("events", "default")]

    async def is_gone() -> bool:
        return await names() == ["counted"]

    await eventually(is_gone)
