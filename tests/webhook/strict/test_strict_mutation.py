"""The EKS webhook's patches, oddities and all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from podrole.webhook.identity.binding import Identity
from podrole.webhook.settings import InjectionSettings
from podrole.webhook.strict import mutation as strict
from podrole.webhook.strict.go_types import NotDecodable
from support.webhook import ARN, VECTORS, injection, strict_identity_of

DEFAULTS = InjectionSettings()


def identity_with(annotations: dict[str, str] | None = None, *, pod_identity: bool = False) -> Identity:
    identity = strict_identity_of({"role-arn": ARN, **(annotations or {})}, DEFAULTS, pod_identity=pod_identity)
    assert identity is not None
    return identity


def patch_of(pod: dict[str, Any], *, jitter: int = 0, **kwargs: Any) -> list[dict[str, Any]]:
    patch = strict.mutate(strict.read_pod(pod), identity_with(**kwargs), DEFAULTS, jitter=jitter)
    return json.loads(patch)


def written(container: dict[str, Any]) -> dict[str, Any]:
    """The container as the EKS webhook writes it back, when it injects nothing."""
    pod = {
        "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": container.get("name") or '""'}},
        "spec": {"containers": [container], "volumes": [{"name": "aws-iam-token"}]},
    }
    (operation,) = patch_of(pod)
    return operation["value"][0]


REVIEWS = [json.loads(line) for line in (VECTORS / "admission-reviews.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "recorded", [review for review in REVIEWS if "patch" in review["upstream_response"]["response"]]
)
def test_recorded_answers_byte_for_byte(recorded: dict[str, Any]) -> None:
    identity = strict_identity_of({"role-arn": "arn:aws:iam::111122223333:role/ec2-reader"})
    assert identity is not None
    pod = strict.read_pod(recorded["request"]["request"]["object"])
    assert strict.mutate(pod, identity, DEFAULTS) == base64.b64decode(
        recorded["upstream_response"]["response"]["patch"]
    )


def test_a_container_is_written_through_gos_types() -> None:
    assert written(
        {
            "aFieldOfNextYear": 1,
            "name": "app",
            "resources": {"limits": {"memory": "1.5Gi", "cpu": "1000m"}},
            "readinessProbe": {"grpc": {"port": 1}},
            "livenessProbe": {"httpGet": {"path": "/"}},
            "volumeMounts": [{"name": "data"}],
            "ports": [{"name": "web", "containerPort": 80}],
            "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}, None],
            "securityContext": {"privileged": False, "capabilities": {"add": []}},
            "command": [],
            "stdin": False,
        }
    ) == {
        "name": "app",
        "ports": [{"name": "web", "containerPort": 80}],
        "env": [
            {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}},
            {"name": ""},
        ],
        "resources": {"limits": {"cpu": "1", "memory": "1536Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": ""}],
        "livenessProbe": {"httpGet": {"path": "/", "port": 0}},
        "readinessProbe": {"grpc": {"port": 1, "service": None}},
        "securityContext": {"capabilities": {}, "privileged": False},
    }


def test_keys_are_matched_without_regard_to_case() -> None:
    pod = strict.read_pod({"SPEC": {"ServiceAccountName": "sa", "Containers": [{"NAME": "app"}]}})
    assert pod["spec"]["serviceAccountName"] == "sa"
    assert pod["spec"]["containers"] == [{"name": "app"}]


def test_a_null_container_becomes_an_empty_one() -> None:
    assert patch_of({"spec": {"containers": [None]}})[1]["value"][0]["name"] == ""


def test_angle_brackets_are_escaped_as_go_does() -> None:
    pod = strict.read_pod({"spec": {"containers": [{"name": "a", "image": "<&>\u2028ü"}]}})
    patch = strict.mutate(pod, identity_with(), DEFAULTS).decode()
    assert '"image":"\\u003c\\u0026\\u003e\\u2028ü"' in patch


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        ("x", "json: cannot unmarshal string into Go value of type v1.Pod"),
        ([], "json: cannot unmarshal array into Go value of type v1.Pod"),
        ({"spec": 7}, "json: cannot unmarshal number into Go struct field Pod.spec of type v1.PodSpec"),
        (
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            {"spec": {"containers": [{"image": True}]}},
            "json: cannot unmarshal bool into Go struct field Container.spec.containers.image of type string",
        ),
        (
            {"spec": {"containers": [{"ports": [{"containerPort": 1.5}]}]}},
            (
                "json: cannot unmarshal number 1.5 into Go struct field "
                "ContainerPort.spec.containers.ports.containerPort of type int32"
            ),
        ),
        (
            {"spec": {"containers": [{"resources": {"limits": {"cpu": "many"}}}]}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_what_go_cannot_decode(pod: Any, message: str) -> None:
    with pytest.raises(NotDecodable) as raised:
        strict.read_pod(pod)
    assert str(raised.value) == message


def test_a_patch_is_made_even_when_nothing_changes() -> None:
    env = [{"name": name, "value": "x"} for name in ("AWS_ROLE_ARN", "AWS_REGION", "AWS_STS_REGIONAL_ENDPOINTS")]
    container = {"name": "app", "env": env}
    operations = patch_of({"spec": {"containers": [container], "volumes": [{"name": "aws-iam-token"}]}})
    assert operations == [{"op": "add", "path": "/spec/containers", "value": [{**container, "resources": {}}]}]


def test_volume_and_label_are_added_when_all_is_skipped() -> None:
    pod = {
        "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "app"}},
        "spec": {"containers": [{"name": "app"}]},
    }
    paths = [operation["path"] for operation in patch_of(pod, pod_identity=True)]
    assert paths == ["/metadata/labels", "/spec/volumes", "/spec/containers"]


def test_a_pod_without_containers_gets_an_empty_list() -> None:
    assert patch_of({})[1] == {"op": "add", "path": "/spec/containers", "value": []}


@pytest.mark.parametrize(("annotation", "skipped"), [("a, b", {"a"}), (' a"', set()), ("a,b", {"a", "b"}), ("", set())])
def test_names_to_skip_are_not_trimmed(annotation: str, skipped: set[str]) -> None:
    pod = {
        "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": annotation}},
        "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
    }
    containers = patch_of(pod)[1]["value"]
    assert {container["name"] for container in containers if "env" not in container} == skipped


def test_an_empty_audience_is_left_out_of_the_token() -> None:
    (volume,) = patch_of({"spec": {"containers": [{"name": "a"}]}}, annotations={"audience": ""})[0]["value"]
    assert volume["projected"]["sources"] == [{"serviceAccountToken": {"expirationSeconds": 86400, "path": "token"}}]


@pytest.mark.parametrize("explicit", [{}, {"token-expiration": "86400"}])
def test_exactly_a_day_is_jittered_for_eks_pod_identity(explicit: dict[str, str]) -> None:
    operations = patch_of(
        {"spec": {"containers": [{"name": "a"}]}}, annotations=explicit, pod_identity=True, jitter=1_000
    )
    assert operations[1]["value"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 85_400


def test_windows_by_node_selector_alone() -> None:
    def path(spec: dict[str, Any]) -> str:
        return patch_of({"spec": {"containers": [{"name": "a"}], **spec}})[1]["value"][0]["env"][1]["value"]

    assert path({"nodeSelector": {"kubernetes.io/os": "windows"}}).startswith("C:\\")
    assert path({"os": {"name": "windows"}}).startswith("/var/")


def test_a_mount_path_that_is_taken_goes_unnoticed() -> None:
    directory = DEFAULTS.token_mount_path
    pod = {"spec": {"containers": [{"name": "a", "volumeMounts": [{"name": "mine", "mountPath": directory}]}]}}
    mounts = patch_of(pod)[1]["value"][0]["volumeMounts"]
    assert [mount["mountPath"] for mount in mounts] == [directory, directory]


def test_mutate_does_not_change_its_input() -> None:
    pod = strict.read_pod({"spec": {"containers": [{"name": "a", "env": [{"name": "A"}]}]}})
    strict.mutate(pod, identity_with(), injection(aws_default_region="eu-west-1"))
    assert pod == {"spec": {"containers": [{"name": "a", "env": [{"name": "A"}]}]}}
