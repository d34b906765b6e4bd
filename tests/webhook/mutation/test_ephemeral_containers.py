"""Ephemeral containers of running pods."""

from __future__ import annotations

from typing import Any

from podrole.webhook.patch.mutation import Mutation, mutate_ephemeral
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.settings import InjectionSettings
from support.webhook import ARN, MOUNT, ROLE, TOKEN, after, identity_of, pod_of, reasons


def ephemeral(pod: dict[str, Any], existing: frozenset[str] = frozenset()) -> Mutation:
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    return mutate_ephemeral(read_pod(pod), identity, InjectionSettings(), existing=existing)


def test_only_the_new_ephemeral_container_is_patched() -> None:
    pod = after(pod_of())
    pod["spec"]["containers"].append({"name": "late"})
    pod["spec"]["ephemeralContainers"] = [{"name": "old"}, {"name": "debugger"}]
    mutation = ephemeral(pod, frozenset({"old"}))
    assert mutation.operations == [
        {"op": "add", "path": "/spec/ephemeralContainers/1/env", "value": [ROLE, TOKEN]},
        {"op": "add", "path": "/spec/ephemeralContainers/1/volumeMounts", "value": [MOUNT]},
    ]
    assert reasons(mutation) == [("debugger", "injected")]


def test_an_ephemeral_container_without_the_volume_gets_a_warning() -> None:
    mutation = ephemeral(pod_of(ephemeralContainers=[{"name": "debugger"}, None]))
    assert mutation.patch == b""
    assert reasons(mutation) == [("debugger", "no-volume"), ("", "not-a-container")]
    assert mutation.warnings == [
        (
            "container 'debugger' gets no AWS identity: the pod has no volume 'aws-iam-token', and a "
            "running pod cannot get one; recreate the pod"
        )
    ]


def test_creation_does_not_patch_ephemeral_containers() -> None:
    pod = pod_of(ephemeralContainers=[{"name": "debugger"}])
    assert after(pod)["spec"]["ephemeralContainers"] == [{"name": "debugger"}]
