"""Region, STS setting, and what a container sets for itself."""

from __future__ import annotations

import pytest

from support.webhook import MOUNT, REGION, ROLE, STS, TOKEN, after, injection, mutation_of, patched, pod_of, reasons


def test_order_of_all_variables() -> None:
    settings = injection(aws_default_region="eu-west-1", sts_regional_endpoint=True)
    assert after(pod_of(), None, settings)["spec"]["containers"][0]["env"] == [STS, *REGION, ROLE, TOKEN]


@pytest.mark.parametrize("own", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_one_region_variable_of_the_container_suffices(own: str) -> None:
    pod = pod_of({"name": "app", "env": [{"name": own, "value": "x"}]})
    env = after(pod, None, injection(aws_default_region="eu-west-1"))["spec"]["containers"][0]["env"]
    assert env == [{"name": own, "value": "x"}, ROLE, TOKEN]


@pytest.mark.parametrize("name", ["aws_role_arn", "AWS_ROLE_ARN_2"])
def test_names_are_exact(name: str) -> None:
    pod = pod_of({"name": "app", "env": [{"name": name, "value": "x"}]})
    assert ROLE in after(pod)["spec"]["containers"][0]["env"]


def test_a_variable_with_value_from_counts_as_set() -> None:
    own = {"name": "AWS_ROLE_ARN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    pod = pod_of({"name": "app", "env": [own]})
    mutation = mutation_of(pod)
    assert patched(pod, mutation.operations)["spec"]["containers"][0]["env"] == [own]
    assert mutation.warnings == [
        "container 'app' keeps its own AWS_ROLE_ARN",
        "container 'app' sets part of an identity, but not AWS_WEB_IDENTITY_TOKEN_FILE; it is not changed",
    ]


def test_env_from_is_not_looked_at() -> None:
    pod = pod_of({"name": "app", "envFrom": [{"configMapRef": {"name": "aws"}}]})
    assert after(pod)["spec"]["containers"][0]["env"] == [ROLE, TOKEN]


def test_a_container_with_its_own_role_gets_region_mount_and_a_warning() -> None:
    own = {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::444455556666:role/own"}
    file = {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/my/token"}
    pod = pod_of({"name": "app", "env": [own, file]})
    settings = injection(aws_default_region="eu-west-1")
    mutation = mutation_of(pod, None, settings)
    container = patched(pod, mutation.operations)["spec"]["containers"][0]
    assert container == {"name": "app", "env": [own, file, *REGION], "volumeMounts": [MOUNT]}
    assert mutation.warnings == [
        "container 'app' keeps its own AWS_ROLE_ARN (arn:aws:iam::444455556666:role/own)",
        "container 'app' keeps its own AWS_WEB_IDENTITY_TOKEN_FILE (/my/token)",
    ]


def test_a_value_that_may_be_a_secret_is_not_repeated() -> None:
    pod = pod_of({"name": "app", "env": [{"name": "AWS_ROLE_ARN", "value": "hunter2 hunter2"}]})
    assert "hunter2" not in str(mutation_of(pod).warnings)


def test_a_container_with_its_own_credentials_gets_no_mount() -> None:
    env = [{"name": name, "value": "x"} for name in ("AWS_ROLE_ARN", "AWS_REGION", "AWS_STS_REGIONAL_ENDPOINTS")]
    mutation = mutation_of(pod_of({"name": "app", "env": env}))
    assert [operation["path"] for operation in mutation.operations] == ["/spec/volumes"]
    assert reasons(mutation) == [("app", "own-credentials")]


def test_static_keys_get_a_warning() -> None:
    pod = pod_of({"name": "app", "env": [{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}]})
    mutation = mutation_of(pod)
    assert mutation.injected
    assert mutation.warnings == [
        "container 'app' sets AWS_ACCESS_KEY_ID, which AWS SDKs prefer to the injected identity"
    ]
