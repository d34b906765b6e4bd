"""A call of IAM is authorized for what it changes, also while other changes are still being written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from podrole.aws import serve
from podrole.oidc.keys import SigningKey
from support.aws import ACCOUNT, LocalAWS, allow, local_aws, refused

DEVELOPERS = "arn:aws:iam::*:user/dev/*"
LIMIT = 20.0


@pytest.fixture
def aws(signing_key: SigningKey, authority: Any, tmp_path: Path) -> Iterator[LocalAWS]:
    with local_aws(signing_key, authority, tmp_path, services=False) as running:
        yield running


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], threading.Event]:
    """Return an event that is set once a call of the operation has been authorized or refused."""

    def of(operation: str) -> threading.Event:
        event, authorize = threading.Event(), serve.authorize

        def watched(call: Any, *given: Any) -> Any:
            try:
                return authorize(call, *given)
            finally:
                if call.operation == operation:
                    event.set()

        monkeypatch.setattr(serve, "authorize", watched)
        return event

    return of


def tagging(aws: LocalAWS, decided: Callable[[str], threading.Event], failures: int) -> tuple[Any, Any]:
    """Let a user who may tag developers tag one while the disk takes long to move it to the administrators.

    Returns the outcomes of both calls: None, or an error's code.
    """
    iam = aws.client("iam")
    iam.create_user(UserName="bob", Path="/dev/")
    helper = aws.client("iam", aws.user("helper", allow("iam:TagUser", DEVELOPERS)))
    journal = aws.journal
    assert journal is not None
    journal.failures = failures
    journal.goes.clear()
    with ThreadPoolExecutor(2) as threads:
        moved_decided, tagged_decided = decided("UpdateUser"), decided("TagUser")
        moved = threads.submit(iam.update_user, UserName="bob", NewPath="/admin/")
        assert moved_decided.wait(LIMIT)
        tagged = threads.submit(helper.tag_user, UserName="bob", Tags=[{"Key": "a", "Value": "b"}])
        assert tagged_decided.wait(LIMIT)
        journal.goes.set()
        return tuple(outcome(call.result) for call in (moved, tagged))  # type: ignore[return-value]


def outcome(result: Callable[[float], Any]) -> str | None:
    try:
        result(LIMIT)
    except Exception as problem:  # noqa: BLE001 - the error's code is what the test is about
        return refused(result, timeout=0)[0] if hasattr(problem, "response") else repr(problem)
    return None


def test_a_user_who_is_being_moved_cannot_be_changed_by_the_right_to_the_old_path(
    aws: LocalAWS, decided: Callable[[str], threading.Event]
) -> None:
    assert tagging(aws, decided, failures=0) == (None, "AccessDenied")
    user = aws.client("iam").get_user(UserName="bob")["User"]
    assert user["Path"] == "/admin/"
    assert "Tags" not in user


def test_a_move_that_the_disk_refuses_refuses_nobody(aws: LocalAWS, decided: Callable[[str], threading.Event]) -> None:
    assert tagging(aws, decided, failures=1) == ("ServiceFailure", None)
    user = aws.client("iam").get_user(UserName="bob")["User"]
    assert (user["Path"], user["Tags"]) == ("/dev/", [{"Key": "a", "Value": "b"}])


SERVICES = {
    "Effect": "Allow",
    "Principal": {"Service": ["eks.amazonaws.com", "pods.eks.amazonaws.com"]},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/eks"


@pytest.mark.parametrize(
    ("service", "operation", "given", "error"),
    [
        ("iam", "create_user", {"UserName": "bob"}, "ServiceFailureException"),
        (
            "eks",
            "create_cluster",
            {"name": "other", "roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": ["subnet-1"]}},
            "ServerException",
        ),
        (
            "eks",
            "create_pod_identity_association",
            {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "inventory", "roleArn": ROLE},
            "ServerException",
        ),
        ("organizations", "create_organization", {}, "ServiceException"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_write_that_the_disk_refuses_is_the_services_own_server_error(
    aws: LocalAWS, service: str, operation: str, given: dict[str, Any], error: str
) -> None:
    aws.role("eks", SERVICES)
    client = aws.client(service)
    assert aws.journal is not None
    aws.journal.failures = 1
    with pytest.raises(getattr(client.exceptions, error)) as refusal:
        getattr(client, operation)(**given)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    getattr(client, operation)(**given)
