"""The adapter of a cluster against a local world, with kubectl as the witness."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.kube.connection import Connection
from podrole.setup.errors import CallFailed, Conflict, NotThere
from podrole.setup.kubernetes_cluster import KubernetesSetupCluster
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import ClusterCall
from support.world import RunningWorld

DEFAULT = "default"


def created(world: RunningWorld, name: str, **more: Any) -> ServiceAccountName:
    """Create a service account with what others keep on it."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": DEFAULT, "labels": {"of": "others"}, "annotations": {"theirs": " x\n"}},
        "imagePullSecrets": [{"name": "registry"}],
        "secrets": [{"name": "old"}],
        "automountServiceAccountToken": False,
        **more,
    }
    world.ok("kubectl", "create", "-f", "-", stdin=json.dumps(manifest))
    return ServiceAccountName(DEFAULT, name)


def stored(world: RunningWorld, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.ok("kubectl", "get", "serviceaccount", name, "-o", "json"))
    return found


def patch(name: str, version: str, **annotations: str | None) -> ClusterCall:
    body = {"metadata": {"resourceVersion": version, "annotations": annotations}}
    return ClusterCall("patch", "serviceaccounts", DEFAULT, name, body)


async def test_patch_changes_only_the_named_annotation(world: RunningWorld, cluster: KubernetesSetupCluster) -> None:
    account = created(world, "patched")
    before = stored(world, "patched")
    found = await cluster.service_account(account)
    assert found is not None
    assert dict(found.annotations) == {"theirs": " x\n"}
    assert dict(found.labels) == {"of": "others"}
    await cluster.call(patch("patched", found.resource_version, role="r"))
    again = await cluster.service_account(account)
    assert again is not None
    await cluster.call(patch("patched", again.resource_version, role=None))
    after = stored(world, "patched")
    assert after["metadata"].pop("resourceVersion") != before["metadata"].pop("resourceVersion")
    assert after == before


async def test_stale_patch_is_a_conflict(world: RunningWorld, cluster: KubernetesSetupCluster) -> None:
    found = await cluster.service_account(created(world, "changed"))
    assert found is not None
    world.ok("kubectl", "annotate", "serviceaccount", "changed", "by=another")
    with pytest.raises(Conflict):
        await cluster.call(patch("changed", found.resource_version, role="r"))


async def test_delete_names_what_was_read(world: RunningWorld, cluster: KubernetesSetupCluster) -> None:
    found = await cluster.service_account(created(world, "deleted"))
    assert found is not None
    read = {"uid": found.uid, "resourceVersion": found.resource_version}
    for wrong in ({"uid": "another"}, {"resourceVersion": "1"}):
        call = ClusterCall("delete", "serviceaccounts", DEFAULT, "deleted", {"preconditions": read | wrong})
        with pytest.raises(Conflict):
            await cluster.call(call)
    call = ClusterCall("delete", "serviceaccounts", DEFAULT, "deleted", {"preconditions": read})
    await cluster.call(call)
    assert await cluster.service_account(found.account) is None
    with pytest.raises(NotThere):
        await cluster.call(call)


@pytest.mark.parametrize(
    "call",
    [
        ClusterCall("patch", "serviceaccounts", DEFAULT, "x", {"metadata": {}}),
        ClusterCall("delete", "serviceaccounts", DEFAULT, "x", {"preconditions": {"uid": "u"}}),
        ClusterCall("delete", "namespaces", "", "x", {"preconditions": {"uid": "u", "resourceVersion": "1"}}),
        ClusterCall("create", "secrets", DEFAULT, "x", {}),
    ],
)
async def test_write_without_version_or_rule_is_not_sent(cluster: KubernetesSetupCluster, call: ClusterCall) -> None:
    with pytest.raises(ValueError, match=f"{call.verb} {call.resource}"):
        await cluster.call(call)


async def test_namespace_and_service_account_are_created(world: RunningWorld, cluster: KubernetesSetupCluster) -> None:
    assert not await cluster.has_namespace("shop")
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    await cluster.call(ClusterCall("create", "namespaces", "", "shop", body))
    assert await cluster.has_namespace("shop")
    body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "inventory", "namespace": "shop", "labels": {"a": "b"}},
    }
    call = ClusterCall("create", "serviceaccounts", "shop", "inventory", body)
    await cluster.call(call)
    with pytest.raises(Conflict):
        await cluster.call(call)
    words = ("kubectl", "get", "serviceaccount", "inventory", "-n", "shop", "-o", "json", "--show-managed-fields")
    (fields,) = json.loads(world.ok(*words))["metadata"]["managedFields"]
    assert fields["manager"] == "podrole"


async def test_lists_have_every_page(
    world: RunningWorld, cluster: KubernetesSetupCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podrole.setup.kubernetes_cluster.PAGE_SIZE", 2)
    listed = await cluster.service_accounts()
    expected = world.ok("kubectl", "get", "serviceaccounts", "-A", "--no-headers").splitlines()
    assert len(listed) == len(expected) > 2
    assert len({each.account for each in listed}) == len(listed)


async def test_pods_of_a_service_account_that_have_not_ended(
    world: RunningWorld, cluster: KubernetesSetupCluster
) -> None:
    account = created(world, "runs")
    for name, owner in (("waits", "runs"), ("another", "default")):
        container = {"name": "c", "image": "x", "command": ["sleep", "600"], "env": [{"name": "MINE", "value": "1"}]}
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": DEFAULT},
            "spec": {"serviceAccountName": owner, "containers": [container]},
        }
        world.ok("kubectl", "create", "-f", "-", stdin=json.dumps(manifest))
    (pod,) = await cluster.pods(account)
    assert (pod.name, pod.service_account) == ("waits", "runs")
    assert "MINE" in pod.environment


async def test_issuer_is_the_clusters(world: RunningWorld, cluster: KubernetesSetupCluster) -> None:
    assert await cluster.issuer() == world.description["issuer"]


async def test_cluster_that_does_not_answer_is_one_sentence() -> None:
    cluster = KubernetesSetupCluster(Connection(server="http://127.0.0.1:9"))
    with pytest.raises(CallFailed, match=r"^The Kubernetes API at \S+ did not answer in a usable way.$"):
        await cluster.issuer()
    await cluster.close()
