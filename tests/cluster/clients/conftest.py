"""A whole cluster, with its controllers and a node, for the clients that people and programs use."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cli.tools import tools_directory
from support.cluster import Kubectl, Served, everything, find_kubectl


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(works=everything(tmp_path_factory.mktemp("node"))) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(whole: Served, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(find_kubectl(), whole, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture
def kubeconfig(whole: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The administrator's kubeconfig; KUBECONFIG names it."""
    path = tmp_path / "config"
    path.write_text(whole.cluster.kubeconfig())
    path.chmod(0o600)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def namespace(whole: Served, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    name = request.node.name.replace("_", "-")[:60].strip("-")
    with whole.client() as http:
        http.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
    return name


Helm = Callable[..., str]


@pytest.fixture
def helm(kubeconfig: Path, tmp_path: Path, namespace: str) -> Helm:
    """Run the real helm in the test's namespace; it must succeed."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [tools_directory() / "helm", "--namespace", namespace, *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def get(whole: Served, namespace: str) -> Callable[[str], Any]:
    def get(path: str) -> Any:
        with whole.client() as http:
            answer = http.get(path.format(f"namespaces/{namespace}"))
            return answer.json() if answer.status_code == 200 else None

    return get


Simulated = Callable[..., dict[str, object]]


@pytest.fixture
def simulated() -> Simulated:
    """Return what makes a pod that is only reported to run."""

    def pod(name: str, **labels: str) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels, "annotations": {"podrole.dev/simulate": "true"}},
            "spec": {"containers": [{"name": "c", "image": "busybox"}]},
        }

    return pod
