"""What is added to a pod, and where."""

from __future__ import annotations

from typing import Any

import pytest

from support.webhook import ARN, MOUNT, ROLE, TOKEN, after, mutation_of, patched, pod_of, reasons


def test_entries_are_appended_to_existing_lists() -> None:
    pod = pod_of(
        {"name": "app", "env": [{"name": "A", "value": "1"}], "volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    )
    assert mutation_of(pod).operations[1:] == [
        {"op": "add", "path": "/spec/containers/0/env/-", "value": ROLE},
        {"op": "add", "path": "/spec/containers/0/env/-", "value": TOKEN},
        {"op": "add", "path": "/spec/containers/0/volumeMounts/-", "value": MOUNT},
    ]


def test_an_empty_list_is_appended_to_and_null_replaced() -> None:
    pod = pod_of({"name": "app", "env": [], "volumeMounts": None}, volumes=[])
    assert [operation["path"] for operation in mutation_of(pod).operations] == [
        "/spec/volumes/0",
        "/spec/containers/0/env/-",
        "/spec/containers/0/env/-",
        "/spec/containers/0/volumeMounts",
    ]
    after(pod)


def test_a_complete_pod_gets_no_patch() -> None:
    pod = after(pod_of({"name": "app"}, {"name": "b"}, initContainers=[{"name": "c"}]))
    mutation = mutation_of(pod)
    assert mutation.patch == b""
    assert mutation.operations == []
    assert mutation.injected
    assert reasons(mutation) == [("app", "complete"), ("b", "complete"), ("c", "complete")]
    assert mutation.warnings == []


def test_a_container_of_a_later_webhook_is_patched_in_the_second_pass() -> None:
    pod = after(pod_of({"name": "app"}))
    pod["spec"]["containers"].append({"name": "sidecar"})
    assert [operation["path"] for operation in mutation_of(pod).operations] == [
        "/spec/containers/1/env",
        "/spec/containers/1/volumeMounts",
    ]


def test_the_outcome_of_each_container() -> None:
    pod = pod_of({"name": "app"}, {"name": "proxy"}, annotations={"eks.amazonaws.com/skip-containers": "proxy"})
    mutation = mutation_of(pod)
    assert reasons(mutation) == [("app", "injected"), ("proxy", "skipped")]
    assert mutation.containers[0].added == ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "volumeMount")
    assert mutation.summary() == (f"{ARN} (the annotations of service account demo/sa); app: injected, proxy: skipped")


@pytest.mark.parametrize(
    "pod", [{}, {"spec": None}, {"spec": {}}, {"spec": {"containers": None}}, {"spec": {"containers": []}}]
)
def test_a_pod_without_containers_is_not_changed(pod: dict[str, Any]) -> None:
    assert mutation_of(pod).patch == b""
    assert not mutation_of(pod).injected


def test_null_among_the_containers_is_ignored() -> None:
    pod = {"spec": {"containers": [None, {"name": "app", "env": [None], "volumeMounts": [None]}], "volumes": [None]}}
    mutation = mutation_of(pod)
    assert reasons(mutation) == [("", "not-a-container"), ("app", "injected")]
    patched(pod, mutation.operations)
