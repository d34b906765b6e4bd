"""The walkthrough with EKS Pod Identity, with the real aws CLI and the real kubectl."""

from __future__ import annotations

import json

import pytest

from support.world import clean_environment, podrole

pytestmark = [pytest.mark.services, pytest.mark.soak]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each step printed, by its title."""
    directory = tmp_path_factory.mktemp("walkthrough")
    environment = clean_environment(TMPDIR=str(directory))
    done = podrole("demo", "--pod-identity", "--json", cwd=directory, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(directory.iterdir()) == [], "nothing is left behind"
    report = json.loads(done.stdout)
    assert [step["ok"] for step in report["steps"]] == [True] * 7
    return {
        step["title"]: "\n".join(f"$ {one['command']}\n{one['output']}" for one in step["commands"])
        for step in report["steps"]
    }


def step(walked: dict[str, str], words: str) -> str:
    (text,) = [text for title, text in walked.items() if words in title]
    return text


def test_no_issuer_and_no_provider_is_needed(walked: dict[str, str]) -> None:
    printed = "\n".join(walked.values())
    assert "open-id-connect-provider" not in printed
    assert "eks.amazonaws.com/role-arn" not in printed


def test_first_pod_after_the_association_gets_the_agents_address_and_a_token(walked: dict[str, str]) -> None:
    text = step(walked, "it has an identity")
    assert "name: AWS_CONTAINER_CREDENTIALS_FULL_URI" in text
    assert "value: http://127.0.0.1:" in text
    assert "audience: pods.eks.amazonaws.com" in text
    assert "AWS_ROLE_ARN" not in text


def test_session_of_the_pod_is_named_by_eks(walked: dict[str, str]) -> None:
    assert ":assumed-role/ec2-reader/eks-podrole-whoami-" in step(walked, "it has an identity")


def test_service_account_without_an_association_has_no_credentials(walked: dict[str, str]) -> None:
    assert "Unable to locate credentials" in step(walked, "refusals")


def test_other_namespace_is_refused_by_the_trust_policy_with_an_explanation(walked: dict[str, str]) -> None:
    text = step(walked, "refusals")
    assert "EKS does not have permissions to assume the associated role." in text
    assert "StringEquals aws:RequestTag/kubernetes-namespace" in text
    assert "expected  shop" in text
    assert "got       warehouse" in text
