"""The pages on issuers run as they stand: the local AWS and the cluster of a world take the place of the reader's."""

from __future__ import annotations

import contextlib
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from podrole.cli.down import stop
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory
from support.world import clean_environment

DOCS = Path(__file__).parents[2] / "docs"
LIMIT_SECONDS = 300
"""Worlds start several times."""
OLD = "https://kubernetes.default.svc.cluster.local"


def blocks(page: str, heading: str | None = None) -> list[str]:
    """Return the commands of a page, or of one of its sections; blocks with a language are not commands to run."""
    text = (DOCS / page).read_text()
    if heading is not None:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^ *```([^\n]*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(content) for language, content in found if not language]


@contextlib.contextmanager
def worlds(*directories: Path) -> Iterator[None]:
    """Stop the worlds that a page has started."""
    try:
        yield
    finally:
        for directory in directories:
            with contextlib.suppress(NotRunning):
                stop(WorldDirectory(directory / ".podrole"))


def bash(script: str, directory: Path, **more: str) -> str:
    environment = clean_environment(
        PODROLE_AWS_PORT="0", PODROLE_CLUSTER_PORT="0", HOME=str(directory), AWS_PAGER="", **more
    )
    words = ("bash", "-e", "-o", "pipefail", "-c", script)
    done = subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return done.stdout + done.stderr


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.soak
def test_try_it_on_one_machine(tmp_path: Path) -> None:
    *first, rotation = blocks("issuer-on-one-machine.md", "Steps")
    with worlds(tmp_path):
        said = bash("".join(first) + rotation, tmp_path)
    assert "AWS can read https://oidc.example.com/prod and verify its tokens" in said
    assert ":assumed-role/app/" in said
    assert "All is ready: switch it now." in said
    assert re.search(r"retired since \S+, stays until", said)
    assert "In another terminal" not in said, "a detached world leaves this terminal free"
    assert "Next: podrole create iamserviceaccount" in said


@pytest.mark.soak
@pytest.mark.timeout(LIMIT_SECONDS)
def test_irsa_on_a_self_managed_cluster(tmp_path: Path) -> None:
    names, bucket, publish, flags, servers, provider, pod, checked, removed = blocks("irsa-self-managed.md")
    up = 'podrole up --detach\neval "$(podrole env)"\n'
    prepared = f'export PODROLE_SERVICE_ACCOUNT_ISSUER="{OLD} $ISSUER"\n'
    switched = f'export PODROLE_SERVICE_ACCOUNT_ISSUER="$ISSUER {OLD}"\n'
    begin = f"export PODROLE_SERVICE_ACCOUNT_ISSUER={OLD}\n"
    restart = f"podrole down\n{up}"
    rounds = prepared + restart + switched + restart
    script = names + begin + up + bucket + publish + flags + rounds + servers + provider + pod + checked + removed
    with worlds(tmp_path):
        said = bash(script.replace("--cluster prod", "--cluster podrole"), tmp_path)
    assert ":assumed-role/app/" in said
    assert said.count("AWS can read https://my-cluster-issuer.s3.us-east-1.amazonaws.com/prod") == 2
    assert "do this next: nothing; every link holds" in said


@pytest.mark.soak
@pytest.mark.timeout(LIMIT_SECONDS)
def test_tokens_of_another_cluster_are_exchanged_at_the_local_aws(tmp_path: Path) -> None:
    """The other cluster is that of a second world."""
    documents, world, exchange = blocks("cluster.md", "A real cluster instead")
    other = tmp_path / "other"
    other.mkdir()
    start = (
        "(cd other && podrole up --detach --service-account-issuer https://oidc.example.com/kind)\n"
        "mkdir -p .kube && cp other/.podrole/kubeconfig .kube/config\n"
    )
    with worlds(tmp_path, other):
        said = bash(documents + start + world + exchange, tmp_path)
    assert ":assumed-role/app/app" in said
    assert "service-account-issuer" in (tmp_path / "kind.yaml").read_text()
