"""What the tests of the node and the controllers share: a cluster in memory and a clock that the test turns.

``MemoryClient`` is the least that ``podrole.cluster.client.ClusterClient`` can be: no admission, no validation, the
few defaults that the node needs. It is here once, so that the real client can take its place.
"""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
import secrets
import time as real_time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from podrole.base.clock import rfc3339
from podrole.cluster.client import Object, WatchEvent
from podrole.cluster.errors import (
    MODIFIED,
    StatusError,
    already_exists,
    conflict,
    path_not_found,
    resource_forbidden,
    resource_not_found,
)

KINDS = {
    "namespaces": ("v1", "Namespace"),
    "nodes": ("v1", "Node"),
    "pods": ("v1", "Pod"),
    "serviceaccounts": ("v1", "ServiceAccount"),
    "configmaps": ("v1", "ConfigMap"),
    "secrets": ("v1", "Secret"),
    "services": ("v1", "Service"),
    "events": ("v1", "Event"),
    "deployments.apps": ("apps/v1", "Deployment"),
    "replicasets.apps": ("apps/v1", "ReplicaSet"),
    "jobs.batch": ("batch/v1", "Job"),
    "cronjobs.batch": ("batch/v1", "CronJob"),
}
CLUSTER_SCOPED = {"namespaces", "nodes"}
POD_DEFAULTS = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "serviceAccountName": "default"}


class TurnedTime:
    """A clock that stands still until it is turned; implements ``podrole.cluster.timing.Time``."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, moment: float) -> None:
        if moment > self._now:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (moment, next(self._numbers), future))
            await future

    def waiting(self) -> int:
        """Return how many sleep: work that a turn began is done once all sleep again."""
        return sum(1 for _, _, future in self._sleepers if not future.done())

    def turn(self, seconds: float) -> None:
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)


class MemoryClient:
    """A ``ClusterClient`` over dicts."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._objects: dict[str, dict[tuple[str, str], Object]] = {resource: {} for resource in KINDS}
        self._watchers: dict[str, set[asyncio.Queue[tuple[str, Object]]]] = {resource: set() for resource in KINDS}
        self._version = 0
        self.token_requests: list[dict[str, Any]] = []
        self.refuse_tokens: StatusError | None = None

    async def get(self, resource: str, namespace: str | None, name: str) -> Object:
        return copy.deepcopy(self._stored(resource, namespace, name))

    async def list(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> list[Object]:
        objects = self._of(resource).values()
        return [copy.deepcopy(each) for each in objects if _selected(each, namespace, label_selector, field_selector)]

    async def watch(
        self, resource: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncIterator[WatchEvent]:
        queue: asyncio.Queue[tuple[str, Object]] = asyncio.Queue()
        for each in self._of(resource).values():
            queue.put_nowait(("ADDED", each))
        self._watchers[resource].add(queue)
        try:
            while True:
                kind, each = await queue.get()
                if _selected(each, namespace, label_selector, field_selector):
                    yield WatchEvent(kind, copy.deepcopy(each))  # type: ignore[arg-type]
        finally:
            self._watchers[resource].discard(queue)

    async def create(self, resource: str, namespace: str | None, body: Object) -> Object:
        await asyncio.sleep(0)
        created = copy.deepcopy(body)
        created["apiVersion"], created["kind"] = KINDS[resource]
        metadata = created["metadata"]
        if "name" not in metadata:
            metadata["name"] = metadata["generateName"] + secrets.token_hex(3)[:5]
        if resource not in CLUSTER_SCOPED:
            metadata["namespace"] = namespace
            owner = self._objects["namespaces"].get(("", namespace or ""))
            if owner is None:
                raise resource_not_found("", "namespaces", namespace or "")
            if owner["metadata"].get("deletionTimestamp"):
                raise resource_forbidden("", resource, metadata["name"], "the namespace is being terminated")
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": rfc3339(self._now())}
        if resource in {"pods", "deployments.apps", "replicasets.apps", "jobs.batch", "cronjobs.batch"}:
            metadata["generation"] = 1
        if resource == "namespaces":
            created["spec"] = {"finalizers": ["kubernetes"]}
            created["status"] = {"phase": "Active"}
        if resource == "jobs.batch":
            own = {"batch.kubernetes.io/controller-uid": metadata["uid"]}
            created["spec"] = {
                "backoffLimit": 6,
                "parallelism": 1,
                "completions": 1,
                "selector": {"matchLabels": own},
            } | created["spec"]
            template = created["spec"]["template"]
            template["metadata"] = {"labels": own | template.get("metadata", {}).get("labels", {})}
        if resource == "pods":
            created["spec"] = POD_DEFAULTS | created["spec"]
            created["status"] = {"phase": "Pending"}
        key = (metadata.get("namespace") or "", metadata["name"])
        if key in self._objects[resource]:
            raise already_exists(*_group(resource), metadata["name"])
        return self._store("ADDED", resource, key, created)

    async def update(
        self, resource: str, namespace: str | None, name: str, body: Object, *, subresource: str = ""
    ) -> Object:
        await asyncio.sleep(0)
        old = self._stored(resource, namespace, name)
        version = body["metadata"].get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise conflict(*_group(resource), name, MODIFIED)
        new = copy.deepcopy(body)
        if subresource == "status":
            new = copy.deepcopy(old) | {"status": new.get("status", {})}
        elif "status" in old:
            new["status"] = old["status"]
        return self._replace(resource, old, new)

    async def merge_patch(
        self, resource: str, namespace: str | None, name: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> Object:
        await asyncio.sleep(0)
        old = self._stored(resource, namespace, name)
        uid = (patch.get("metadata") or {}).get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise conflict(*_group(resource), name, f"Precondition failed: UID in precondition: {uid}")
        new = _merged(old, patch)
        if subresource == "status":
            new = copy.deepcopy(old) | {"status": new.get("status", {})}
        elif "status" in old:
            new["status"] = old["status"]
        return self._replace(resource, old, new)

    async def delete(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        *,
        grace_seconds: int | None = None,
        uid: str | None = None,
    ) -> None:
        await asyncio.sleep(0)
        old = self._stored(resource, namespace, name)
        metadata = old["metadata"]
        if uid is not None and uid != metadata["uid"]:
            raise conflict(*_group(resource), name, f"Precondition failed: UID in precondition: {uid}")
        grace = 0
        if resource == "pods" and old["spec"].get("nodeName") and old["status"]["phase"] not in {"Succeeded", "Failed"}:
            asked = old["spec"]["terminationGracePeriodSeconds"] if grace_seconds is None else grace_seconds
            grace = min(asked, metadata.get("deletionGracePeriodSeconds", asked))
        held = metadata.get("finalizers") or (resource == "namespaces" and old["spec"]["finalizers"])
        if grace == 0 and not held:
            self._remove(resource, old)
            return
        new = copy.deepcopy(old)
        new["metadata"] |= {
            "deletionTimestamp": rfc3339(self._now() + grace),
            "deletionGracePeriodSeconds": grace,
        }
        if resource == "namespaces":
            new["status"]["phase"] = "Terminating"
        self._replace(resource, old, new)

    async def create_token(self, namespace: str, service_account: str, spec: Mapping[str, Any]) -> Object:
        await asyncio.sleep(0)
        if self.refuse_tokens is not None:
            raise self.refuse_tokens
        self.token_requests.append({"namespace": namespace, "account": service_account, **spec})
        expires = datetime.fromtimestamp(self._now() + spec["expirationSeconds"], UTC)
        status = {
            "token": f"token-{len(self.token_requests)}",
            "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {"kind": "TokenRequest", "spec": dict(spec), "status": status}

    def _of(self, resource: str) -> dict[tuple[str, str], Object]:
        try:
            return self._objects[resource]
        except KeyError:
            raise path_not_found() from None

    def _stored(self, resource: str, namespace: str | None, name: str) -> Object:
        try:
            return self._objects[resource][namespace or "", name]
        except KeyError:
            raise resource_not_found(*_group(resource), name) from None

    def _replace(self, resource: str, old: Object, new: Object) -> Object:
        metadata = new["metadata"]
        for field in ("uid", "creationTimestamp"):
            metadata[field] = old["metadata"][field]
        if new.get("spec") != old.get("spec") and "generation" in metadata:
            metadata["generation"] = old["metadata"]["generation"] + 1
        if {**new, "metadata": {**metadata, "resourceVersion": ""}} == {
            **old,
            "metadata": {**old["metadata"], "resourceVersion": ""},
        }:
            return copy.deepcopy(old)
        key = (metadata.get("namespace") or "", metadata["name"])
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            emptied = resource == "namespaces" and not new["spec"].get("finalizers")
            waits = metadata.get("deletionGracePeriodSeconds") or resource == "namespaces"
            if emptied or not waits:
                self._store("MODIFIED", resource, key, new)
                self._remove(resource, new)
                return copy.deepcopy(new)
        return self._store("MODIFIED", resource, key, new)

    def _store(self, kind: str, resource: str, key: tuple[str, str], obj: Object) -> Object:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        self._objects[resource][key] = obj
        self._tell(kind, resource, obj)
        return copy.deepcopy(obj)

    def _remove(self, resource: str, obj: Object) -> None:
        metadata = obj["metadata"]
        gone = self._objects[resource].pop((metadata.get("namespace") or "", metadata["name"]))
        self._version += 1
        self._tell("DELETED", resource, gone)

    def _tell(self, kind: str, resource: str, obj: Object) -> None:
        for queue in self._watchers[resource]:
            queue.put_nowait((kind, obj))


class Cluster(MemoryClient):
    """The client with what tests ask of it."""

    async def until(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        fulfilled: Callable[[Object], bool],
        *,
        seconds: float = 20,
    ) -> Object:
        """Return the object once ``fulfilled``; fail with what it is instead after so many seconds of real time."""
        last: Object = {}
        try:
            async with asyncio.timeout(seconds):
                async for event in self.watch(resource, namespace, field_selector=f"metadata.name={name}"):
                    last = event.object
                    if event.type != "DELETED" and fulfilled(last):
                        return last
        except TimeoutError:
            raise AssertionError(f"{resource} {name} did not come to it; it is {last.get('status')}") from None
        raise AssertionError("a watch never ends")

    async def until_gone(self, resource: str, namespace: str | None, name: str, *, seconds: float = 20) -> None:
        """Return once there is no such object."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await self.get(resource, namespace, name)
                except StatusError:
                    return
                await asyncio.sleep(0.005)

    async def events_of(self, name: str, *, namespace: str = "default") -> dict[tuple[str, str], int]:
        """Return the events about an object: reason and message with how often."""
        found = await self.list("events", namespace)
        return {
            (each["reason"], each["message"]): each["count"] for each in found if each["involvedObject"]["name"] == name
        }

    async def until_event(self, name: str, reason: str, message: str, *, namespace: str = "default") -> None:
        """Return once there is such an event about an object; fail with those that there are."""
        until = real_time.monotonic() + 20
        while (reason, message) not in (found := await self.events_of(name, namespace=namespace)):
            assert real_time.monotonic() < until, f"there is no event {reason!r} {message!r} in {list(found)}"
            await asyncio.sleep(0.005)


async def eventually(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """Return what ``condition`` gives once it is true; it may be a coroutine function."""
    until = real_time.monotonic() + seconds
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        if real_time.monotonic() > until:
            raise AssertionError(f"it did not come to it within {seconds} s; the last answer was {result!r}")
        await asyncio.sleep(0.005)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Any:
    return eventually


@pytest.fixture
def time() -> TurnedTime:
    return TurnedTime()


@pytest.fixture
async def cluster(time: TurnedTime) -> Cluster:
    cluster = Cluster(time.now)
    await cluster.create("namespaces", None, {"metadata": {"name": "default"}})
    return cluster


def _group(resource: str) -> tuple[str, str]:
    name, _, group = resource.partition(".")
    return group, name


def _selected(obj: Object, namespace: str | None, label_selector: str, field_selector: str) -> bool:
    metadata = obj["metadata"]
    if namespace and metadata.get("namespace") != namespace:
        return False
    labels = metadata.get("labels") or {}
    if any(labels.get(key) != value for key, value in _pairs(label_selector)):
        return False
    fields = {"metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace")}
    return all(fields[key] == value for key, value in _pairs(field_selector))


def _pairs(selector: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (part.partition("=") for part in selector.split(",") if part)]


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(copy.deepcopy(old)) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
