"""``podrole explain`` and ``podrole token``: explanations of real calls by real pods, and checks of real tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broken_world import NAMESPACE, BrokenWorld, Object
from support.faults import an_account_misspelt, healthy
from support.world import podrole_here, running_world

SIGNATURE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
STEPS = "parameters", "token form", "required claims", "identity provider", "audience", "issuer's keys", "signature"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenWorld]:
    """A world in which one pod was refused by STS, and another by EC2."""
    with running_world(tmp_path_factory.mktemp("explained")) as running:
        found = BrokenWorld(running)
        found.provider()
        found.create_namespace(NAMESPACE)
        found.open()
        an_account_misspelt(found, "distrusted")
        found.wait_until_ended(["distrusted"])
        healthy(found, "poor")
        found.pod("poor", "poor", command=["sh", "-c", "aws ec2 start-instances --instance-ids i-0123456789abcdef0"])
        found.wait_until_ended(["poor"])
        yield found
        found.close()


def said(world: BrokenWorld, *words: str, stdin: str = "") -> str:
    done = world.running.podrole(*words, stdin=stdin)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def explain(world: BrokenWorld, *words: str) -> str:
    return said(world, "explain", *words)


def events(world: BrokenWorld, what: str) -> list[Object]:
    lines = (world.directory / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["what"] == what]


def test_last_refusal_shows_its_pod_and_exchange(world: BrokenWorld) -> None:
    told = explain(world)
    assert "ec2:StartInstances refused" in told
    assert f"pod        {NAMESPACE}/poor" in told
    assert "no identity-based policy is there" in told
    assert f"by sts:AssumeRoleWithWebIdentity on {world.arn('poor')}" in told
    assert told.rstrip().endswith(f"next: podrole doctor {NAMESPACE}/poor")


def test_calls_of_the_doctor_are_marked_and_are_not_the_last_refusal(world: BrokenWorld) -> None:
    before = explain(world)
    found = world.examine(f"{NAMESPACE}/distrusted", live=True)
    assert "PR802" in [one.code for one in found.faults]
    probes = [one for one in events(world, "sts:AssumeRoleWithWebIdentity") if one.get("probe")]
    assert {one["outcome"] for one in probes} == {"refused"}
    assert [one["probe"] for one in events(world, "CREATE pods") if one["explanation"].get("dryRun")] == [True]
    assert not any(one.get("probe") for one in events(world, "ec2:StartInstances"))
    assert explain(world) == before
    told = said(world, "events", "--refused")
    assert probes[0]["id"] not in told
    assert "podrole doctor" not in told


def test_refused_exchange_shows_steps_and_statements(world: BrokenWorld) -> None:
    refused = next(one for one in events(world, "sts:AssumeRoleWithWebIdentity") if one["outcome"] == "refused")
    told = explain(world, refused["id"][:8])
    for step in (*STEPS, "time"):
        assert f"✓ {step}" in told
    assert "✗ trust policy" in told
    assert "· session policy" in told
    assert f"system:serviceaccount:{NAMESPACE}:an-acount-misspelt" in told
    assert '"alg": "RS256"' in told
    assert not SIGNATURE.search(told)
    found = json.loads(explain(world, refused["id"], "--json"))
    assert found["pod"] == f"{NAMESPACE}/distrusted"
    assert [one["held"] for one in found["steps"]] == [True] * 8 + [False, None, None]


def test_granted_exchange_shows_all_steps(world: BrokenWorld) -> None:
    granted = next(one for one in events(world, "sts:AssumeRoleWithWebIdentity") if one["outcome"] == "allowed")
    found = json.loads(explain(world, granted["id"], "--json"))
    assert {one["held"] for one in found["steps"]} == {True}
    assert found["admission"]["what"] == "CREATE pods"


def test_admission_shows_what_the_webhook_injected(world: BrokenWorld) -> None:
    told = explain(world, [one for one in events(world, "CREATE pods") if not one.get("probe")][-1]["id"])
    assert f"{world.arn('poor')} (the annotations of service account {NAMESPACE}/poor); main: injected" in " ".join(
        told.split()
    )


def test_encoded_message_is_decoded(world: BrokenWorld) -> None:
    sealed = re.search(r"message: (\S+)", world.logs("poor"))
    assert sealed is not None
    told = explain(world, sealed[1])
    assert "denied, because nothing allows it" in told
    assert "ec2:StartInstances" in told
    assert "instance/i-0123456789abcdef0" in told
    piped = said(world, "explain", "-", "--json", stdin=f"{sealed[1]}\n")
    assert json.loads(piped)["context"]["action"] == "ec2:StartInstances"


@pytest.mark.parametrize("what", ["nosuchid", "A" * 200])
def test_unknown_id_and_invalid_message_are_errors(world: BrokenWorld, what: str) -> None:
    done = world.running.podrole("explain", what)
    assert done.returncode == 2
    assert "podrole events" in done.stderr


def test_allowed_call_names_the_statement(world: BrokenWorld) -> None:
    allowed = next(one for one in events(world, "iam:CreateRole") if one["outcome"] == "allowed")
    assert f"$.Statement[0] of {allowed['explanation']['policy']}" in explain(world, allowed["id"])
    told = said(world, "events", "--why")
    assert f"by        $.Statement[0] of {allowed['explanation']['policy']}" in told
    assert "\n\n" not in told


# Tokens


def token(world: BrokenWorld, audience: str = "sts.amazonaws.com") -> str:
    spec = {"spec": {"audiences": [audience]}}
    answer = world.call("POST", f"{world.of('serviceaccounts', 'poor')}/token", spec)
    return str(answer["status"]["token"])


def decode(world: BrokenWorld, text: str, *words: str) -> tuple[int, str]:
    done = world.running.podrole("token", "decode", "-", *words, stdin=text)
    return done.returncode, done.stdout + done.stderr


def test_token_is_shown_without_its_signature(world: BrokenWorld) -> None:
    text = token(world)
    code, told = decode(world, text)
    assert code == 0
    assert f"system:serviceaccount:{NAMESPACE}:poor" in told
    assert "header (not verified)" in told
    assert text.rpartition(".")[2] not in told


def test_token_is_verified_by_the_worlds_rules(world: BrokenWorld) -> None:
    code, told = decode(world, token(world), "--verify", "--role", world.arn("poor"))
    assert code == 0, told
    assert "✓ session policy" in told
    code, told = decode(world, token(world), "--verify", "--role", world.arn("distrusted"), "--json")
    assert code == 1
    found = json.loads(told)
    assert found["denial"]["message"] == "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    assert {"step": "trust policy", "held": False} in found["steps"]


def test_token_for_another_audience_is_refused(world: BrokenWorld) -> None:
    code, told = decode(world, token(world, "vault"), "--verify")
    assert code == 1
    assert "✗ audience" in told
    assert "Incorrect token audience" in told


def test_token_is_verified_with_a_clusters_own_keys(world: BrokenWorld) -> None:
    config = str(world.directory / "kubeconfig")
    text = token(world)
    assert decode(world, text, "--verify", "--kubeconfig", config)[0] == 0
    code, told = decode(world, text[:-20] + "A" * 20, "--verify", "--kubeconfig", config)
    assert code == 1
    assert "✗ signature" in told
    assert "claims (not verified)" in told
    assert decode(world, token(world, "vault"), "--verify", "--kubeconfig", config, "--audience", "vault")[0] == 0


def test_unreachable_issuer_is_reported(world: BrokenWorld, tmp_path: Path) -> None:
    issuer = world.issuer.replace("oidc.eks.us-east-1.amazonaws.com", "127.0.0.1")
    words = ("token", "decode", "-", "--verify", "--issuer", issuer)
    done = podrole_here(*words, cwd=tmp_path, stdin=token(world))
    assert done.returncode == 1
    assert "✗ identity provider" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "not a valid JWT"),
        ("a.b.c", "not a valid JWT"),
        ("x" * 30_000, "not a valid JWT"),
        ("", "There is no token."),
        ("Bearer a.b.c", "begins with “Bearer”"),
    ],
)
def test_invalid_token_is_refused(world: BrokenWorld, text: str, said: str) -> None:
    code, told = decode(world, text)
    assert code == 1
    assert said in told
