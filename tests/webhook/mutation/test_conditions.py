"""Conditions of the mutation: for each part of a condition a case that only this part decides."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.webhook.patch.injection_plan import MAX_SESSION_NAME, clean_path
from podrole.webhook.patch.mutation import mutate, mutate_ephemeral
from podrole.webhook.patch.pod import Volume, holds_config_map_file, is_mirror, read_pod, runs_on_windows, token_in
from podrole.webhook.settings import MAX_CONTAINERS, CABundle
from support.webhook import (
    ARN,
    DEFAULTS,
    DIRECTORY,
    MOUNT,
    REGION,
    ROLE,
    STS,
    TOKEN,
    identity_of,
    injection,
    mutation_of,
    patched,
    pod_of,
    reasons,
)

MIRROR = {"kubernetes.io/config.mirror": "1"}
WINDOWS = {"key": "kubernetes.io/os", "operator": "In", "values": ["windows"]}
TOKEN_AT = {"serviceAccountToken": {"path": "token"}}


@pytest.mark.parametrize(
    ("pod", "mirror"),
    [
        ({}, False),
        ({"metadata": {}}, False),
        ({"metadata": {"annotations": {}}}, False),
        ({"metadata": {"annotations": {"other": "1"}}}, False),
        ({"metadata": {"annotations": MIRROR}}, True),
    ],
)
def test_mirror_pods(pod: dict[str, Any], mirror: bool) -> None:
    assert is_mirror(read_pod(pod)) is mirror


@pytest.mark.parametrize(
    ("node_affinity", "windows"),
    [
        (None, False),
        ({}, False),
        ({"requiredDuringSchedulingIgnoredDuringExecution": {}}, False),
        ({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [None]}}, False),
        ({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}, False),
        *[
            ({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": e}]}}, w)
            for e, w in (
                ([None], False),
                ([{**WINDOWS, "key": "other"}], False),
                ([None, WINDOWS], True),
                ([{**WINDOWS, "key": "other"}, WINDOWS], True),
            )
        ],
    ],
)
def test_affinity_to_windows(node_affinity: Any, windows: bool) -> None:
    spec = read_pod({"spec": {"affinity": {"nodeAffinity": node_affinity}}}).spec
    assert spec is not None
    assert runs_on_windows(spec) is windows


def volume_of(sources: Any) -> Volume:
    spec = read_pod({"spec": {"volumes": [{"name": "v", "projected": {"sources": sources}}]}}).spec
    assert spec is not None
    assert spec.volumes is not None
    volume = spec.volumes[0]
    assert volume is not None
    return volume


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (None, False),
        ([None], False),
        ([{}], False),
        ([{"serviceAccountToken": {"path": "other"}}], False),
        ([None, {}, {"serviceAccountToken": {"path": "other"}}, TOKEN_AT], True),
    ],
)
def test_the_token_of_a_volume(sources: Any, found: bool) -> None:
    assert (token_in(volume_of(sources), "token") is not None) is found


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (None, False),
        ([None], False),
        ([TOKEN_AT], False),
        ([{"configMap": {"name": "ca"}}], False),
        ([{"configMap": {"items": [None]}}], False),
        ([{"configMap": {"items": [{"key": "k", "path": "other"}]}}], False),
        ([TOKEN_AT, {"configMap": {"items": [None, {"key": "k", "path": "ca.crt"}]}}], True),
    ],
)
def test_the_file_of_a_config_map_in_a_volume(sources: Any, found: bool) -> None:
    assert holds_config_map_file(volume_of(sources), "ca.crt") is found


@pytest.mark.parametrize(
    ("containers", "init_containers", "patched"),
    [
        (MAX_CONTAINERS, None, True),
        (MAX_CONTAINERS + 1, None, False),
        (MAX_CONTAINERS - 1, 1, True),
        (MAX_CONTAINERS, 1, False),
        (1, MAX_CONTAINERS, False),
    ],
)
def test_the_limit_of_containers(containers: int, init_containers: int | None, patched: bool) -> None:
    spec = {"containers": [{"name": "c"}] * containers}
    if init_containers is not None:
        spec["initContainers"] = [{"name": "i"}] * init_containers
    mutation = mutation_of({"spec": spec})
    assert bool(mutation.patch) is patched
    assert bool(mutation.warnings) is not patched


@pytest.mark.parametrize(
    ("pod", "existing"),
    [({}, 0), ({"spec": {}}, 0), ({"spec": {"ephemeralContainers": []}}, 0)],
)
def test_no_ephemeral_containers(pod: dict[str, Any], existing: int) -> None:
    identity = identity_of({"role-arn": "reader"})
    assert identity is not None
    mutation = mutate_ephemeral(read_pod(pod), identity, DEFAULTS)
    assert (mutation.patch, mutation.containers, mutation.warnings) == (b"", [], [])


@pytest.mark.parametrize(
    ("containers", "existing", "outcomes"),
    [
        (MAX_CONTAINERS, 0, MAX_CONTAINERS),
        (MAX_CONTAINERS + 1, 0, 0),
        (MAX_CONTAINERS + 1, 1, MAX_CONTAINERS),
        (MAX_CONTAINERS + 2, 1, 0),
    ],
)
def test_the_limit_of_ephemeral_containers(containers: int, existing: int, outcomes: int) -> None:
    pod = {"spec": {"ephemeralContainers": [{"name": f"e{number}"} for number in range(containers)]}}
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    names = frozenset([f"e{number}" for number in range(existing)])
    mutation = mutate_ephemeral(read_pod(pod), identity, DEFAULTS, existing=names)
    assert len(mutation.containers) == outcomes


def test_the_summary_names_eks_pod_identity_and_a_pod_without_containers() -> None:
    assert mutation_of(pod_of(), pod_identity=True).summary().startswith("EKS Pod Identity (")
    assert mutation_of({"spec": {}}).summary().endswith("; no containers")


@pytest.mark.parametrize(("path", "set_"), [("ca.crt", True), ("other", False)])
def test_the_ca_bundle_in_a_volume_of_the_pod(path: str, set_: bool) -> None:
    sources = [TOKEN_AT, {"configMap": {"name": "ca", "items": [{"key": "k", "path": path}]}}]
    pod = pod_of(volumes=[{"name": "aws-iam-token", "projected": {"sources": sources}}])
    mutation = mutation_of(pod, settings=injection(aws_ca_bundle=CABundle("ca")))
    assert ("AWS_CA_BUNDLE" in mutation.containers[0].added) is set_
    assert any("AWS_CA_BUNDLE" in warning for warning in mutation.warnings) is not set_


@pytest.mark.parametrize(
    ("env", "mounts", "reason"),
    [
        ([STS, *REGION, ROLE, TOKEN], [MOUNT], "complete"),
        ([STS, *REGION, ROLE, TOKEN], [], "own-credentials"),
        ([STS, *REGION, ROLE, {**TOKEN, "value": "/other"}], [MOUNT], "own-credentials"),
        ([STS, *REGION, TOKEN], [], "own-credentials"),
        ([STS, REGION[0], ROLE], [], "own-credentials"),
        ([STS, REGION[1], ROLE], [], "own-credentials"),
        ([*REGION, ROLE, TOKEN], [], "injected"),
        ([STS, ROLE, TOKEN], [], "injected"),
        ([STS, *REGION], [], "injected"),
    ],
)
def test_when_a_container_has_its_own_credentials(
    env: list[dict[str, Any]], mounts: list[dict[str, Any]], reason: str
) -> None:
    pod = pod_of({"name": "app", "env": env, "volumeMounts": mounts})
    assert reasons(mutation_of(pod)) == [("app", reason)]


def test_null_and_nameless_entries_are_passed_over() -> None:
    container = {
        "env": [None, {"value": "x"}],
        "volumeMounts": [None, {"name": "data"}, {"name": "other", "mountPath": DIRECTORY}],
    }
    pod = pod_of(container, volumes=[None, {"name": "data"}, {"name": "other", "projected": {"sources": [TOKEN_AT]}}])
    assert reasons(mutation_of(pod)) == [("", "injected")]


@pytest.mark.parametrize(
    ("metadata", "session_name"),
    [
        (None, "$(PODROLE_POD_NAME)"),
        ({}, "$(PODROLE_POD_NAME)"),
        ({"name": "web"}, "web"),
        ({"name": "w" * MAX_SESSION_NAME}, "w" * MAX_SESSION_NAME),
        ({"namespace": "n" * 63, "generateName": "w" * 60}, "$(PODROLE_POD_NAME)"),
        ({"namespace": "n" * 63, "generateName": "w" * 56}, "nn.$(PODROLE_POD_NAME)"),
        ({"namespace": "n" * 63, "generateName": "w"}, "n" * 57 + ".$(PODROLE_POD_NAME)"),
    ],
)
def test_session_names_at_their_limits(metadata: Any, session_name: str) -> None:
    settings = injection(role_session_name=True)
    identity = identity_of({"role-arn": ARN}, settings)
    assert identity is not None
    pod = {"metadata": metadata, "spec": {"containers": [{"name": "app"}]}}
    env = patched(pod, mutate(read_pod(pod), identity, settings).operations)["spec"]["containers"][0]["env"]
    assert env[-1] == {"name": "AWS_ROLE_SESSION_NAME", "value": session_name}


@pytest.mark.parametrize(("path", "clean"), [("//a", "/a"), ("/a//b/../c/", "/a/c"), ("///a", "/a"), ("a/.", "a")])
def test_clean_paths(path: str, clean: str) -> None:
    assert clean_path(path) == clean
