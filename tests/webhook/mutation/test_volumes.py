"""Volumes and mounts that a pod has already."""

from __future__ import annotations

import pytest

from support.webhook import DIRECTORY, ROLE, TOKEN, after, injection, mutation_of, pod_of, reasons


def test_another_volume_at_the_mount_path_prevents_injection() -> None:
    container = {"name": "app", "volumeMounts": [{"name": "mine", "mountPath": DIRECTORY + "/"}]}
    pod = pod_of(container, volumes=[{"name": "mine", "emptyDir": {}}])
    mutation = mutation_of(pod)
    assert mutation.patch == b""
    assert reasons(mutation) == [("app", "mount-path-taken")]
    assert mutation.warnings == [f"container 'app' gets no AWS identity: another volume is mounted at {DIRECTORY}"]


def test_a_token_volume_of_another_name_is_used() -> None:
    source = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
    container = {"name": "app", "volumeMounts": [{"name": "mine", "mountPath": DIRECTORY}]}
    pod = pod_of(container, volumes=[{"name": "mine", "projected": {"sources": [source]}}])
    result = after(pod)
    assert result["spec"]["volumes"] == pod["spec"]["volumes"]
    assert result["spec"]["containers"][0] == {**container, "env": [ROLE, TOKEN]}


def test_a_volume_of_the_same_name_without_the_token_gets_a_warning() -> None:
    mutation = mutation_of(pod_of(volumes=[{"name": "aws-iam-token", "emptyDir": {}}]))
    assert mutation.warnings == [
        "the pod has its own volume 'aws-iam-token' without a service account token at 'token'; it is not changed"
    ]


@pytest.mark.parametrize(
    ("audience", "wanted", "warned"),
    [
        ({"audience": "vault"}, "sts.amazonaws.com", True),
        ({}, "sts.amazonaws.com", True),
        ({"audience": "sts.amazonaws.com"}, "sts.amazonaws.com", False),
        ({"audience": "vault"}, "", True),
        ({"audience": ""}, "", False),
        ({}, "", False),
    ],
)
def test_a_token_for_another_audience_gets_a_warning(audience: dict[str, str], wanted: str, warned: bool) -> None:
    source = {"serviceAccountToken": {**audience, "path": "token"}}
    pod = pod_of(volumes=[{"name": "aws-iam-token", "projected": {"sources": [source]}}])
    warning = (
        f"the pod has its own volume 'aws-iam-token' with a token for another audience than {wanted!r}; it is not "
        "changed"
    )
    assert mutation_of(pod, None, injection(token_audience=wanted)).warnings == ([warning] if warned else [])


def test_a_mount_at_another_path_gets_a_warning() -> None:
    pod = pod_of({"name": "app", "volumeMounts": [{"name": "aws-iam-token", "mountPath": "/tokens"}]})
    assert mutation_of(pod).warnings == [
        (
            f"container 'app' mounts volume 'aws-iam-token' at another path than {DIRECTORY}, where SDKs look for "
            "the token"
        )
    ]


def test_another_mount_path_is_cleaned_for_the_variable_alone() -> None:
    pod = after(pod_of(), None, injection(token_mount_path="/tokens//aws/"))
    assert pod["spec"]["containers"][0]["env"][1]["value"] == "/tokens/aws/token"
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] == "/tokens//aws/"
