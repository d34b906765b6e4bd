"""The client inside the process takes the same line as one over HTTP; and the cluster's own beginnings and end."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from podrole.cluster.assembly.server import NAMESPACES, Cluster
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR, controller


async def test_a_new_cluster_has_its_namespaces(make: Callable[..., Cluster]) -> None:
    async with make() as cluster:
        namespaces = await cluster.client(ADMINISTRATOR).list("namespaces")
    assert [one["metadata"]["name"] for one in namespaces] == sorted(NAMESPACES)
    assert all(one["status"] == {"phase": "Active"} for one in namespaces)
    assert namespaces[0]["metadata"]["labels"] == {"kubernetes.io/metadata.name": "default"}
    assert namespaces[0]["metadata"]["managedFields"][0]["manager"] == "kube-apiserver"


async def test_a_controllers_fields_are_managed_by_its_agent(cluster: Cluster) -> None:
    client = cluster.client(controller("replicaset-controller"), "kube-controller-manager")
    made = await client.create("configmaps", "default", {"metadata": {"name": "m"}, "data": {"a": "1"}})
    assert made["metadata"]["managedFields"][0]["manager"] == "kube-controller-manager"


async def test_it_refuses_as_the_api_does(admin: ClusterClient) -> None:
    for call, status in (
        (admin.get("configmaps", "default", "absent"), 404),
        (admin.get("widgets", "default", "x"), 400),
        (admin.create("configmaps", "default", {"metadata": {"name": "m"}, "unknown": 1}), 400),
        (admin.create("configmaps", "nowhere", {"metadata": {"name": "m"}}), 404),
        (admin.create("configmaps", "default", {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "m"}}), 400),
        (admin.update("configmaps", "default", "m", {"metadata": {"name": "m"}}, subresource="scale"), 400),
        (admin.delete("configmaps", "default", "absent"), 404),
        (admin.delete("serviceaccounts", "default", "default", uid="another"), 409),
    ):
        with pytest.raises(StatusError) as raised:
            await call
        assert raised.value.http_status == status


async def test_a_scheduler_may_bind_a_pod_by_an_update(admin: ClusterClient) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    pod = await admin.create("pods", "default", body)
    await admin.merge_patch("pods", "default", "p", {"metadata": {"labels": {"a": "b"}}})
    pod["spec"]["nodeName"] = "n1"
    with pytest.raises(StatusError, match="the object has been modified"):
        await admin.update("pods", "default", "p", pod)
    del pod["metadata"]["resourceVersion"]
    bound = await admin.update("pods", "default", "p", pod)
    assert bound["spec"]["nodeName"] == "n1"
    assert bound["metadata"]["generation"] == 1
    assert bound["metadata"]["labels"] == {"a": "b"}
    assert "f:nodeName" not in json.dumps(bound["metadata"]["managedFields"])
    assert [one["type"] for one in bound["status"]["conditions"]] == ["PodScheduled"]
    with pytest.raises(StatusError, match="pod updates may not change fields"):
        await admin.merge_patch("pods", "default", "p", {"spec": {"nodeName": "n2"}})


async def test_a_name_that_cannot_be_made_unique_is_refused(make: Callable[..., Cluster]) -> None:
    class Stuck(random.Random):
        def choices(self, population: Any, *_: Any, k: int = 1, **__: Any) -> list[Any]:
            return [population[0]] * k

    async with make(source=Stuck()) as cluster:
        client = cluster.client(ADMINISTRATOR)
        body = {"metadata": {"generateName": "same-"}}
        assert (await client.create("configmaps", "default", body))["metadata"]["name"] == "same-bbbbb"
        with pytest.raises(StatusError) as raised:
            await client.create("configmaps", "default", body)
    assert raised.value.message == (
        'configmaps "same-bbbbb" already exists, the server was not able to generate a unique name for the object'
    )
    assert raised.value.details is not None
    assert raised.value.details["retryAfterSeconds"] == 1


async def test_statuses_scales_and_finalizers_have_their_subresources(admin: ClusterClient) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    await admin.create("deployments.apps", "default", body)
    patch = {"metadata": {"annotations": {"revision": "1"}}, "status": {"replicas": 1, "observedGeneration": 1}}
    deployment = await admin.merge_patch("deployments.apps", "default", "d", patch, subresource="status")
    assert deployment["status"] == {"replicas": 1, "observedGeneration": 1}
    assert deployment["metadata"]["annotations"] == {"revision": "1"}
    scale = {"metadata": {"name": "d"}, "spec": {"replicas": 4}}
    assert (await admin.update("deployments.apps", "default", "d", scale, subresource="scale"))["spec"] == {
        "replicas": 4
    }
    await admin.create("namespaces", None, {"metadata": {"name": "n"}})
    await admin.delete("namespaces", None, "n")
    namespace = await admin.get("namespaces", None, "n")
    namespace["spec"]["finalizers"] = []
    await admin.update("namespaces", None, "n", namespace, subresource="finalize")
    with pytest.raises(StatusError, match="not found"):
        await admin.get("namespaces", None, "n")


async def test_a_patch_may_name_the_uid_that_it_means(admin: ClusterClient) -> None:
    await admin.create("configmaps", "default", {"metadata": {"name": "m"}})
    with pytest.raises(StatusError, match="Precondition failed"):
        await admin.merge_patch("configmaps", "default", "m", {"metadata": {"uid": "another"}})


async def test_a_slow_watch_in_this_process_misses_nothing(make: Callable[..., Cluster]) -> None:
    async with make(settings={"watch_limit": 3, "history": 3}) as cluster:
        client = cluster.client(ADMINISTRATOR)
        watch = client.watch("configmaps", "default")
        first = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        for number in range(50):
            await client.create("configmaps", "default", {"metadata": {"name": f"m{number:02}"}})
        names = [(await first).object["metadata"]["name"]]
        names += [(await anext(watch)).object["metadata"]["name"] for _ in range(49)]
        await watch.aclose()  # type: ignore[attr-defined] # an async generator, as every one of these is
    assert names == [f"m{number:02}" for number in range(50)]


async def test_watches_end_with_the_cluster(make: Callable[..., Cluster]) -> None:
    async with make() as cluster:
        watch = cluster.client(ADMINISTRATOR).watch("secrets")
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_cluster_that_is_down_is_not_ready(make: Callable[..., Cluster]) -> None:
    async with make() as cluster:
        assert await _status(cluster, "/readyz") == 200
    assert await _status(cluster, "/readyz") == 500


async def _status(cluster: Cluster, path: str) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    await cluster.api(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def test_a_kubeconfig_says_how_to_reach_the_cluster(make: Callable[..., Cluster]) -> None:
    cluster = make(6443)
    config = json.loads(cluster.kubeconfig())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert config["users"][0]["user"] == {"token": cluster.administrator_token}
    assert json.loads(cluster.kubeconfig("other"))["users"][0]["user"] == {"token": "other"}
    assert len(cluster.administrator_token) > 40
    assert make().administrator_token != make().administrator_token


async def test_an_internal_error_is_answered_and_logged(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(cluster._handlers, "serve", broken)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/pods",
        "headers": [(b"authorization", f"Bearer {cluster.administrator_token}".encode())],
    }
    await cluster.api(scope, None, send)  # type: ignore[arg-type] # nothing is received
    assert sent[0]["status"] == 500
    assert b"secret detail" not in sent[1]["body"]
    assert "a secret detail" in caplog.text
