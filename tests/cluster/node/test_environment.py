"""A container's variables, as the kubelet makes them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.core.client import Object
from podrole.cluster.node.content.environment import environment_of, expand, references_of
from podrole.cluster.node.errors import ConfigProblem

POD: Object = {
    "metadata": {
        "name": "p",
        "namespace": "n",
        "uid": "u-1",
        "labels": {"app": "web", "tier": "a\tb"},
        "annotations": {"note": 'say "hi"'},
    },
    "spec": {
        "nodeName": "podrole-node",
        "serviceAccountName": "sa",
        "containers": [{"name": "c"}, {"name": "other", "resources": {"limits": {"cpu": "250m", "memory": "64Mi"}}}],
    },
    "status": {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "hostIP": "127.0.0.1"},
}
NODE = {"cpu": "2", "memory": "4096Ki"}
FOUND: dict[tuple[str, str], Any] = {
    ("configmaps", "cm"): {"data": {"a": "1", "b": "2"}, "binaryData": {"c": base64.b64encode(b"3").decode()}},
    ("secrets", "s"): {"data": {"password": base64.b64encode(b"hush").decode()}},
    ("configmaps", "gone"): None,
    ("secrets", "gone"): None,
}


def variables(**container: Any) -> dict[str, str]:
    return environment_of(POD, {"name": "c", **container}, FOUND, node_resources=NODE)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)z", "x1y2z"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$", "$"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("a$", "a$"),
        ("$()", "$()"),
    ],
)
def test_dollar_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expanded


@given(st.text(alphabet="$()A x", max_size=20))
def test_expansion_of_anything_ends_and_text_without_dollars_stays(text: str) -> None:
    expanded = expand(text, {"A": "1"})
    if "$" not in text:
        assert expanded == text


def test_variable_can_use_earlier_variables() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C", "value": "3"}]
    assert variables(env=env) == {"A": "1", "B": "1$(C)", "C": "3"}


def test_a_variable_without_a_value_is_empty() -> None:
    assert variables(env=[{"name": "A"}]) == {"A": ""}


def test_env_overrides_env_from() -> None:
    made = variables(
        envFrom=[{"prefix": "CM_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "s"}}],
        env=[{"name": "CM_a", "value": "mine"}, {"name": "D", "value": "$(CM_b)"}],
    )
    assert made == {"CM_a": "mine", "CM_b": "2", "CM_c": "3", "password": "hush", "D": "2"}


def test_single_keys_of_a_config_map_and_a_secret() -> None:
    made = variables(
        env=[
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "a"}}},
            {"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
            {"name": "O", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "x", "optional": True}}},
            {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "x", "optional": True}}},
        ]
    )
    assert made == {"A": "1", "P": "hush"}


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "gone"}}]}, 'configmap "gone" not found'),
        ({"envFrom": [{"secretRef": {"name": "gone"}}]}, 'secret "gone" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k"}}}]},
            'configmap "gone" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]},
            "couldn't find key k in ConfigMap n/cm",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "couldn't find key k in Secret n/s",
        ),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}, "unsupported fieldPath: spec.x"),
    ],
)
def test_missing_reference_has_the_message_of_the_kubelet(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigProblem) as raised:
        variables(**container)
    assert raised.value.what == message
    assert raised.value.reason == "CreateContainerConfigError"


def test_optional_sources_may_be_missing() -> None:
    assert variables(envFrom=[{"configMapRef": {"name": "gone", "optional": True}}]) == {}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "n"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['none']", ""),
        ("metadata.annotations", 'note="say \\"hi\\""'),
        ("metadata.labels", 'app="web"\ntier="a\\tb"'),
        ("spec.nodeName", "podrole-node"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "127.0.0.1"),
        ("status.podIPs", "127.0.0.1"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, value: str) -> None:
    assert variables(env=[{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}]) == {"X": value}


@pytest.mark.parametrize(
    ("selector", "value"),
    [
        ({"resource": "limits.cpu", "containerName": "other"}, "1"),
        ({"resource": "limits.cpu", "containerName": "other", "divisor": "1m"}, "250"),
        ({"resource": "limits.memory", "containerName": "other", "divisor": "1Mi"}, "64"),
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "requests.cpu"}, "0"),
    ],
)
def test_resources_of_a_container(selector: dict[str, str], value: str) -> None:
    assert variables(env=[{"name": "X", "valueFrom": {"resourceFieldRef": selector}}]) == {"X": value}


def test_references_of_a_container_are_complete() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
        "env": [
            {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "d", "key": "k"}}},
            {"name": "Z", "value": "1"},
        ],
    }
    assert list(references_of(container)) == [
        ("configmaps", "a"),
        ("secrets", "b"),
        ("configmaps", "c"),
        ("secrets", "d"),
    ]
