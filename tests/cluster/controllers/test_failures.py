"""What fails at one object stays with that object; a loop that dies is reported to the owner of the controllers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.cluster.controllers import controller
from podrole.cluster.controllers.deployment import REVISION, _revision
from podrole.cluster.controllers.job_status import INDEX, index_of
from podrole.cluster.controllers.manager import Controllers
from podrole.cluster.controllers.replicaset import ReplicaSetController
from podrole.cluster.core.errors import unavailable


@pytest.fixture
def make(cluster: Any) -> Any:
    """Return a function that makes a ReplicaSet of one pod."""

    async def make(name: str) -> Any:
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "busybox"}]},
        }
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
        return await cluster.create("replicasets.apps", "default", {"metadata": {"name": name}, "spec": spec})

    return make


@pytest.fixture
def has_pod(pods_of: Any, eventually: Any) -> Any:
    """Return a function that waits until the ReplicaSet has its pod."""

    async def has_pod(name: str) -> None:
        async def made() -> bool:
            return any(pod["metadata"]["name"].startswith(name) for pod in await pods_of())

        await eventually(made)

    return has_pod


def failing_for(name: str, problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = ReplicaSetController._scale

    async def fail(self: Any, replica_set: Any, active: Any) -> Any:
        if replica_set["metadata"]["name"] == name:
            raise problem
        return await scale(self, replica_set, active)

    monkeypatch.setattr(ReplicaSetController, "_scale", fail)


@pytest.mark.usefixtures("controllers")
async def test_unexpected_failure_at_one_object_does_not_stop_the_others(
    make: Any, has_pod: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_for("bad", TypeError("a secret"), monkeypatch)
    await make("bad")
    await make("good")
    await has_pod("good")
    message = (
        "replicaset-controller could not reconcile it: "
        "an internal error (TypeError), which podrole's log describes; it is tried again"
    )
    await cluster.until_event("bad", "FailedSync", message)
    monkeypatch.undo()
    await has_pod("bad")


@pytest.mark.usefixtures("controllers")
async def test_refusal_that_lasts_is_an_event_about_the_object(
    make: Any, has_pod: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_for("bad", unavailable("not today"), monkeypatch)
    await make("bad")
    await cluster.until_event(
        "bad", "FailedSync", "replicaset-controller could not reconcile it: not today; it is tried again"
    )
    monkeypatch.undo()
    await has_pod("bad")


async def test_event_that_cannot_be_understood_does_not_end_the_watch(
    cluster: Any, time: Any, has_pod: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller_of = controller.controller_of

    def fail(obj: Any, kind: str) -> Any:
        if obj["metadata"]["name"] == "odd":
            raise KeyError("a secret")
        return controller_of(obj, kind)

    monkeypatch.setattr(controller, "controller_of", fail)
    async with Controllers(lambda _: cluster, root_ca_pem="", time=time):
        spec = {"containers": [{"name": "c", "image": "busybox"}]}
        await cluster.create("pods", "default", {"metadata": {"name": "odd"}, "spec": spec})
        await cluster.until_event(
            "odd",
            "FailedSync",
            "job-controller could not take note of its change: "
            "an internal error (KeyError), which podrole's log describes",
        )
        await make("good")
        await has_pod("good")


class DyingWatch:
    """A client whose watch of one resource raises what no watch should raise."""

    def __init__(self, client: Any, resource: str) -> None:
        self._client = client
        self._resource = resource

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def watch(self, resource: str, *arguments: Any, **more: Any) -> AsyncIterator[Any]:
        if resource == self._resource:
            raise TypeError("a secret")
        async for event in self._client.watch(resource, *arguments, **more):
            yield event


async def test_watch_that_dies_is_reported(cluster: Any, time: Any) -> None:
    client = DyingWatch(cluster, "replicasets.apps")
    async with Controllers(lambda _: client, root_ca_pem="", time=time) as controllers, asyncio.timeout(30):
        failure = await controllers.failed()
    assert isinstance(failure.problem, TypeError)
    assert failure.part == "the controllers"
    assert failure.task.endswith("'s watch of replicasets.apps")


async def test_worker_that_dies_is_reported(cluster: Any, time: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: Any) -> None:
        raise TypeError

    monkeypatch.setattr(ReplicaSetController, "_reconcile", die)
    async with Controllers(lambda _: cluster, root_ca_pem="", time=time) as controllers, asyncio.timeout(30):
        spec = {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "busybox"}]},
            },
        }
        await cluster.create("replicasets.apps", "default", {"metadata": {"name": "rs"}, "spec": spec})
        failure = await controllers.failed()
    assert failure.task == "replicaset-controller"


def refusing(cluster: Any, verb: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse a verb for every object of that name."""
    allowed = getattr(cluster, verb)

    async def refuse(resource: str, namespace: str | None, called: str, *arguments: Any, **more: Any) -> Any:
        if called == name:
            raise unavailable("not today")
        return await allowed(resource, namespace, called, *arguments, **more)

    monkeypatch.setattr(cluster, verb, refuse)


@pytest.mark.usefixtures("controllers")
async def test_role_that_cannot_be_written_holds_up_no_other(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = "clusterroles.rbac.authorization.k8s.io"
    refusing(cluster, "update", "a-bad", monkeypatch)
    labels = {"aggregate": "yes"}
    for name in ("a-bad", "b-good"):
        rule = {"clusterRoleSelectors": [{"matchLabels": labels}]}
        await cluster.create(roles, None, {"metadata": {"name": name}, "aggregationRule": rule})
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    await cluster.create(roles, None, {"metadata": {"name": "part", "labels": labels}, "rules": rules})
    await cluster.until(roles, None, "b-good", lambda role: role.get("rules") == rules)
    message = "clusterrole-aggregation-controller could not reconcile it: not today; it is tried again"
    await cluster.until_event("a-bad", "FailedSync", message)
    monkeypatch.undo()
    await cluster.until(roles, None, "a-bad", lambda role: role.get("rules") == rules)


@pytest.mark.usefixtures("controllers")
async def test_event_that_cannot_be_deleted_holds_up_no_other(
    cluster: Any, time: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    for name in ("a-bad", "b-good"):
        await cluster.create("events", "default", {"metadata": {"name": name}, "involvedObject": about})
    refusing(cluster, "delete", "a-bad", monkeypatch)
    await eventually(time.waiting)
    time.turn(3700)
    await cluster.until_gone("events", "default", "b-good")
    monkeypatch.undo()
    await cluster.until_gone("events", "default", "a-bad")


@pytest.mark.usefixtures("controllers")
async def test_object_that_cannot_be_deleted_holds_up_no_other_of_its_namespace(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create("namespaces", None, {"metadata": {"name": "shop"}})
    for name in ("a-bad", "b-good"):
        await cluster.create("secrets", "shop", {"metadata": {"name": name}})
        await cluster.create("roles.rbac.authorization.k8s.io", "shop", {"metadata": {"name": name}})
    refusing(cluster, "delete", "a-bad", monkeypatch)
    await cluster.delete("namespaces", None, "shop")
    await cluster.until_gone("secrets", "shop", "b-good")
    await cluster.until_gone("roles.rbac.authorization.k8s.io", "shop", "b-good")
    message = "namespace-controller could not reconcile it: not today; it is tried again"
    await cluster.until_event("shop", "FailedSync", message)
    monkeypatch.undo()
    await cluster.until_gone("namespaces", None, "shop")


@pytest.mark.parametrize("text", ["²", "9" * 5_000, "-1", "", "x"], ids=lambda text: text[:4])
def test_annotation_that_is_not_a_number_counts_as_missing(text: str) -> None:
    assert index_of({"metadata": {"annotations": {INDEX: text}}}) == -1
    assert _revision({"metadata": {"annotations": {REVISION: text}}}) == 0
