"""The agent answers SDKs in pods as Amazon's does, and asks EKS Auth each time."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from botocore.session import get_session

from podrole.aws.eks.node_role import NODE
from support.aws import ACCOUNT, LocalAWS
from support.pods import associate, pod_token

PATH = "/v1/credentials"


def ask(aws: LocalAWS, token: str | None, **headers: str) -> httpx2.Response:
    given = {} if token is None else {"Authorization": token}
    return aws.http.get(aws.agent_url + PATH, headers={**given, **headers})


def test_a_pods_token_becomes_credentials_in_the_form_that_sdks_read(aws: LocalAWS) -> None:
    associate(aws)
    answer = ask(aws, pod_token(aws))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert set(found) == {"AccessKeyId", "SecretAccessKey", "Token", "AccountId", "Expiration"}
    assert found["AccountId"] == ACCOUNT
    assert found["Expiration"].endswith("Z")
    session = {**found, "SessionToken": found["Token"]}
    assert "/pods/eks-podrole-inventory-0-" in aws.client("sts", session).get_caller_identity()["Arn"]


@pytest.mark.services
def test_an_unmodified_sdk_finds_its_credentials_there(
    aws: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    associate(aws)
    token = tmp_path / "eks-pod-identity-token"
    token.write_text(pod_token(aws))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.agent_url + PATH)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    ec2 = get_session().create_client("ec2", region_name="us-east-1", endpoint_url=aws.url)
    assert ec2.describe_instances()["Reservations"] == []
    ec2.close()


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (None, "Service account token cannot be empty"),
        ("", "Service account token cannot be empty"),
        ("nonsense", "Service account token cannot be parsed: "),
        ("a.b.c", "Service account token cannot be parsed: "),
    ],
)
def test_an_invalid_token_is_refused_in_plain_text(aws: LocalAWS, token: str | None, text: str) -> None:
    answer = ask(aws, token)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith(text)


def test_the_token_has_no_scheme(aws: LocalAWS) -> None:
    associate(aws)
    answer = ask(aws, "Bearer " + pod_token(aws))
    assert (answer.status_code, answer.text[:38]) == (400, "Service account token cannot be parsed")


def test_an_expired_token_is_refused_without_asking_eks_auth(aws: LocalAWS) -> None:
    associate(aws)
    aws.events.clear()
    answer = ask(aws, pod_token(aws, exp=int(aws.now()) - 5))
    assert answer.text == "Service account token failed basic claim validations: token is expired\n"
    assert list(aws.events.recent()) == []


def test_a_refusal_of_eks_auth_is_passed_on_with_its_request_id(aws: LocalAWS) -> None:
    token = pod_token(aws)
    answer = ask(aws, token)
    assert answer.status_code == 404
    event = aws.last_event()
    assert answer.text == (
        f"[{event.id}]: (ResourceNotFoundException): No EKS Pod Identity association found for service account "
        "shop/inventory in cluster podrole., fault: client\n"
    )
    assert event.who == f"arn:aws:sts::{ACCOUNT}:assumed-role/{NODE.name}/i-0podrole"
    assert token not in repr(event)


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:80", "169.254.170.23", "", "127.0.0.1.nip.io"])
def test_a_web_page_cannot_make_a_browser_fetch_credentials(aws: LocalAWS, host: str) -> None:
    associate(aws)
    answer = ask(aws, pod_token(aws), Host=host)
    assert answer.status_code == 403
    assert answer.text.startswith("Access Denied. Called agent through invalid address, please use either ")


@pytest.mark.parametrize(("method", "path", "status"), [("POST", PATH, 405), ("GET", "/", 404), ("GET", "/v1", 404)])
def test_other_paths_and_methods_are_refused(aws: LocalAWS, method: str, path: str, status: int) -> None:
    assert aws.http.request(method, aws.agent_url + path).status_code == status


def test_a_node_without_its_policy_gets_nothing_for_its_pods(aws: LocalAWS) -> None:
    associate(aws)
    iam = aws.client("iam")
    attached = iam.list_attached_role_policies(RoleName=NODE.name)["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["AmazonEKSWorkerNodePolicy"]
    iam.detach_role_policy(RoleName=NODE.name, PolicyArn=attached[0]["PolicyArn"])
    answer = ask(aws, pod_token(aws))
    assert answer.status_code == 400
    assert "(AccessDeniedException): User: arn:aws:sts::" in answer.text
    assert "eks-auth:AssumeRoleForPodIdentity" in answer.text
    iam.delete_role(RoleName=NODE.name)
    assert ask(aws, pod_token(aws)).text == "the node has no role, so EKS Auth cannot be asked\n"
