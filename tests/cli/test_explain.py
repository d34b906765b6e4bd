"""``podrole explain`` and ``podrole token``: the story of real calls by real pods, and real tokens as STS sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from support.broken_world import NAMESPACE, Clinic, Object
from support.faults import an_account_misspelt, healthy
from support.world import running_world

SIGNATURE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
STEPS = "parameters", "token form", "required claims", "identity provider", "audience", "issuer's keys", "signature"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A world in which one pod was refused by STS, and another by EC2."""
    with running_world(tmp_path_factory.mktemp("explained")) as world:
        found = Clinic(world)
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


def explain(clinic: Clinic, *words: str) -> str:
    return clinic.world.ok("podrole", "explain", *words)


def events(clinic: Clinic, what: str) -> list[Object]:
    lines = (clinic.directory / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["what"] == what]


def test_the_last_refusal_leads_back_to_its_pod_and_the_exchange(clinic: Clinic) -> None:
    told = explain(clinic)
    assert "ec2:StartInstances refused" in told
    assert f"pod        {NAMESPACE}/poor" in told
    assert "no identity-based policy is there" in told
    assert f"by sts:AssumeRoleWithWebIdentity on {clinic.arn('poor')}" in told
    assert told.rstrip().endswith(f"next: podrole doctor {NAMESPACE}/poor")


def test_a_refused_exchange_is_told_step_by_step_and_statement_by_statement(clinic: Clinic) -> None:
    refused = next(one for one in events(clinic, "sts:AssumeRoleWithWebIdentity") if one["outcome"] == "refused")
    told = explain(clinic, refused["id"][:8])
    for step in (*STEPS, "time"):
        assert f"✓ {step}" in told
    assert "✗ trust policy" in told
    assert "· session policy" in told
    assert f"system:serviceaccount:{NAMESPACE}:an-acount-misspelt" in told
    assert '"alg": "RS256"' in told
    assert not SIGNATURE.search(told)
    found = json.loads(explain(clinic, refused["id"], "--json"))
    assert found["pod"] == f"{NAMESPACE}/distrusted"
    assert [one["held"] for one in found["steps"]] == [True] * 8 + [False, None, None]


def test_a_granted_exchange_is_told_with_all_its_steps(clinic: Clinic) -> None:
    granted = next(one for one in events(clinic, "sts:AssumeRoleWithWebIdentity") if one["outcome"] == "allowed")
    found = json.loads(explain(clinic, granted["id"], "--json"))
    assert {one["held"] for one in found["steps"]} == {True}
    assert found["admission"]["what"] == "CREATE pods"


def test_an_admission_says_what_the_webhook_gave(clinic: Clinic) -> None:
    told = explain(clinic, events(clinic, "CREATE pods")[-1]["id"])
    assert f"{clinic.arn('poor')} (the annotations of service account {NAMESPACE}/poor); main: injected" in " ".join(
        told.split()
    )


def test_an_encoded_message_is_opened(clinic: Clinic) -> None:
    sealed = re.search(r"message: (\S+)", clinic.logs("poor"))
    assert sealed is not None
    told = explain(clinic, sealed[1])
    assert "denied, because nothing allows it" in told
    assert "ec2:StartInstances" in told
    assert "instance/i-0123456789abcdef0" in told
    piped = clinic.world.ok("podrole", "explain", "-", "--json", stdin=f"{sealed[1]}\n")
    assert json.loads(piped)["context"]["action"] == "ec2:StartInstances"


@pytest.mark.parametrize("what", ["nosuchid", "A" * 200])
def test_what_is_no_event_and_no_message_is_told_so(clinic: Clinic, what: str) -> None:
    done = clinic.world.run("podrole", "explain", what)
    assert done.returncode == 2
    assert "podrole events" in done.stderr


def test_allowed_calls_say_by_which_statement(clinic: Clinic) -> None:
    allowed = next(one for one in events(clinic, "iam:CreateRole") if one["outcome"] == "allowed")
    assert f"$.Statement[0] of {allowed['explanation']['policy']}" in explain(clinic, allowed["id"])
    told = clinic.world.ok("podrole", "events", "--why")
    assert f"by        $.Statement[0] of {allowed['explanation']['policy']}" in told
    assert "\n\n" not in told


# Tokens


def token(clinic: Clinic, audience: str = "sts.amazonaws.com") -> str:
    spec = {"spec": {"audiences": [audience]}}
    answer = clinic.call("POST", f"{clinic.of('serviceaccounts', 'poor')}/token", spec)
    return str(answer["status"]["token"])


def decode(clinic: Clinic, text: str, *words: str) -> tuple[int, str]:
    done = clinic.world.run("podrole", "token", "decode", "-", *words, stdin=text)
    return done.returncode, done.stdout + done.stderr


def test_a_token_is_shown_without_its_signature(clinic: Clinic) -> None:
    text = token(clinic)
    code, told = decode(clinic, text)
    assert code == 0
    assert f"system:serviceaccount:{NAMESPACE}:poor" in told
    assert "header (not verified)" in told
    assert text.rpartition(".")[2] not in told


def test_a_token_is_verified_as_the_worlds_sts_would(clinic: Clinic) -> None:
    code, told = decode(clinic, token(clinic), "--verify", "--role", clinic.arn("poor"))
    assert code == 0, told
    assert "✓ session policy" in told
    code, told = decode(clinic, token(clinic), "--verify", "--role", clinic.arn("distrusted"), "--json")
    assert code == 1
    found = json.loads(told)
    assert found["denial"]["message"] == "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    assert {"step": "trust policy", "held": False} in found["steps"]


def test_a_token_for_another_audience_is_refused(clinic: Clinic) -> None:
    code, told = decode(clinic, token(clinic, "vault"), "--verify")
    assert code == 1
    assert "✗ audience" in told
    assert "Incorrect token audience" in told


def test_a_token_is_verified_by_a_clusters_own_keys(clinic: Clinic) -> None:
    config = str(clinic.directory / "kubeconfig")
    text = token(clinic)
    assert decode(clinic, text, "--verify", "--kubeconfig", config)[0] == 0
    code, told = decode(clinic, text[:-20] + "A" * 20, "--verify", "--kubeconfig", config)
    assert code == 1
    assert "✗ signature" in told
    assert "claims (not verified)" in told
    assert decode(clinic, token(clinic, "vault"), "--verify", "--kubeconfig", config, "--audience", "vault")[0] == 0


def test_an_issuer_that_cannot_be_asked_is_said_to_be_so(clinic: Clinic) -> None:
    issuer = clinic.issuer.replace("oidc.eks.us-east-1.amazonaws.com", "127.0.0.1")
    done = clinic.world.run(
        "podrole", "token", "decode", "-", "--verify", "--issuer", issuer, "--dir", "nowhere", stdin=token(clinic)
    )
    assert done.returncode == 1
    assert "✗ identity provider" in done.stdout


@pytest.mark.parametrize("text", ["abc", "a.b.c", "", "x" * 30_000])
def test_what_is_no_token_is_told_so(clinic: Clinic, text: str) -> None:
    code, told = decode(clinic, text)
    assert code == 1
    assert "no valid JWT" in told
