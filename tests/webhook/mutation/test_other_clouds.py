"""Endpoints, certificates and session names."""

from __future__ import annotations

import pytest

from podrole.webhook.settings import CABundle
from support.webhook import DIRECTORY, ROLE, TOKEN, after, injection, mutation_of, patched, pod_of


def test_an_endpoint_and_its_certificates() -> None:
    settings = injection(aws_endpoint_url="https://minio.example:9000", aws_ca_bundle=CABundle("aws-ca", "bundle.pem"))
    pod = after(pod_of(), None, settings)
    assert pod["spec"]["containers"][0]["env"][2:] == [
        {"name": "AWS_ENDPOINT_URL", "value": "https://minio.example:9000"},
        {"name": "AWS_CA_BUNDLE", "value": f"{DIRECTORY}/ca.crt"},
    ]
    assert pod["spec"]["volumes"][0]["projected"]["sources"][1] == {
        "configMap": {"name": "aws-ca", "items": [{"key": "bundle.pem", "path": "ca.crt"}]}
    }


def test_a_ca_bundle_missing_in_the_pods_volume_is_not_set() -> None:
    source = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
    pod = pod_of(volumes=[{"name": "aws-iam-token", "projected": {"sources": [source]}}])
    mutation = mutation_of(pod, None, injection(aws_ca_bundle=CABundle("aws-ca")))
    assert patched(pod, mutation.operations)["spec"]["containers"][0]["env"] == [ROLE, TOKEN]
    assert mutation.warnings == ["volume 'aws-iam-token' of the pod holds no ca.crt; AWS_CA_BUNDLE is not set"]


@pytest.mark.parametrize(
    ("metadata", "variables"),
    [
        ({"name": "web", "namespace": "demo"}, {"AWS_ROLE_SESSION_NAME": "demo.web"}),
        ({"name": "web"}, {"AWS_ROLE_SESSION_NAME": "web"}),
        ({"name": "w" * 60, "namespace": "demo"}, {"AWS_ROLE_SESSION_NAME": "dem." + "w" * 60}),
        ({"name": "w" * 62, "namespace": "demo"}, {"AWS_ROLE_SESSION_NAME": "d." + "w" * 62}),
        ({"name": "w" * 63, "namespace": "demo"}, {"AWS_ROLE_SESSION_NAME": "w" * 63}),
        (
            {"generateName": "web-7d9f-", "namespace": "demo"},
            {"PODROLE_POD_NAME": None, "AWS_ROLE_SESSION_NAME": "demo.$(PODROLE_POD_NAME)"},
        ),
        (
            {"generateName": "w" * 56, "namespace": "demo"},
            {"PODROLE_POD_NAME": None, "AWS_ROLE_SESSION_NAME": "de.$(PODROLE_POD_NAME)"},
        ),
        (
            {"generateName": "w" * 90, "namespace": "demo"},
            {"PODROLE_POD_NAME": None, "AWS_ROLE_SESSION_NAME": "$(PODROLE_POD_NAME)"},
        ),
    ],
)
def test_session_names(metadata: dict[str, str], variables: dict[str, str | None]) -> None:
    pod = {**pod_of(), "metadata": metadata}
    env = after(pod, None, injection(role_session_name=True))["spec"]["containers"][0]["env"][2:]
    assert {entry["name"]: entry.get("value") for entry in env} == variables
    assert [entry["name"] for entry in env] == list(variables)  # a variable is expanded only from those before it
    for entry in env:
        assert entry["name"] != "PODROLE_POD_NAME" or entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_session_names_are_short_and_distinct() -> None:
    names = set()
    for last in "ab":
        pod = {**pod_of(), "metadata": {"name": "w" * 200 + last, "namespace": "demo"}}
        value = after(pod, None, injection(role_session_name=True))["spec"]["containers"][0]["env"][2]["value"]
        assert len(value) <= 64
        names.add(value)
    assert len(names) == 2
