"""The cells of ``kubectl get``."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.kinds.registry import BY_NAME, table_layout
from podrole.cluster.tables.cells import human_duration, selector
from podrole.cluster.tables.pods import pod_cells
from podrole.cluster.tables.tables import columns, table

NOW = 1_800_000_000.0
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (659, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
        (700 * 86400, "700d"),
        (2 * 365 * 86400, "2y"),
        (2 * 365 * 86400 + 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e10))
def test_every_duration_is_short(seconds: float) -> None:
    assert len(human_duration(seconds)) <= 6


def pod(status: dict[str, Any], *, deleting: bool = False, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "p", "creationTimestamp": "2027-01-15T07:00:00Z"}
    if deleting:
        metadata["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    return {"metadata": metadata, "spec": {"containers": [{"name": "a"}, {"name": "b"}], **spec}, "status": status}


def state(kind: str, **more: Any) -> dict[str, Any]:
    return {"state": {kind: more}}


RUNNING = {**state("running"), "ready": True}


@pytest.mark.parametrize(
    ("shown", "given_pod"),
    [
        (("0/2", "Pending", "0"), pod({"phase": "Pending"})),
        (("0/2", "Evicted", "0"), pod({"phase": "Failed", "reason": "Evicted"})),
        (("2/2", "Running", "0"), pod({"phase": "Running", "containerStatuses": [RUNNING, RUNNING]})),
        (
            ("1/2", "CrashLoopBackOff", "3"),
            pod({"phase": "Running", "containerStatuses": [
                {**state("waiting", reason="CrashLoopBackOff"), "restartCount": 3}, RUNNING]}),
        ),
        (
            ("0/2", "Completed", "0"),
            pod({"phase": "Succeeded", "containerStatuses": [state("terminated", reason="Completed", exitCode=0)] * 2}),
        ),
        (
            ("1/2", "NotReady", "0"),
            pod({"phase": "Running", "containerStatuses": [state("terminated", reason="Completed"), RUNNING]}),
        ),
        (
            ("1/2", "Running", "0"),
            pod({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                 "containerStatuses": [state("terminated", reason="Completed"), RUNNING]}),
        ),
        (("0/2", "ExitCode:3", "0"), pod({"containerStatuses": [state("terminated", exitCode=3)]})),
        (("0/2", "Signal:9", "0"), pod({"containerStatuses": [state("terminated", signal=9, exitCode=137)]})),
        (
            ("0/2", "Error", "1 (5m ago)"),
            pod({"containerStatuses": [{
                **state("terminated", reason="Error"), "restartCount": 1,
                "lastState": {"terminated": {"finishedAt": "2027-01-15T07:55:00Z"}}}]}),
        ),
        (
            ("0/2", "Init:0/1", "0"),
            pod({"phase": "Pending", "initContainerStatuses": [{"name": "i", **state("running")}]},
                initContainers=[{"name": "i"}]),
        ),
        (
            ("0/2", "Init:CrashLoopBackOff", "2"),
            pod({"initContainerStatuses": [
                {"name": "i", **state("waiting", reason="CrashLoopBackOff"), "restartCount": 2}]},
                initContainers=[{"name": "i"}]),
        ),
        (
            ("0/2", "Init:Error", "0"),
            pod({"initContainerStatuses": [{"name": "i", **state("terminated", reason="Error", exitCode=1)}]},
                initContainers=[{"name": "i"}]),
        ),
        (
            ("0/2", "Init:ExitCode:2", "0"),
            pod({"initContainerStatuses": [{"name": "i", **state("terminated", exitCode=2)}]},
                initContainers=[{"name": "i"}]),
        ),
        (
            ("0/2", "PodInitializing", "0"),
            pod({"initContainerStatuses": [{"name": "i", **state("terminated", exitCode=0)}],
                 "containerStatuses": [state("waiting", reason="PodInitializing")] * 2},
                initContainers=[{"name": "i"}]),
        ),
        (
            ("3/3", "Running", "0"),
            pod({"phase": "Running", "containerStatuses": [RUNNING, RUNNING],
                 "initContainerStatuses": [{"name": "i", **RUNNING, "started": True}]},
                initContainers=[{"name": "i", "restartPolicy": "Always"}]),
        ),
        (("0/2", "Terminating", "0"), pod({"phase": "Running"}, deleting=True)),
        (("0/2", "Succeeded", "0"), pod({"phase": "Succeeded"}, deleting=True)),
        (("0/2", "Unknown", "0"), pod({"phase": "Running", "reason": "NodeLost"}, deleting=True)),
        (
            ("0/2", "SchedulingGated", "0"),
            pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
        ),
    ],
)  # fmt: skip
def test_a_pods_row_sums_up_its_containers(shown: tuple[str, ...], given_pod: dict[str, Any]) -> None:
    assert tuple(pod_cells(given_pod, NOW)[1:4]) == shown


def test_empty_wide_cells_are_none() -> None:
    assert pod_cells(pod({}), NOW)[5:] == ["<none>"] * 4
    full = pod(
        {"podIPs": [{"ip": "1.2.3.4"}], "conditions": [{"type": "g", "status": "True"}]},
        nodeName="n",
        readinessGates=[{"conditionType": "g"}, {"conditionType": "h"}],
    )
    assert pod_cells(full, NOW)[5:] == ["1.2.3.4", "n", "<none>", "1/2"]


def test_selectors_are_written_on_one_line() -> None:
    expressions = [
        {"key": "b", "operator": "In", "values": ["2", "1"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    assert selector({"matchLabels": {"a": "1"}, "matchExpressions": expressions}) == "a=1,b in (1,2),c,!d"
    assert selector(None) == "<none>"


META = {"name": "x", "creationTimestamp": "2027-01-15T07:59:00Z"}
TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]}}


@pytest.mark.parametrize(
    ("resource", "obj", "cells"),
    [
        ("serviceaccounts", {}, ["x", "60s"]),
        ("namespaces", {"status": {"phase": "Active"}}, ["x", "Active", "60s"]),
        ("configmaps", {"data": {"a": ""}, "binaryData": {"b": ""}}, ["x", 2, "60s"]),
        ("secrets", {"type": "Opaque", "data": {"a": ""}}, ["x", "Opaque", 1, "60s"]),
        (
            "deployments.apps",
            {"spec": {"replicas": 3, "template": TEMPLATE, "selector": {"matchLabels": {"a": "b"}}},
             "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}},
            ["x", "1/3", 2, 1, "60s", "c,d", "i,j", "a=b"],
        ),
        (
            "replicasets.apps",
            {"spec": {"replicas": 3, "template": TEMPLATE}, "status": {"replicas": 2, "readyReplicas": 1}},
            ["x", 3, 2, 1, "60s", "c,d", "i,j", "<none>"],
        ),
        (
            "jobs.batch",
            {"spec": {"completions": 2, "template": TEMPLATE},
             "status": {"succeeded": 1, "startTime": "2027-01-15T07:59:30Z"}},
            ["x", "Running", "1/2", "30s", "60s", "c,d", "i,j", "<none>"],
        ),
        (
            "jobs.batch",
            {"spec": {"parallelism": 3, "template": TEMPLATE},
             "status": {"startTime": "2027-01-15T07:59:30Z", "completionTime": "2027-01-15T07:59:40Z",
                        "conditions": [{"type": "Failed", "status": "True"}]}},
            ["x", "Failed", "0/1 of 3", "10s", "60s", "c,d", "i,j", "<none>"],
        ),
        (
            "cronjobs.batch",
            {"spec": {"schedule": "* * * * *", "suspend": False, "jobTemplate": {"spec": {"template": TEMPLATE}}},
             "status": {"active": [{}], "lastScheduleTime": "2027-01-15T07:59:50Z"}},
            ["x", "* * * * *", "<none>", "False", 1, "10s", "60s", "c,d", "i,j", "<none>"],
        ),
        (
            "nodes",
            {"metadata": {**META, "labels": {"node-role.kubernetes.io/worker": ""}}, "spec": {"unschedulable": True},
             "status": {"conditions": [{"type": "Ready", "status": "True"}],
                        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                        "nodeInfo": {"kubeletVersion": "v1", "osImage": "os", "kernelVersion": "k",
                                     "containerRuntimeVersion": "r"}}},
            ["x", "Ready,SchedulingDisabled", "worker", "60s", "v1", "127.0.0.1", "<none>", "os", "k", "r"],
        ),
        (
            "nodes",
            {},
            ["x", "Unknown", "<none>", "60s", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"],
        ),
        (
            "services",
            {"spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "selector": {"a": "b"},
                      "ports": [{"port": 80, "nodePort": 30000, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}},
            ["x", "NodePort", "10.0.0.1", "<none>", "80:30000/TCP,53/UDP", "60s", "a=b"],
        ),
        (
            "services",
            {"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}},
            ["x", "LoadBalancer", "10.0.0.1", "<pending>", "<none>", "60s", "<none>"],
        ),
        (
            "services",
            {"spec": {"type": "ExternalName", "externalName": "e.example"}},
            ["x", "ExternalName", "<none>", "e.example", "<none>", "60s", "<none>"],
        ),
        (
            "events",
            {"firstTimestamp": "2027-01-15T07:50:00Z", "lastTimestamp": "2027-01-15T07:59:59Z", "type": "Normal",
             "reason": "R", "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "f"}, "message": " m\n",
             "source": {"component": "kubelet", "host": "n"}, "count": 2},
            ["1s", "Normal", "R", "pod/p", "f", "kubelet, n", "m", "10m", 2, "x"],
        ),
        (
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            {"webhooks": [{}, {}]},
            ["x", 2, "60s"],
        ),
    ],
)  # fmt: skip
def test_rows_of_every_kind(resource: str, obj: dict[str, Any], cells: list[Any]) -> None:
    found = table(table_layout(BY_NAME[resource]), [{"metadata": META, **obj}], {}, now=NOW)
    assert found["rows"][0]["cells"] == cells
    assert len(found["columnDefinitions"]) == len(cells)


@pytest.mark.parametrize("resource", [one for one in BY_NAME.values() if one.stored], ids=lambda one: one.plural)
def test_every_column_is_described(resource: Any) -> None:
    for column in columns(table_layout(resource)):
        assert column["description"]
        assert column["type"] in ("string", "integer", "boolean", "date")


def test_include_object_decides_what_a_row_carries(http: httpx2.Client) -> None:
    path = "/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault"
    kinds = {
        include: (http.get(f"{path}&includeObject={include}", headers=TABLE).json()["rows"][0]["object"] or {}).get(
            "kind"
        )
        for include in ("None", "Metadata", "Object")
    }
    assert kinds == {"None": None, "Metadata": "PartialObjectMetadata", "Object": "Namespace"}
    assert http.get(f"{path}&includeObject=Some", headers=TABLE).status_code == 400


def test_a_pod_that_has_ended_is_marked_in_its_row() -> None:
    done = table(table_layout(BY_NAME["pods"]), [pod({"phase": "Succeeded"}), pod({"phase": "Running"})], {}, now=NOW)[
        "rows"
    ]
    assert done[0]["conditions"][0]["reason"] == "Succeeded"
    assert "conditions" not in done[1]
