"""The built-in plugins: NamespaceLifecycle, ServiceAccount, Priority and DefaultTolerationSeconds."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.admission import namespace_lifecycle, pods
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from support.admission import admission_request


def store(phase: str = "Active", **account: Any) -> MemoryStore:
    made = MemoryStore()
    namespace = {"metadata": {"name": "demo"}, "status": {"phase": phase}}
    made.seed(
        [
            Create(BY_NAME["namespaces"], namespace),
            Create(BY_NAME["serviceaccounts"], {"metadata": {"name": "default", "namespace": "demo"}, **account}),
        ]
    )
    return made


def lifecycle(request: Any, phase: str = "Active") -> int | None:
    try:
        namespace_lifecycle.admit(request, store(phase))
    except StatusError as refused:
        return refused.http_status
    return None


@pytest.mark.parametrize(
    ("request_", "phase", "status"),
    [
        (lambda: admission_request(), "Active", None),
        (lambda: admission_request(), "Terminating", 403),
        (lambda: admission_request(namespace="missing"), "Active", 404),
        (lambda: admission_request(operation="UPDATE"), "Terminating", None),
        (lambda: admission_request(operation="CONNECT", subresource="exec"), "Terminating", None),
        (lambda: admission_request(subresource="eviction"), "Terminating", None),
        (lambda: admission_request("nodes", name="n"), "Terminating", None),
        (lambda: admission_request("namespaces", name="new"), "Terminating", None),
    ],
)
def test_nothing_new_comes_into_a_namespace_that_is_not_there_or_is_going(
    request_: Any, phase: str, status: Any
) -> None:
    assert lifecycle(request_(), phase) == status


@pytest.mark.parametrize(
    ("resource", "name", "status"),
    [
        ("namespaces", "default", 403),
        ("namespaces", "kube-public", 403),
        ("namespaces", "kube-system", 403),
        ("namespaces", "kube-node-lease", None),
        ("namespaces", "demo", None),
        ("configmaps", "default", None),
    ],
)
def test_three_namespaces_cannot_be_deleted(resource: str, name: str, status: int | None) -> None:
    assert lifecycle(admission_request(resource, "DELETE", name=name, object=None)) == status


def pod(*containers: dict[str, Any], annotations: Any = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "demo", **({"annotations": annotations} if annotations else {})}
    return {"metadata": metadata, "spec": {"containers": list(containers) or [{"name": "c"}], **spec}}


def admitted(obj: dict[str, Any], of: MemoryStore | None = None, **more: Any) -> dict[str, Any]:
    request = admission_request(object=obj, **more)
    pods.admit(request, of or store(), lambda: "xyzzy")
    assert request.object is not None
    return request.object["spec"]


def mounts(spec: dict[str, Any]) -> bool:
    return any(one["name"].startswith("kube-api-access-") for one in spec.get("volumes", ()))


def test_a_pod_whose_account_is_missing_is_refused() -> None:
    with pytest.raises(StatusError) as refused:
        admitted(pod(serviceAccountName="missing"))
    assert refused.value.http_status == 403
    with pytest.raises(StatusError):
        admitted(pod(), namespace="elsewhere")


def test_a_mirror_pod_needs_no_account() -> None:
    spec = admitted(pod(annotations={"kubernetes.io/config.mirror": "x"}, serviceAccountName="missing"))
    assert not mounts(spec)


@pytest.mark.parametrize(
    ("of_pod", "of_account", "expected"),
    [
        (None, None, True),
        (None, False, False),
        (None, True, True),
        (False, True, False),
        (True, False, True),
    ],
)
def test_the_pod_decides_before_its_account_whether_a_token_is_mounted(
    of_pod: Any, of_account: Any, expected: bool
) -> None:
    account = {} if of_account is None else {"automountServiceAccountToken": of_account}
    spec = {} if of_pod is None else {"automountServiceAccountToken": of_pod}
    assert mounts(admitted(pod(**spec), store(**account))) is expected


@pytest.mark.parametrize(
    "more",
    [{"resource": "configmaps"}, {"operation": "UPDATE"}, {"operation": "DELETE"}, {"subresource": "status"}],
)
def test_only_new_pods_are_filled_in(more: dict[str, Any]) -> None:
    before = pod(serviceAccountName="missing")
    assert admitted(before, **more) == before["spec"]


def test_a_request_without_an_object_is_left_alone() -> None:
    request = admission_request(object=None)
    pods.admit(request, store(), lambda: "x")
    assert request.object is None


def test_the_pod_of_the_request_is_not_changed_in_place() -> None:
    before = pod()
    admitted(before)
    assert before == pod()


def test_the_own_pull_secrets_of_a_pod_come_before_those_of_its_account() -> None:
    of = store(imagePullSecrets=[{"name": "accounts"}])
    assert admitted(pod(), of)["imagePullSecrets"] == [{"name": "accounts"}]
    assert admitted(pod(imagePullSecrets=[{"name": "own"}]), of)["imagePullSecrets"] == [{"name": "own"}]


NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ([], [NOT_READY, UNREACHABLE]),
        ([{"key": NOT_READY, "effect": "NoExecute"}], [UNREACHABLE]),
        ([{"key": UNREACHABLE}], [NOT_READY]),
        ([{"key": NOT_READY, "effect": "NoSchedule"}], [NOT_READY, UNREACHABLE]),
        ([{"operator": "Exists"}], []),
        ([{"operator": "Exists", "effect": "NoExecute"}], []),
        ([{"operator": "Exists", "effect": "NoSchedule"}], [NOT_READY, UNREACHABLE]),
    ],
)
def test_a_pod_tolerates_a_lost_node_for_five_minutes(given: list[Any], added: list[str]) -> None:
    tolerations = admitted(pod(tolerations=given))["tolerations"]
    assert tolerations[: len(given)] == given
    assert [one["key"] for one in tolerations[len(given) :]] == added
    assert all(one["tolerationSeconds"] == 300 for one in tolerations[len(given) :])


MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
MOUNT = {"name": "kube-api-access-xyzzy", "readOnly": True, "mountPath": MOUNT_PATH}
OWN_MOUNT = {"name": "own", "mountPath": MOUNT_PATH}
DATA = {"name": "data", "mountPath": "/data"}


def test_what_a_new_pod_is_given() -> None:
    spec = admitted(pod(serviceAccountName="", volumes=[{"name": "data"}]))
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    volume = {"name": "kube-api-access-xyzzy", "projected": {"sources": sources, "defaultMode": 0o644}}
    del spec["tolerations"]
    assert spec == {
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "volumes": [{"name": "data"}, volume],
        "containers": [{"name": "c", "volumeMounts": [MOUNT]}],
    }


def test_a_priority_of_the_pod_is_kept() -> None:
    spec = admitted(pod(priority=7, preemptionPolicy="Never"))
    assert (spec["priority"], spec["preemptionPolicy"]) == (7, "Never")


@pytest.mark.parametrize(
    ("containers", "mounted", "volume_added"),
    [
        ([{}], [[MOUNT]], True),
        ([{"volumeMounts": [DATA]}], [[DATA, MOUNT]], True),
        ([{"volumeMounts": [DATA, OWN_MOUNT]}], [[DATA, OWN_MOUNT]], False),
        ([{"volumeMounts": [OWN_MOUNT]}, {}], [[OWN_MOUNT], [MOUNT]], True),
        ([{}, {"volumeMounts": [OWN_MOUNT]}], [[MOUNT], [OWN_MOUNT]], True),
        ([], [], False),
    ],
)
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_each_container_mounts_the_token_unless_it_mounts_something_there(
    kind: str, containers: list[Any], mounted: list[Any], volume_added: bool
) -> None:
    spec = admitted({"metadata": {"name": "p", "namespace": "demo"}, "spec": {kind: containers}})
    assert [one["volumeMounts"] for one in spec[kind]] == mounted
    assert [one["name"] for one in spec.get("volumes", ())] == (["kube-api-access-xyzzy"] if volume_added else [])
    assert ({"containers", "initContainers"} - {kind}).isdisjoint(spec)


def test_a_token_volume_of_the_pod_is_used() -> None:
    volumes = [{}, {"name": "my-kube-api-access-1"}, {"name": "kube-api-access-old"}, {"name": "kube-api-access-2"}]
    spec = admitted(pod(volumes=volumes))
    assert spec["volumes"] == volumes
    assert spec["containers"][0]["volumeMounts"] == [{**MOUNT, "name": "kube-api-access-old"}]
