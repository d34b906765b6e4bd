"""Pods of EKS Pod Identity."""

from __future__ import annotations

from typing import Any

import pytest

from support.webhook import ROLE, TOKEN, after, injection, mutation_of, patched, pod_of, token_of


@pytest.mark.parametrize(
    ("pod_says", "account_says", "flag", "seconds"),
    [
        (None, None, 86_400, 82_400),
        (None, "86400", 86_400, 86_400),
        ("86400", None, 86_400, 86_400),
        (None, None, 3_600, 3_600),
    ],
)
def test_jitter_shortens_only_the_default_lifetime(
    pod_says: str | None, account_says: str | None, flag: int, seconds: int
) -> None:
    pod = pod_of(annotations={} if pod_says is None else {"eks.amazonaws.com/token-expiration": pod_says})
    annotations = {} if account_says is None else {"token-expiration": account_says}
    mutation = mutation_of(pod, annotations, injection(token_expiration=flag), pod_identity=True, jitter=4_000)
    assert token_of(patched(pod, mutation.operations))["expirationSeconds"] == seconds


@pytest.mark.parametrize(("jitter", "seconds"), [(-1, 86_400), (7_200, 79_200), (9_999, 79_200)])
def test_jitter_keeps_within_two_hours(jitter: int, seconds: int) -> None:
    mutation = mutation_of(pod_of(), pod_identity=True, jitter=jitter)
    assert token_of(patched(pod_of(), mutation.operations))["expirationSeconds"] == seconds


def test_a_web_identity_token_has_no_jitter() -> None:
    assert token_of(patched(pod_of(), mutation_of(pod_of(), jitter=4_000).operations))["expirationSeconds"] == 86_400


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        (None, "/metadata"),
        ({}, "/metadata/labels"),
        ({"labels": None}, "/metadata/labels"),
        ({"labels": {}}, "/metadata/labels/eks.amazonaws.com~1pod-identity"),
        ({"labels": {"eks.amazonaws.com/pod-identity": "no"}}, "/metadata/labels/eks.amazonaws.com~1pod-identity"),
    ],
)
def test_the_label_is_set_whatever_metadata_the_pod_has(metadata: Any, path: str) -> None:
    pod = {**pod_of(), "metadata": metadata}
    assert mutation_of(pod, pod_identity=True).operations[0]["path"] == path
    assert after(pod, pod_identity=True)["metadata"]["labels"]["eks.amazonaws.com/pod-identity"] == "enabled"


def test_a_correct_label_is_not_changed() -> None:
    pod = pod_of()
    pod["metadata"]["labels"] = {"eks.amazonaws.com/pod-identity": "enabled"}
    assert mutation_of(pod, pod_identity=True).operations[0]["path"] == "/spec/volumes"


def test_web_identity_variables_with_eks_pod_identity_get_a_warning() -> None:
    pod = pod_of({"name": "app", "env": [ROLE, TOKEN]})
    mutation = mutation_of(pod, pod_identity=True)
    assert mutation.injected
    assert mutation.warnings == [
        (
            "container 'app' sets AWS_ROLE_ARN or AWS_WEB_IDENTITY_TOKEN_FILE, which AWS SDKs prefer to "
            "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        )
    ]
