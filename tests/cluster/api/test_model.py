"""Whatever several clients do, in whatever order: the store, every watch and a fresh list agree with a simple model."""

from __future__ import annotations

import asyncio
import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.oidc.keys import SigningKey

KEY = SigningKey.generate("ES256")
NAMES, TEAMS = ("a", "b", "c"), ("red", "blue", None)

steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "replace", "patch", "delete", "conflict", "hold", "release"]),
        st.sampled_from(NAMES),
        st.sampled_from(TEAMS),
        st.integers(0, 3),
    ),
    max_size=25,
)


class Model:
    """What there should be: name -> (team, value, held, going)."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}

    def expect(self, step: tuple[str, str, str | None, int]) -> str:
        """Take the step and return what the server should answer: ok, or the reason of its refusal."""
        kind, name, team, value = step
        found = self.objects.get(name)
        if kind == "create":
            if found is not None:
                return "AlreadyExists"
            self.objects[name] = {"team": team, "value": value, "held": False, "going": False}
            return "ok"
        if found is None:
            return "NotFound"
        if kind == "conflict":
            return "Conflict"
        if kind == "delete":
            if found["held"]:
                found["going"] = True
            else:
                del self.objects[name]
        elif kind == "hold":
            if found["going"]:
                return "ok" if found["held"] else "Invalid"
            found["held"] = True
        elif kind == "release":
            found["held"] = False
            if found["going"]:
                del self.objects[name]
        else:
            found.update(team=team, value=value)
        return "ok"


def body(name: str, team: str | None, value: int) -> dict[str, Any]:
    labels = {} if team is None else {"team": team}
    return {"metadata": {"name": name, "labels": labels}, "data": {"value": str(value)}}


async def take(client: ClusterClient, step: tuple[str, str, str | None, int]) -> str:
    kind, name, team, value = step
    try:
        if kind == "create":
            await client.create("configmaps", "default", body(name, team, value))
        elif kind == "replace":
            new = body(name, team, value)
            old = await client.get("configmaps", "default", name)
            new["metadata"]["finalizers"] = old["metadata"].get("finalizers", [])
            await client.update("configmaps", "default", name, new)
        elif kind == "patch":
            patch = {"metadata": {"labels": {"team": team}}, "data": {"value": str(value)}}
            await client.merge_patch("configmaps", "default", name, patch)
        elif kind == "conflict":
            old = await client.get("configmaps", "default", name)
            old["metadata"]["resourceVersion"] = "1"
            await client.update("configmaps", "default", name, old)
        elif kind == "delete":
            await client.delete("configmaps", "default", name)
        else:
            finalizers = ["example.com/held"] if kind == "hold" else None
            await client.merge_patch("configmaps", "default", name, {"metadata": {"finalizers": finalizers}})
    except StatusError as refused:
        return refused.reason
    return "ok"


async def follow(client: ClusterClient, selector: str, into: dict[str, Any], seen: list[int]) -> None:
    async for event in client.watch("configmaps", "default", label_selector=selector):
        name = event.object["metadata"]["name"]
        seen.append(int(event.object["metadata"]["resourceVersion"]))
        if event.type == "DELETED":
            assert into.pop(name)["metadata"]["uid"] == event.object["metadata"]["uid"]
        else:
            assert (event.type == "ADDED") == (name not in into)
            into[name] = event.object


@settings(max_examples=60, deadline=None)
@given(steps)
def test_store_watches_and_lists_agree(taken: list[tuple[str, str, str | None, int]]) -> None:
    asyncio.run(_agree(taken))


async def _agree(taken: list[tuple[str, str, str | None, int]]) -> None:
    cluster = Cluster(ClusterSettings("https://127.0.0.1:1", "https://issuer.example"), keys=[KEY], authority_pem=b"")
    async with cluster:
        clients = [cluster.client(ADMINISTRATOR, f"client-{number}") for number in range(3)]
        selectors = ("", "team=red", "!team")
        views: list[dict[str, Any]] = [{} for _ in selectors]
        seen: list[list[int]] = [[] for _ in selectors]
        tasks = [
            asyncio.create_task(follow(clients[0], selector, view, revisions))
            for selector, view, revisions in zip(selectors, views, seen, strict=True)
        ]
        await asyncio.sleep(0)
        model = Model()
        for number, step in enumerate(taken):
            expected = model.expect(step)
            assert await take(clients[number % 3], step) == expected, step
        for _ in range(20):
            await asyncio.sleep(0)
        for selector, view, revisions in zip(selectors, views, seen, strict=True):
            listed = await clients[1].list("configmaps", "default", label_selector=selector)
            assert {one["metadata"]["name"]: one for one in listed} == view
            assert revisions == sorted(set(revisions))
        assert {
            name: (one["team"], str(one["value"]), one["held"], one["going"]) for name, one in model.objects.items()
        } == {
            name: (
                one["metadata"].get("labels", {}).get("team"),
                one["data"]["value"],
                bool(one["metadata"].get("finalizers")),
                "deletionTimestamp" in one["metadata"],
            )
            for name, one in views[0].items()
        }
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_writers_at_the_same_time_lose_no_update(cluster: Cluster) -> None:
    client = cluster.client(ADMINISTRATOR, "test")
    await client.create("configmaps", "default", {"metadata": {"name": "shared"}, "data": {}})

    async def add(number: int) -> None:
        while True:
            found = await client.get("configmaps", "default", "shared")
            found.setdefault("data", {})[str(number)] = "x"
            await asyncio.sleep(0)
            try:
                await client.update("configmaps", "default", "shared", found)
            except StatusError as refused:
                if refused.reason != "Conflict":
                    raise
            else:
                return

    await asyncio.gather(*(add(number) for number in range(20)))
    found = await client.get("configmaps", "default", "shared")
    assert len(found["data"]) == 20


async def test_what_a_client_is_given_is_its_own(cluster: Cluster) -> None:
    client = cluster.client(ADMINISTRATOR, "test")
    made = await client.create("configmaps", "default", {"metadata": {"name": "own"}, "data": {"a": "1"}})
    made["data"]["a"] = "changed"
    (await client.get("configmaps", "default", "own"))["data"]["a"] = "changed"
    (await client.list("configmaps", "default"))[0]["data"] = None
    async for event in client.watch("configmaps", "default"):
        event.object["data"]["a"] = "changed"
        break
    assert (await client.get("configmaps", "default", "own"))["data"] == {"a": "1"}


MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.mark.parametrize("seed", range(3))
def test_watches_and_a_list_agree_after_concurrent_writes(serve: Any, seed: int) -> None:
    with serve() as served, ThreadPoolExecutor() as threads:
        watching = [threads.submit(replayed, served, selector) for selector in ("", "team=red")]
        list(threads.map(lambda number: work(served, random.Random(f"{seed}/{number}")), range(4)))
        with served.client() as http:
            http.post(MAPS, json={"metadata": {"name": "end", "labels": {"team": "red"}}})
            for selector, watch in zip(("", "team=red"), watching, strict=True):
                listed = http.get(MAPS, params={"labelSelector": selector}).json()["items"]
                assert {one["metadata"]["name"]: one for one in listed} == watch.result(20)


def work(served: Any, source: random.Random) -> None:
    """Do what comes to mind; every answer is one that a race may bring about."""
    with served.client() as http:
        for _ in range(60):
            name, team, value = source.choice("abcdef"), source.choice(("red", "blue")), str(source.random())
            body = {"metadata": {"name": name, "labels": {"team": team}}, "data": {"value": value}}
            match source.randrange(4):
                case 0:
                    status = http.post(MAPS, json=body).status_code
                    assert status in (201, 409)
                case 1:
                    status = http.patch(f"{MAPS}/{name}", json=body, headers=MERGE).status_code
                    assert status in (200, 404, 409)
                case 2:
                    found = http.get(f"{MAPS}/{name}").json()
                    if found["kind"] == "ConfigMap":
                        status = http.put(f"{MAPS}/{name}", json={**found, "data": {"value": value}}).status_code
                        assert status in (200, 404, 409)
                case _:
                    assert http.delete(f"{MAPS}/{name}").status_code in (200, 404)


def replayed(served: Any, selector: str) -> dict[str, Any]:
    """Return what a watch makes one believe, until ``end`` appears; each event must fit those before it."""
    with served.client() as http:
        first = http.get(MAPS, params={"labelSelector": selector}).json()
        view = {one["metadata"]["name"]: one for one in first["items"]}
        last = int(first["metadata"]["resourceVersion"])
        query = {"watch": "true", "labelSelector": selector, "resourceVersion": str(last)}
        with http.stream("GET", MAPS, params=query) as events:
            for line in events.iter_lines():
                event = json.loads(line)
                name, version = event["object"]["metadata"]["name"], int(event["object"]["metadata"]["resourceVersion"])
                assert version > last
                last = version
                if event["type"] == "DELETED":
                    del view[name]
                    continue
                assert (event["type"] == "ADDED") == (name not in view)
                view[name] = event["object"]
                view[name].pop("kind"), view[name].pop("apiVersion")  # a list's items have none
                if name == "end":
                    return view
    raise AssertionError("the watch ended")
