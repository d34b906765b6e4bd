"""Paths for Windows."""

from __future__ import annotations

from typing import Any

import pytest

from support.webhook import DIRECTORY, after, pod_of

AFFINITY = {"key": "kubernetes.io/os", "operator": "In", "values": ["windows"]}


def affinity(*terms: list[dict[str, Any]]) -> dict[str, Any]:
    selector = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}


@pytest.mark.parametrize(
    ("spec", "windows"),
    [
        ({"nodeSelector": {"kubernetes.io/os": "windows"}}, True),
        ({"nodeSelector": {"beta.kubernetes.io/os": "windows"}}, True),
        ({"nodeSelector": {"kubernetes.io/os": "Windows"}}, False),
        ({"nodeSelector": {"kubernetes.io/os": None}}, False),
        ({"os": {"name": "windows"}}, True),
        ({"os": {"name": "linux"}}, False),
        ({"affinity": affinity([AFFINITY])}, True),
        ({"affinity": affinity([AFFINITY], [AFFINITY])}, True),
        ({"affinity": affinity([AFFINITY], [])}, False),
        ({"affinity": affinity([{**AFFINITY, "values": ["windows", "linux"]}])}, False),
        ({"affinity": affinity([{**AFFINITY, "operator": "NotIn"}])}, False),
        ({"affinity": affinity()}, False),
        ({"affinity": {"nodeAffinity": None}}, False),
    ],
)
def test_which_pods_run_on_windows(spec: dict[str, Any], windows: bool) -> None:
    env = after(pod_of(**spec))["spec"]["containers"][0]["env"]
    path = r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token" if windows else f"{DIRECTORY}/token"
    assert env[1] == {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": path}
