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


ROLE_VARIABLES = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]
REGIONS = ["AWS_DEFAULT_REGION", "AWS_REGION"]
STS = ["AWS_STS_REGIONAL_ENDPOINTS"]


@pytest.mark.parametrize(
    ("present", "regional", "region", "added", "mounted"),
    [
        ([], "true", "eu-west-1", [*STS, *REGIONS, *ROLE_VARIABLES], True),
        ([], "false", "eu-west-1", [*REGIONS, *ROLE_VARIABLES], True),
        ([], "true", "", [*STS, *ROLE_VARIABLES], True),
        (["AWS_WEB_IDENTITY_TOKEN_FILE"], "true", "eu-west-1", [*STS, *REGIONS], True),
        (["AWS_REGION"], "true", "eu-west-1", [*STS, *ROLE_VARIABLES], True),
        (STS, "true", "eu-west-1", [*REGIONS, *ROLE_VARIABLES], True),
        (["AWS_ROLE_ARN", "AWS_REGION"], "true", "eu-west-1", STS, True),
        (["AWS_ROLE_ARN", *STS], "true", "eu-west-1", REGIONS, True),
        (["AWS_REGION", *STS], "true", "eu-west-1", ROLE_VARIABLES, True),
        # a container that has all three is left as it is, mount and all
        (["AWS_ROLE_ARN", "AWS_DEFAULT_REGION", *STS], "true", "eu-west-1", [], False),
    ],
)
def test_variables_that_are_missing_are_added(
    present: list[str], regional: str, region: str, added: list[str], mounted: bool
) -> None:
    env = [{"name": name, "value": "x"} for name in present]
    pod = strict.read_pod({"spec": {"containers": [{"name": "a", "env": env}]}})
    identity = identity_with({"sts-regional-endpoints": regional})
    operations = json.loads(strict.mutate(pod, identity, injection(aws_default_region=region)))
    container = operations[-1]["value"][0]
    assert [entry["name"] for entry in container["env"]] == [*present, *added]
    assert ("volumeMounts" in container) is mounted


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_containers_of_both_kinds_are_written_back(kind: str) -> None:
    operations = {one["path"]: one["value"] for one in patch_of({"spec": {kind: [{"name": "a"}]}})}
    assert [one["name"] for one in operations[f"/spec/{kind}"]] == ["a"]
    assert "/spec/containers" in operations
    assert ("/spec/initContainers" in operations) is (kind == "initContainers")


def test_volume_that_is_mounted_is_not_mounted_again() -> None:
    mount = {"name": "aws-iam-token", "mountPath": "/mine"}
    containers = patch_of({"spec": {"containers": [{"name": "a", "volumeMounts": [mount]}]}})[-1]["value"]
    assert containers[0]["volumeMounts"] == [mount]


@pytest.mark.parametrize(
    ("annotation", "pod_identity", "jitter", "seconds"),
    [
        ("", False, 1_000, 86_400),
        ("3600", False, 1_000, 3_600),
        ("599", False, 1_000, 600),
        ("3600", True, 1_000, 3_600),
        ("", True, 1_000, 85_400),
        ("", True, -5, 86_400),
        ("", True, 0, 86_400),
        ("", True, 10_000, 79_200),
    ],
)
def test_lifetime_of_the_token(annotation: str, pod_identity: bool, jitter: int, seconds: int) -> None:
    annotations = {"eks.amazonaws.com/token-expiration": annotation} if annotation else {}
    pod = {"metadata": {"annotations": annotations}, "spec": {"containers": []}}
    operations = {one["path"]: one["value"] for one in patch_of(pod, pod_identity=pod_identity, jitter=jitter)}
    (source,) = operations["/spec/volumes"][0]["projected"]["sources"]
    assert source["serviceAccountToken"]["expirationSeconds"] == seconds


def test_lifetime_is_not_shortened_unless_it_is_asked_for() -> None:
    pod = strict.read_pod({"spec": {"containers": []}})
    assert b'"expirationSeconds":86400' in strict.mutate(pod, identity_with(pod_identity=True), DEFAULTS)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ("/metadata/labels", {"eks.amazonaws.com/pod-identity": "enabled"})),
        ({"labels": {"a": "b"}}, ("/metadata/labels/eks.amazonaws.com~1pod-identity", "enabled")),
    ],
)
def test_pod_with_eks_pod_identity_is_labelled(labels: dict[str, Any], expected: tuple[str, Any]) -> None:
    operation = patch_of({"metadata": labels, "spec": {"containers": []}}, pod_identity=True)[0]
    assert (operation["path"], operation["value"]) == expected
    assert "labels" not in patch_of({"metadata": labels, "spec": {"containers": []}})[0]["path"]


def test_container_with_eks_pod_identity_gets_the_agents_address() -> None:
    container = patch_of({"spec": {"containers": [{"name": "a"}]}}, pod_identity=True)[-1]["value"][0]
    names = [entry["name"] for entry in container["env"]]
    assert names[-2:] == ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
    assert container["volumeMounts"][0]["name"] == DEFAULTS.container_credentials.token_volume_name


def test_missing_pod_is_an_empty_one() -> None:
    assert strict.read_pod(None) == {}
