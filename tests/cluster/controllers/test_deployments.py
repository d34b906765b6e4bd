"""Deployments and ReplicaSets: as many pods as were asked for, replaced step by step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.controllers.deployment import DeploymentController
from podrole.cluster.controllers.rollout import Replicas, limits, next_sizes, rescaled, template_hash, without_hash
from podrole.cluster.core.client import WatchEvent
from podrole.cluster.core.event_recorder import EventRecorder

RESTARTED = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture(autouse=True)
def _running(request: pytest.FixtureRequest) -> None:
    """Start the controllers and the kubelet for the tests that have a cluster."""
    if "cluster" in request.fixturenames:
        request.getfixturevalue("controllers")
        request.getfixturevalue("kubelet")


@pytest.fixture
def deploy(cluster: Any) -> Any:
    """Return a function that makes a Deployment."""

    async def deploy(image: str = "v1", replicas: int = 3, **spec: Any) -> Any:
        body = {
            "metadata": {"name": "web", "annotations": {"kubernetes.io/change-cause": "first"}},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": image}]},
                },
                **spec,
            },
        }
        return await cluster.create("deployments.apps", "default", body)

    return deploy


@pytest.fixture
def complete(cluster: Any) -> Any:
    """Return a function that waits until the rollout is complete, as `kubectl rollout status` judges it."""

    def done(deployment: Any) -> bool:
        status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
        return (
            status.get("observedGeneration") == deployment["metadata"]["generation"]
            and status.get("updatedReplicas", 0) == wanted
            and status.get("replicas", 0) == wanted
            and status.get("availableReplicas", 0) == wanted
        )

    async def wait() -> Any:
        return await cluster.until("deployments.apps", "default", "web", done)

    return wait


def condition(obj: Any, kind: str) -> Any:
    return next((each for each in obj["status"]["conditions"] if each["type"] == kind), None)


async def set_image(cluster: Any, image: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    await cluster.merge_patch("deployments.apps", "default", "web", patch)


async def test_a_deployment_gets_its_pods_through_a_replica_set(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any
) -> None:
    await deploy()
    deployment = await complete()
    (replica_set,) = await cluster.list("replicasets.apps", "default")
    pods = await pods_of()
    assert len(pods) == 3
    label = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{label}"
    for pod in pods:
        assert pod["metadata"]["name"].startswith(f"web-{label}-")
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": label}
        (owner,) = pod["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["controller"], owner["blockOwnerDeletion"]) == ("ReplicaSet", True, True)
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert replica_set["metadata"]["annotations"]["kubernetes.io/change-cause"] == "first"
    assert condition(deployment, "Available")["reason"] == "MinimumReplicasAvailable"
    assert condition(deployment, "Progressing")["reason"] == "NewReplicaSetAvailable"
    await cluster.until_event("web", "ScalingReplicaSet", f"Scaled up replica set web-{label} from 0 to 3")


async def test_a_deleted_pod_is_replaced(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any
) -> None:
    await deploy()
    await complete()
    gone = (await pods_of())[0]["metadata"]["name"]
    await cluster.delete("pods", "default", gone)

    async def replaced() -> bool:
        names = [pod["metadata"]["name"] for pod in await pods_of()]
        return len(names) == 3 and gone not in names

    await eventually(replaced)


async def test_scaling_up_and_down(cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any) -> None:
    await deploy()
    await complete()
    for replicas in (5, 1, 0):
        await cluster.merge_patch("deployments.apps", "default", "web", {"spec": {"replicas": replicas}})
        await complete()

        async def as_many(replicas: int = replicas) -> bool:
            return len(await pods_of()) == replicas

        await eventually(as_many)
    assert len(await cluster.list("replicasets.apps", "default")) == 1


async def test_a_new_image_is_rolled_out_and_never_too_few_pods_are_left(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any
) -> None:
    import asyncio

    await deploy(replicas=4)
    await complete()
    fewest, most = 4, 4

    async def observe() -> None:
        nonlocal fewest, most
        async for _ in cluster.watch("pods"):
            pods = await pods_of()
            ready = [pod for pod in pods if pod["status"]["phase"] == "Running"]
            fewest, most = min(fewest, len(ready)), max(most, len(pods))

    observing = asyncio.create_task(observe())
    await set_image(cluster, "v2")
    deployment = await complete()
    observing.cancel()
    await asyncio.gather(observing, return_exceptions=True)
    assert fewest >= 3  # maxUnavailable 25 %
    assert most <= 5  # maxSurge 25 %

    async def replaced() -> bool:
        return len(await pods_of("v2")) == 4 and not await pods_of("v1")

    await eventually(replaced)
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


async def test_a_restart_by_annotation_replaces_every_pod(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any
) -> None:
    await deploy()
    await complete()
    before = {pod["metadata"]["uid"] for pod in await pods_of()}
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: "2026-11-23T10:00:00Z"}}}}}
    await cluster.merge_patch("deployments.apps", "default", "web", patch)
    await complete()

    async def replaced() -> bool:
        return not before & {pod["metadata"]["uid"] for pod in await pods_of()}

    await eventually(replaced)
    assert {pod["metadata"]["annotations"][RESTARTED] for pod in await pods_of()} == {"2026-11-23T10:00:00Z"}


async def test_undo_brings_the_old_replica_set_back_under_a_new_revision(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any
) -> None:
    await deploy()
    await complete()
    await set_image(cluster, "v2")
    await complete()
    await set_image(cluster, "v1")  # what kubectl does: the old template as a new one
    deployment = await complete()
    sets = {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each
        for each in await cluster.list("replicasets.apps")
    }
    revisions = {
        image: each["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for image, each in sets.items()
    }
    assert revisions == {"v1": "3", "v2": "2"}
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


async def test_rollout_of_a_broken_image_fails_at_the_deadline(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, time: Any, eventually: Any
) -> None:
    await deploy(replicas=4, progressDeadlineSeconds=60)
    await complete()
    await set_image(cluster, "broken")

    async def stuck() -> bool:
        return len(await pods_of("broken")) == 2 and len(await pods_of("v1")) == 3

    await eventually(stuck)
    await cluster.until("deployments.apps", "default", "web", lambda found: found["status"].get("updatedReplicas") == 2)
    await eventually(lambda: time.waiting() > 1)  # for the rollout's deadline, and for events to expire
    time.turn(62)
    failed = await cluster.until(
        "deployments.apps", "default", "web", lambda found: condition(found, "Progressing")["status"] == "False"
    )
    assert condition(failed, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert condition(failed, "Available")["status"] == "True"


async def test_recreate_ends_the_old_pods_before_the_new(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any
) -> None:
    await deploy(strategy={"type": "Recreate"})
    await complete()
    await set_image(cluster, "v2")
    async for event in cluster.watch("pods"):
        images = {pod["spec"]["containers"][0]["image"] for pod in await pods_of()}
        assert len(images) <= 1
        if event.type != "DELETED" and images == {"v2"} and len(await pods_of()) == 3:
            break
    await complete()


async def test_deployment_is_reconciled_after_the_end_of_its_pod(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, time: Any
) -> None:
    """One that recreates waits for the last, and no ReplicaSet shows when a pod that is being deleted is gone."""
    await deploy(replicas=1)
    await complete()
    (pod,) = await pods_of()
    about = DeploymentController(cluster, time, EventRecorder(cluster, "test", time.now)).watched()["pods"]
    assert about(WatchEvent("DELETED", pod)) == [("default", "web")]
    assert about(WatchEvent("MODIFIED", pod)) == []
    pod["metadata"]["labels"].pop("pod-template-hash")
    assert about(WatchEvent("DELETED", pod)) == []


async def test_a_paused_deployment_only_scales(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any
) -> None:
    await deploy()
    await complete()
    await cluster.merge_patch("deployments.apps", "default", "web", {"spec": {"paused": True, "replicas": 4}})
    await set_image(cluster, "v2")

    async def scaled() -> bool:
        return len(await pods_of("v1")) == 4

    # The image changed while it was paused: the one ReplicaSet is no longer the template's, so nothing scales any more.
    found = await cluster.until(
        "deployments.apps",
        "default",
        "web",
        lambda each: condition(each, "Progressing")["reason"] == "DeploymentPaused",
    )
    assert not await pods_of("v2")
    await cluster.merge_patch("deployments.apps", "default", "web", {"spec": {"paused": False}})
    await complete()
    assert len(await pods_of("v2")) == 4
    assert found


async def test_the_history_is_kept_to_its_limit(cluster: Any, deploy: Any, complete: Any, eventually: Any) -> None:
    await deploy(replicas=1, revisionHistoryLimit=1)
    await complete()
    for image in ("v2", "v3", "v4"):
        await set_image(cluster, image)
        await complete()

    async def tidy() -> bool:
        return len(await cluster.list("replicasets.apps")) == 2

    await eventually(tidy)


async def test_refused_pod_is_shown_in_events_and_conditions(
    cluster: Any, deploy: Any, monkeypatch: pytest.MonkeyPatch, complete: Any
) -> None:
    from podrole.cluster.core.errors import resource_forbidden

    create = cluster.create

    async def refuse(resource: str, namespace: str | None, body: Any) -> Any:
        if resource == "pods":
            why = 'error looking up service account default/missing: serviceaccount "missing" not found'
            raise resource_forbidden("", "pods", body["metadata"]["generateName"], why)
        return await create(resource, namespace, body)

    monkeypatch.setattr(cluster, "create", refuse)
    await deploy()
    failed = await cluster.until(
        "deployments.apps",
        "default",
        "web",
        lambda found: condition(found, "ReplicaFailure") if "conditions" in found["status"] else None,
    )
    assert condition(failed, "ReplicaFailure")["reason"] == "FailedCreate"
    monkeypatch.undo()
    recovered = await complete()
    assert condition(recovered, "ReplicaFailure") is None


async def test_a_replica_set_adopts_pods_that_it_selects(cluster: Any, eventually: Any, pods_of: Any) -> None:
    pod = {
        "metadata": {"name": "stray", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "v1"}]},
    }
    await cluster.create("pods", "default", pod)
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod["spec"]}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    await cluster.create("replicasets.apps", "default", {"metadata": {"name": "rs"}, "spec": spec})
    await cluster.until(
        "replicasets.apps", "default", "rs", lambda found: found.get("status", {}).get("readyReplicas") == 2
    )
    assert len(await pods_of()) == 2
    assert (await cluster.get("pods", "default", "stray"))["metadata"]["ownerReferences"][0]["name"] == "rs"


async def test_replica_sets_and_pods_are_deleted_with_their_deployment(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any
) -> None:
    await deploy()
    await complete()
    await cluster.delete("deployments.apps", "default", "web")

    async def gone() -> bool:
        return not await pods_of() and not await cluster.list("replicasets.apps")

    await eventually(gone)


@pytest.mark.parametrize(
    ("rolling", "expected"),
    [
        ({}, (3, 2)),
        ({"maxSurge": 1, "maxUnavailable": 0}, (1, 0)),
        ({"maxSurge": 0, "maxUnavailable": 0}, (0, 1)),
        ({"maxSurge": "50%", "maxUnavailable": "0%"}, (5, 0)),
    ],
)
def test_surge_rounds_up_and_unavailable_down(rolling: Any, expected: tuple[int, int]) -> None:
    assert limits({"spec": {"replicas": 10, "strategy": {"rollingUpdate": rolling}}}) == expected


def test_hash_of_a_template_ignores_the_hash_label() -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    labelled = {"metadata": {"labels": {"app": "web", "pod-template-hash": "x"}}, "spec": {"containers": []}}
    assert template_hash(template, 0) == template_hash(labelled, 0) != template_hash(template, 1)
    assert without_hash(labelled) == template


@given(
    replicas=st.integers(0, 20),
    surge=st.integers(0, 5),
    unavailable=st.integers(0, 5),
    old_sizes=st.lists(st.integers(0, 10), max_size=3),
)
def test_rollout_of_healthy_pods_ends_within_its_limits(
    replicas: int, surge: int, unavailable: int, old_sizes: list[int]
) -> None:
    if surge == unavailable == 0:
        unavailable = 1
    new, old = Replicas("new", 0), [Replicas(f"old-{n}", size, size) for n, size in enumerate(old_sizes)]
    started = sum(old_sizes)
    for _ in range(500):
        sizes = next_sizes(replicas, surge, unavailable, new, old)
        if not sizes:
            break
        new, *old = (Replicas(each.name, size := sizes.get(each.name, each.wanted), size) for each in (new, *old))
        total = new.wanted + sum(each.wanted for each in old)
        assert total <= max(replicas + surge, started)
        assert total >= min(replicas - unavailable, started)
    assert new.wanted == replicas
    assert sum(each.wanted for each in old) == 0


@pytest.mark.parametrize(
    ("replicas", "surge", "new", "old", "sizes"),
    [
        # Kubernetes' own example: of 10 pods a rollout is stuck at 8 old and 5 new; then 15 are wanted.
        (15, 3, Replicas("new", 5, 0, 10, 13), [Replicas("old", 8, 8, 10, 13)], {"old": 11, "new": 7}),
        (5, 1, Replicas("new", 5, 0, 10, 13), [Replicas("old", 8, 8, 10, 13)], {"old": 4, "new": 2}),
        (0, 0, Replicas("new", 5, 0, 10, 13), [Replicas("old", 8, 8, 10, 13)], {"old": 0, "new": 0}),
        (4, 1, Replicas("new", 2, 0, 2, 3), [], {"new": 4}),
        (4, 1, Replicas("new", 0, 0, 2, 3), [Replicas("old", 2, 2, 2, 3)], {"old": 4}),
        (3, 1, Replicas("new", 3, 3, 3, 4), [Replicas("old", 1, 1, 3, 4)], {"old": 0}),
        (4, 1, None, [Replicas("old", 0, 0, 2, 3)], {"old": 4}),
        (4, 1, None, [], {}),
    ],
)
def test_scaling_during_a_rollout_is_proportional(
    replicas: int, surge: int, new: Replicas | None, old: list[Replicas], sizes: dict[str, int]
) -> None:
    assert rescaled(replicas, surge, new, old) == sizes


@given(
    st.integers(0, 50),
    st.integers(0, 10),
    st.lists(st.builds(Replicas, st.uuids().map(str), st.integers(1, 30), st.just(0), st.just(0), st.integers(0, 60)),
             min_size=2, max_size=5),
)  # fmt: skip
def test_proportional_scaling_ends_at_the_allowed_size(replicas: int, surge: int, sets: list[Replicas]) -> None:
    sizes = rescaled(replicas, surge, sets[-1], sets[:-1])
    assert all(size >= 0 for size in sizes.values())
    allowed = replicas + surge if replicas else 0
    assert sum(sizes.values()) == allowed or 0 in sizes.values()


async def test_a_deployment_scaled_while_its_rollout_is_stuck_grows_on_both_sides(
    cluster: Any, deploy: Any, complete: Any, pods_of: Any, eventually: Any
) -> None:
    await deploy(replicas=10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    await complete()
    await set_image(cluster, "broken")

    async def are(old: int, new: int) -> bool:
        return (len(await pods_of("v1")), len(await pods_of("broken"))) == (old, new)

    await eventually(lambda: are(8, 5))
    await cluster.merge_patch("deployments.apps", "default", "web", {"spec": {"replicas": 15}})
    await eventually(lambda: are(11, 7))
