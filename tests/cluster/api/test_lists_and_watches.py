"""Lists in chunks and by selectors, and watches: what they begin with, what they tell, how they end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from podrole.cluster.kinds.registry import BY_NAME

MAPS = "/api/v1/namespaces/watched/configmaps"
WATCH_LIST = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
MERGE = {"Content-Type": "application/merge-patch+json"}


class Watching:
    """A watch that is read in the background; ``next`` waits for one event."""

    def __init__(self, client: httpx2.Client, url: str, **headers: str) -> None:
        self._stream = client.stream("GET", url, headers=headers)
        self.response = self._stream.__enter__()
        self._lines = self.response.iter_lines()

    def next(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(next(self._lines))
        return event

    def rest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines]

    def close(self) -> None:
        self._stream.__exit__(None, None, None)


@pytest.fixture
def watch(served: Any) -> Iterator[Callable[..., Watching]]:
    opened: list[Watching] = []
    clients = []

    def begin(url: str, **headers: str) -> Watching:
        clients.append(served.client())
        opened.append(Watching(clients[-1], url, **headers))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()
    for client in clients:
        client.close()


@pytest.fixture(autouse=True)
def namespace(http: httpx2.Client) -> None:
    http.post("/api/v1/namespaces", json={"metadata": {"name": "watched"}})
    http.delete(MAPS)


def put(http: httpx2.Client, name: str, **labels: str) -> dict[str, Any]:
    made: dict[str, Any] = http.post(MAPS, json={"metadata": {"name": name, "labels": labels}}).json()
    return made


def names(answer: dict[str, Any]) -> list[str]:
    return [one["metadata"]["name"] for one in answer["items"]]


def test_a_list_is_ordered_and_says_what_it_is(http: httpx2.Client) -> None:
    for name in ("b", "a", "c"):
        put(http, name)
    answer = http.get(MAPS).json()
    assert list(answer) == ["kind", "apiVersion", "metadata", "items"]
    assert (answer["kind"], answer["apiVersion"]) == ("ConfigMapList", "v1")
    assert names(answer) == ["a", "b", "c"]
    assert "kind" not in answer["items"][0]
    assert int(answer["metadata"]["resourceVersion"]) >= int(answer["items"][1]["metadata"]["resourceVersion"])


def test_a_list_comes_in_chunks_of_one_moment(http: httpx2.Client) -> None:
    for number in range(5):
        put(http, f"m{number}")
    first = http.get(f"{MAPS}?limit=2").json()
    assert names(first) == ["m0", "m1"]
    assert first["metadata"]["remainingItemCount"] == 3
    put(http, "m1b")
    http.delete(f"{MAPS}/m3")
    second = http.get(f"{MAPS}?limit=2&continue={first['metadata']['continue']}").json()
    assert names(second) == ["m2", "m3"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    last = http.get(f"{MAPS}?limit=2&continue={second['metadata']['continue']}").json()
    assert names(last) == ["m4"]
    assert "continue" not in last["metadata"]


def test_with_a_selector_nobody_counts_the_rest(http: httpx2.Client) -> None:
    for number in range(3):
        put(http, f"s{number}", a="b")
    metadata = http.get(f"{MAPS}?limit=1&labelSelector=a").json()["metadata"]
    assert metadata["continue"]
    assert "remainingItemCount" not in metadata


def test_an_expired_continue_token_gets_a_new_one(http: httpx2.Client) -> None:
    for number in range(4):
        put(http, f"e{number}")
    token = http.get(f"{MAPS}?limit=2").json()["metadata"]["continue"]
    for _ in range(70):
        http.get(f"{MAPS}?limit=2")
    answer = http.get(f"{MAPS}?limit=2&continue={token}")
    assert (answer.status_code, answer.json()["reason"]) == (410, "Expired")
    put(http, "e2a")
    rest = http.get(f"{MAPS}?continue={answer.json()['metadata']['continue']}").json()
    assert names(rest) == ["e2", "e2a", "e3"]


def test_a_chunk_belongs_to_its_own_list(http: httpx2.Client) -> None:
    for number in range(3):
        put(http, f"own{number}", a="b")
    token = http.get(f"{MAPS}?limit=1").json()["metadata"]["continue"]
    for other in ("/api/v1/namespaces/default/configmaps", "/api/v1/configmaps", "/api/v1/namespaces/watched/secrets"):
        assert http.get(f"{other}?limit=1&continue={token}").status_code == 400
    assert http.get(f"{MAPS}?limit=1&labelSelector=a&continue={token}").status_code == 400
    assert http.get(f"{MAPS}?limit=1&continue={token}").status_code == 200


@pytest.mark.parametrize("token", ["x", "eyJhIjoxfQ", "%00", "a" * 5000])
def test_a_token_that_is_none_is_refused(http: httpx2.Client, token: str) -> None:
    answer = http.get(f"{MAPS}?continue={token}")
    assert answer.status_code == 400
    assert "continue key is not valid" in answer.json()["message"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("team=a", ["one"]),
        ("team==a", ["one"]),
        ("team!=a", ["none", "two"]),
        ("team in (a, b)", ["one", "two"]),
        ("team notin (a)", ["none", "two"]),
        ("team", ["one", "two"]),
        ("!team", ["none"]),
        ("team,tier=web", ["two"]),
        ("team in (a,b),!tier", ["one"]),
        ("size>3", ["two"]),
        ("size<3", ["one"]),
        ("", ["none", "one", "two"]),
    ],
)
def test_labels_select(http: httpx2.Client, selector: str, expected: list[str]) -> None:
    put(http, "one", team="a", size="2")
    put(http, "two", team="b", tier="web", size="10")
    put(http, "none")
    assert names(http.get(MAPS, params={"labelSelector": selector}).json()) == expected


@pytest.mark.parametrize("selector", ["a=b=c", "(", "a in", "a in (b", "=b", "a,", "-a=b", "a b", "a=b,,c=d"])
def test_a_selector_that_is_none_is_refused(http: httpx2.Client, selector: str) -> None:
    answer = http.get(MAPS, params={"labelSelector": selector})
    assert answer.status_code == 400, answer.json()
    assert answer.json()["message"].startswith("unable to parse requirement")


def test_fields_select(http: httpx2.Client) -> None:
    put(http, "one")
    put(http, "two")
    assert names(http.get(f"{MAPS}?fieldSelector=metadata.name%3Done").json()) == ["one"]
    assert names(http.get(f"{MAPS}?fieldSelector=metadata.name!%3Done").json()) == ["two"]
    everywhere = http.get("/api/v1/configmaps?fieldSelector=metadata.namespace%3Dwatched,metadata.name%3Dtwo").json()
    assert names(everywhere) == ["two"]


def test_a_field_that_is_not_selectable_is_refused(http: httpx2.Client) -> None:
    answer = http.get("/api/v1/pods?fieldSelector=spec.priority%3D1")
    assert (answer.status_code, answer.json()["message"]) == (400, "field label not supported: spec.priority")
    other = http.get(f"{MAPS}?fieldSelector=data%3D1").json()["message"]
    assert other == '"data" is not a known field selector: only "metadata.name", "metadata.namespace"'


def test_an_invalid_or_future_revision_is_refused(http: httpx2.Client) -> None:
    assert http.get(f"{MAPS}?resourceVersion=soon").status_code == 400
    answer = http.get(f"{MAPS}?resourceVersion=999999999")
    assert answer.status_code == 504
    assert answer.json()["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_a_watch_begins_with_the_existing_objects(http: httpx2.Client, watch: Callable[..., Watching]) -> None:
    made = put(http, "old")
    watching = watch(f"{MAPS}?watch=true")
    assert watching.response.headers["content-type"] == "application/json"
    assert watching.next() == {"type": "ADDED", "object": made}
    new = put(http, "new")
    assert watching.next() == {"type": "ADDED", "object": new}
    changed = http.patch(f"{MAPS}/new", json={"data": {"a": "b"}}, headers=MERGE).json()
    assert watching.next() == {"type": "MODIFIED", "object": changed}
    http.delete(f"{MAPS}/new")
    gone = watching.next()
    assert gone["type"] == "DELETED"
    assert gone["object"]["data"] == {"a": "b"}
    assert int(gone["object"]["metadata"]["resourceVersion"]) > int(changed["metadata"]["resourceVersion"])


def test_a_watch_resumes_after_a_revision(http: httpx2.Client, watch: Callable[..., Watching]) -> None:
    put(http, "before")
    revision = http.get(MAPS).json()["metadata"]["resourceVersion"]
    put(http, "after")
    watching = watch(f"{MAPS}?watch=1&resourceVersion={revision}")
    assert watching.next()["object"]["metadata"]["name"] == "after"


def test_a_watch_list_ends_its_first_part_with_a_bookmark(http: httpx2.Client, watch: Callable[..., Watching]) -> None:
    put(http, "a")
    put(http, "b")
    watching = watch(f"{MAPS}?{WATCH_LIST}")
    assert [watching.next()["object"]["metadata"]["name"] for _ in range(2)] == ["a", "b"]
    mark = watching.next()
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["object"]["metadata"]["resourceVersion"] == http.get(MAPS).json()["metadata"]["resourceVersion"]
    put(http, "c")
    assert watching.next()["object"]["metadata"]["name"] == "c"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("watch=true&sendInitialEvents=true", "resourceVersionMatch"),
        ("watch=true&sendInitialEvents=true&resourceVersionMatch=Exact", "resourceVersionMatch"),
        ("watch=true&resourceVersionMatch=NotOlderThan", "resourceVersionMatch"),
        ("sendInitialEvents=true", "sendInitialEvents"),
        ("resourceVersionMatch=Exact", "resourceVersionMatch"),
    ],
)
def test_options_that_do_not_go_together_are_refused(http: httpx2.Client, query: str, field: str) -> None:
    answer = http.get(f"{MAPS}?{query}")
    assert answer.status_code == 422
    assert answer.json()["details"]["causes"][0]["field"] == field


def test_an_object_that_leaves_the_selection_is_deleted_for_it(
    http: httpx2.Client, watch: Callable[..., Watching]
) -> None:
    put(http, "mover", team="a")
    watching = watch(f"{MAPS}?watch=true&labelSelector=team%3Da")
    assert watching.next()["type"] == "ADDED"
    moved = http.patch(f"{MAPS}/mover", json={"metadata": {"labels": {"team": "b"}}}, headers=MERGE).json()
    left = watching.next()
    assert left["type"] == "DELETED"
    assert left["object"]["metadata"]["labels"] == {"team": "a"}
    assert left["object"]["metadata"]["resourceVersion"] == moved["metadata"]["resourceVersion"]
    http.patch(f"{MAPS}/mover", json={"data": {"x": "y"}}, headers=MERGE)
    http.patch(f"{MAPS}/mover", json={"metadata": {"labels": {"team": "a"}}}, headers=MERGE)
    assert watching.next()["type"] == "ADDED"


def test_a_watch_may_be_of_one_object(http: httpx2.Client, watch: Callable[..., Watching]) -> None:
    watching = watch(f"{MAPS}?watch=true&fieldSelector=metadata.name%3Donly")
    put(http, "other")
    put(http, "only")
    assert watching.next()["object"]["metadata"]["name"] == "only"


def test_a_watch_ends_cleanly_when_its_time_is_up(http: httpx2.Client, watch: Callable[..., Watching]) -> None:
    put(http, "a")
    assert [one["type"] for one in watch(f"{MAPS}?watch=true&timeoutSeconds=1").rest()] == ["ADDED"]


def test_a_watch_as_a_table_sends_its_columns_once(http: httpx2.Client, watch: Callable[..., Watching]) -> None:
    put(http, "a")
    put(http, "b")
    watching = watch(f"{MAPS}?watch=true", Accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
    first, second = watching.next()["object"], watching.next()["object"]
    assert [one["name"] for one in first["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["columnDefinitions"] is None
    assert second["rows"][0]["cells"][:2] == ["b", 0]


def test_a_watch_from_a_forgotten_revision_gets_410(serve: Callable[..., Any]) -> None:
    with serve(settings={"history": 5}) as served, served.client() as http:
        for number in range(20):
            http.post("/api/v1/namespaces/default/configmaps", json={"metadata": {"name": f"m{number}"}})
        answer = http.get("/api/v1/configmaps?watch=true&resourceVersion=3")
        assert answer.status_code == 200
        event = json.loads(answer.text)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert event["object"]["message"].startswith("too old resource version: 3 (")


def test_a_watch_from_a_future_revision_gets_410(http: httpx2.Client) -> None:
    event = json.loads(http.get(f"{MAPS}?watch=true&resourceVersion=99999999").text)
    assert (event["type"], event["object"]["reason"]) == ("ERROR", "Expired")


def test_a_quiet_watch_is_bookmarked(serve: Callable[..., Any]) -> None:
    with serve(settings={"bookmark_seconds": 0.05}) as served, served.client() as http, served.client() as other:
        http.post("/api/v1/namespaces/default/configmaps", json={"metadata": {"name": "m"}})
        revision = http.get("/api/v1/configmaps").json()["metadata"]["resourceVersion"]
        watching = Watching(
            other, f"/api/v1/secrets?watch=true&allowWatchBookmarks=true&resourceVersion={revision}&timeoutSeconds=20"
        )
        mark = watching.next()
        assert mark == {
            "type": "BOOKMARK",
            "object": {"kind": "Secret", "apiVersion": "v1", "metadata": {"resourceVersion": revision}},
        }
        watching.close()


def test_a_slow_watch_delays_no_other_client_and_ends_with_410(serve: Callable[..., Any]) -> None:
    big = "x" * 100_000
    with serve(settings={"watch_limit": 5}) as served, served.client() as http, served.client() as slow:
        path = "/api/v1/namespaces/default/configmaps"
        watching = Watching(slow, f"{path}?watch=true")
        assert watching.next()["type"] == "ADDED"  # the root certificate's
        # Nobody reads: what fits into the sockets' buffers is gone, then the events pile up.
        for number in range(150):
            assert http.post(path, json={"metadata": {"name": f"m{number}"}, "data": {"a": big}}).status_code == 201
        events = watching.rest()
        assert len(events) < 150
        assert (events[-1]["type"], events[-1]["object"]["reason"]) == ("ERROR", "Expired")
        assert [one["type"] for one in events[:-1]] == ["ADDED"] * (len(events) - 1)
        watching.close()


def test_a_client_that_hangs_up_leaves_no_watcher(served: Any, http: httpx2.Client) -> None:
    done = threading.Event()
    with served.client() as client:
        Watching(client, "/api/v1/secrets?watch=true").close()
    store = served.cluster.store
    for _ in range(200):
        if not store.watchers(BY_NAME["secrets"]):
            break
        done.wait(0.02)
    assert not store.watchers(BY_NAME["secrets"])


def test_open_watches_end_when_the_cluster_does(serve: Callable[..., Any]) -> None:
    left: list[Any] = ["not ended"]
    began = threading.Event()

    def follow(served: Any) -> None:
        with served.client() as client:
            watching = Watching(client, "/api/v1/namespaces?watch=true")
            for _ in range(4):
                watching.next()
            began.set()
            left[:] = watching.rest()
            watching.close()

    with serve() as served:
        reader = threading.Thread(target=follow, args=(served,))
        reader.start()
        assert began.wait(20)
    reader.join(20)
    assert left == []
