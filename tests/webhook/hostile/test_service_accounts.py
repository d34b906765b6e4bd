"""Annotations of a service account give no power over its pods, and harm no other pods."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podrole.cluster.node.content.environment import expand
from podrole.webhook.identity.values import MAX_VALUE, parse_endpoint
from podrole.webhook.patch.injection_plan import literal
from support.webhook import ARN, after, injection, mutation_of, pod_of


@given(st.text(alphabet="$()A \n") | st.text())
@example("$(A)")
@example("$$(A)")
@example("$$$(A")
def test_a_literal_is_what_the_container_sees(text: str) -> None:
    assert expand(literal(text), {"A": "the value of another variable", "": "x"}) == text


@pytest.mark.parametrize("annotation", ["role-arn", "aws-endpoint-url"])
def test_an_annotation_cannot_have_a_pods_other_variables_sent_anywhere(annotation: str) -> None:
    value = f"{'http://collector.example/' if annotation == 'aws-endpoint-url' else ARN}$(DB_PASSWORD)"
    secret = {"name": "DB_PASSWORD", "value": "s3cr3t"}
    pod = after(pod_of({"name": "app", "env": [secret]}), {annotation: value})
    seen: dict[str, str] = {}
    for entry in pod["spec"]["containers"][0]["env"]:
        seen[entry["name"]] = expand(entry["value"], seen)
    assert value in seen.values()
    assert [name for name, text in seen.items() if "s3cr3t" in text] == ["DB_PASSWORD"]


@pytest.mark.parametrize(
    "url",
    [
        "http://$(HOST)/",
        "http://user@host/",
        "http://user:word@host/",
        "http://@host/",
        "http://a\\@b/",
        "http://a b/",
        "http:///x",
        "http://host:port/",
        "http://host:99999/",
        "http://host\n/",
        "http://hôte/",
        "ftp://host/",
        "host",
        "javascript:alert(1)",
    ],
)
def test_invalid_endpoint_is_ignored(url: str) -> None:
    assert parse_endpoint(url) is None


def test_a_role_without_an_end_is_cut_and_named() -> None:
    mutation = mutation_of(pod_of(), {"role-arn": "arn:" + "x" * 1_000_000})
    assert len(mutation.patch) < 2 * MAX_VALUE
    assert mutation.warnings[0] == "annotation eks.amazonaws.com/role-arn is cut to 2048 characters"
    assert "is not an ARN" in mutation.warnings[1]


@pytest.mark.parametrize("name", ["audience", "token-expiration", "sts-regional-endpoints", "aws-endpoint-url"])
def test_another_annotation_without_an_end_is_ignored_and_named(name: str) -> None:
    long = {"aws-endpoint-url": "http://host/" + "x" * 1_000_000}.get(name, "1" * 1_000_000)
    mutation = mutation_of(pod_of(), {name: long})
    assert mutation.patch == mutation_of(pod_of()).patch
    assert mutation.warnings == [
        f"annotation eks.amazonaws.com/{name} is ignored: it must have at most 2048 characters"
    ]


def test_a_region_of_dollars_is_the_operators_own() -> None:
    """Flags are the operator's, and as the EKS webhook's: what they hold is given as it is."""
    pod = after(pod_of(), None, injection(aws_default_region="$(MY_REGION)"))
    assert {"name": "AWS_REGION", "value": "$(MY_REGION)"} in pod["spec"]["containers"][0]["env"]
