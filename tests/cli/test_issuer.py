"""``podrole issuer`` as a user types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from podrole.testing import World
from support.world import RunningWorld, as_running, podrole, podrole_here

ISSUER = "https://oidc.example.com/prod"


def test_flags_prints_a_configuration_that_can_be_redirected_to_a_file(tmp_path: Path) -> None:
    done = podrole("issuer", "flags", "--distro", "k3s", "--issuer", ISSUER, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout)["kube-apiserver-arg"][0] == f"service-account-issuer={ISSUER}"


def test_flags_says_why_an_issuer_cannot_be_one(tmp_path: Path) -> None:
    done = podrole_here("issuer", "flags", "--distro", "k3s", "--issuer", "https://oidc.example.com:8443", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "it has a port, which IAM does not take" in done.stderr


@pytest.fixture
def world(podrole_world: World, tmp_path: Path) -> RunningWorld:
    return as_running(podrole_world, tmp_path)


def test_verify_holds_for_the_issuer_of_a_world_and_a_token_of_it(world: RunningWorld) -> None:
    asked = ("create", "token", "default", "--audience", "sts.amazonaws.com")
    token = world.ok("kubectl", *asked).strip()
    (world.directory / "token").write_text(token)
    done = podrole_here("issuer", "verify", "--token", "token", cwd=world.directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert "AWS can read" in done.stdout
    assert token.rpartition(".")[2] not in done.stdout
    found = json.loads(podrole_here("issuer", "verify", "--token", "token", "--json", cwd=world.directory).stdout)
    assert found["issuer"] == world.description["issuer"]
    assert (found["exitCode"], found["sts"], found["thumbprintNeeded"]) == (0, None, True)
    assert all(step["held"] for step in found["token"])


def test_verify_names_the_code_and_the_answer_of_sts(world: RunningWorld) -> None:
    done = podrole_here("issuer", "verify", f"{world.description['issuer']}/", cwd=world.directory)
    assert done.returncode == 1
    assert "PR403" in done.stdout
    assert re.search(r"^read more: \S*podrole explain PR403$", done.stdout, re.MULTILINE)
    assert "STS says  InvalidIdentityToken: Couldn't retrieve verification key" in done.stdout
    done = podrole_here("issuer", "verify", "--thumbprint", "0" * 40, cwd=world.directory)
    assert done.returncode == 1
    assert "PR503" in done.stdout


def test_verify_without_a_cluster_and_with_bad_input_says_what_to_do(tmp_path: Path) -> None:
    done = podrole_here("issuer", "verify", "--kubeconfig", "missing", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing" in done.stderr
    (tmp_path / "token").write_text("Bearer a.b.c")
    done = podrole_here("issuer", "verify", ISSUER, "--token", "token", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Bearer" in done.stderr
    done = podrole_here("issuer", "verify", ISSUER, "--thumbprint", "abc", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not a thumbprint" in done.stderr
    done = podrole_here("issuer", "verify", "https://oidc.example.invalid/a", cwd=tmp_path)
    assert done.returncode == 2
    assert "could not be checked" in done.stdout
    assert "a world's issuer needs its world: podrole up" in done.stdout
