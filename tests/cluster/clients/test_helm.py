"""Helm 4 installs, upgrades, rolls back, tests and uninstalls a chart, hooks and waiting included."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHART = Path(__file__).parent / "charts/web"
Helm = Callable[..., str]


def test_chart_is_installed_upgraded_rolled_back_and_uninstalled(
    helm: Helm, get: Callable[[str], Any], namespace: str
) -> None:
    installed = helm("install", "web", str(CHART), "--wait", "--timeout", "30s")
    assert "STATUS: deployed" in installed
    assert get("/apis/apps/v1/{}/deployments/web")["status"]["availableReplicas"] == 2
    assert get("/apis/batch/v1/{}/jobs/web-before")["status"]["succeeded"] == 1

    helm("upgrade", "web", str(CHART), "--wait", "--timeout", "30s", "--set", "replicas=3,greeting=hi,role=arn:x")
    deployment = get("/apis/apps/v1/{}/deployments/web")
    assert deployment["status"]["availableReplicas"] == deployment["status"]["updatedReplicas"] == 3
    assert get("/api/v1/{}/configmaps/web")["data"] == {"greeting": "hi"}
    assert get("/api/v1/{}/serviceaccounts/web")["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == "arn:x"

    helm("rollback", "web", "1", "--wait", "--timeout", "30s")
    deployment = get("/apis/apps/v1/{}/deployments/web")
    assert (deployment["spec"]["replicas"], deployment["status"]["availableReplicas"]) == (2, 2)
    assert get("/api/v1/{}/configmaps/web")["data"] == {"greeting": "hello"}
    assert "eks.amazonaws.com/role-arn" not in get("/api/v1/{}/serviceaccounts/web")["metadata"]["annotations"]

    history = json.loads(helm("history", "web", "--output", "json"))
    assert [(one["revision"], one["status"]) for one in history] == [
        (1, "superseded"),
        (2, "superseded"),
        (3, "deployed"),
    ]
    assert [one["name"] for one in json.loads(helm("list", "--output", "json"))] == ["web"]
    assert 'greeting: "hello"' in helm("get", "manifest", "web")

    helm("uninstall", "web", "--wait", "--timeout", "30s")
    assert get("/apis/apps/v1/{}/deployments/web") is None
    assert json.loads(helm("list", "--output", "json")) == []
