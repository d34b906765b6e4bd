"""The service with the permissions that its pod has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from podrole.testing import Call, Clock, Identity, Pod, Refusal, World
from reports.service import Reports, ReportsClosed

WRITER = [
    "s3:PutObject on arn:aws:s3:::reports/*",
    "dynamodb:PutItem, dynamodb:Scan on arn:aws:dynamodb:eu-west-1:111122223333:table/reports",
    "sqs:GetQueueUrl, sqs:SendMessage on arn:aws:sqs:eu-west-1:111122223333:reports",
]
"""What the chart's role allows the service."""
JOB = Path(__file__).parents[1] / "reports" / "job.py"
Identities = Callable[..., Identity]
Refusals = Callable[..., Refusal]


@pytest.fixture
def writer(podrole_identity: Identities) -> Identity:
    return podrole_identity("shop", "reports", allow=WRITER)


def test_writer_uploads(writer: Identity) -> None:
    with writer:
        reports = Reports("reports")
        reports.upload("a.csv", b"1,2")
        assert reports.names() == ["a.csv"]


def test_writer_may_not_delete(writer: Identity, podrole_refusal: Refusals) -> None:
    with writer, podrole_refusal(match=r"s3:DeleteObject on .*reports/a\.csv"):
        Reports("reports").delete("a.csv")


def test_pod_identity_gives_the_same_role(podrole_identity: Identities) -> None:
    with podrole_identity("shop", "reports", allow=WRITER, method="pod-identity"):
        Reports("reports").upload("a.csv", b"1,2")


def test_boundary_limits_what_the_role_allows(podrole_identity: Identities, podrole_refusal: Refusals) -> None:
    boundary = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}}
    with podrole_identity("shop", "reports", allow=WRITER, boundary=boundary) as pod:
        with podrole_refusal(match="s3:PutObject.*permissions boundary"), pytest.raises(ReportsClosed):
            Reports("reports").upload("a.csv", b"1,2")
        assert Reports("reports").names() == [], pod.role_arn


def test_managed_policy_is_aws_own(podrole_identity: Identities, podrole_refusal: Refusals) -> None:
    with podrole_identity("shop", "auditor", policies=["arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"]):
        assert Reports("reports").names() == []
        with podrole_refusal(match="s3:PutObject"):
            Reports("reports").upload("a.csv", b"1,2")


def test_session_is_renewed_when_it_has_expired(
    writer: Identity, podrole_clock: Clock, podrole_calls: Sequence[Call]
) -> None:
    with writer:
        reports = Reports("reports")
        reports.upload("a.csv", b"1,2")
        podrole_clock.advance(hours=13)
        reports.upload("b.csv", b"3,4")
    assert [call.action for call in podrole_calls].count("sts:AssumeRoleWithWebIdentity") == 2


def test_upload_makes_these_calls_and_no_other(writer: Identity, podrole_calls: Sequence[Call]) -> None:
    with writer:
        Reports("reports").upload("a.csv", b"1,2")
    assert [call.action for call in podrole_calls] == [
        "sts:AssumeRoleWithWebIdentity",
        "s3:PutObject",
        "dynamodb:PutItem",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
    ]


def test_job_runs_in_the_cluster(writer: Identity, podrole_pod: Callable[..., Pod]) -> None:
    command = ["python", "-c", JOB.read_text(), "reports", "job.txt"]
    pod = podrole_pod(writer, command, image="python", in_cluster=True)
    assert pod.wait() == 0, pod.logs
    assert pod.logs == "stored job.txt\n"


def test_role_that_trusts_another_namespace_is_refused(
    podrole_world: World, podrole_identity: Identities, podrole_refusal: Refusals
) -> None:
    issuer = podrole_world.issuer
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{issuer}:sub": "system:serviceaccount:warehouse:reports"}},
        },
    }
    with podrole_identity("shop", "reports", allow=WRITER, trust=trust), podrole_refusal(match="AssumeRole"):
        Reports("reports").names()


async def test_several_uploads_at_the_same_time(writer: Identity, podrole_calls: Sequence[Call]) -> None:
    async with writer:
        reports = Reports("reports")
        await reports.upload_all({f"{number}.csv": b"1,2" for number in range(5)})
        assert len(reports.names()) == 5
    assert not [call for call in podrole_calls if call.refused]
