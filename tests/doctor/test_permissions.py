"""Link 7: what a role may not do, asked with --can or found in the event log, and the least change that allows it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from podrole.doctor.chain import Diagnosis
from podrole.doctor.facts.chain import Wish
from podrole.doctor.report.findings import Finding, Link, State, Verdict
from support.broken_world import Clinic, Object
from support.faults import healthy

DESCRIBE = Wish("ec2:DescribeInstances")


def document(*statements: Object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, effect: str = "Allow") -> Object:
    return {"Effect": effect, "Action": list(actions), "Resource": "*"}


def permissions(diagnosis: Diagnosis) -> Verdict | None:
    return next((one for one in diagnosis.verdicts if one.link is Link.PERMISSIONS), None)


def ask(clinic: Clinic, name: str, wish: Wish | None = DESCRIBE) -> Verdict | None:
    return permissions(clinic.examine(f"{clinic.namespace}/serviceaccount/{name}", can=wish))


def only(verdict: Verdict | None, code: str) -> Finding:
    assert verdict is not None
    assert [one.code for one in verdict.findings] == [code]
    return verdict.findings[0]


def session(clinic: Clinic, name: str, **more: Any) -> Any:
    """Return an EC2 client with credentials for which a token of the service account was given."""
    spec = {"spec": {"audiences": ["sts.amazonaws.com"]}}
    token = clinic.call("POST", f"{clinic.of('serviceaccounts', name)}/token", spec)["status"]["token"]
    asked = {"RoleArn": clinic.arn(name), "RoleSessionName": "here", "WebIdentityToken": token, **more}
    given = clinic.boto("sts").assume_role_with_web_identity(**asked)["Credentials"]
    return boto3.client(
        "ec2",
        endpoint_url=clinic.world.environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def refused(client: Any) -> None:
    with pytest.raises(ClientError):
        client.describe_instances()


def test_a_call_that_nothing_allows_is_allowed_by_the_smallest_statement(clinic: Clinic) -> None:
    healthy(clinic, "allows-nothing")
    found = only(ask(clinic, "allows-nothing"), "PR701")
    clinic.treat(found)
    after = ask(clinic, "allows-nothing")
    assert after is not None
    assert after.state is State.HOLDS
    session(clinic, "allows-nothing").describe_instances()
    stored = clinic.iam.get_role_policy(RoleName="allows-nothing", PolicyName="Allow-ec2-DescribeInstances")
    assert stored["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}
    ]


def test_a_call_that_was_refused_is_found_in_the_event_log(clinic: Clinic) -> None:
    healthy(clinic, "was-refused")
    assert ask(clinic, "was-refused", None) is None
    client = session(clinic, "was-refused")
    refused(client)
    clinic.treat(only(ask(clinic, "was-refused", None), "PR701"))
    client.describe_instances()
    after = ask(clinic, "was-refused", None)
    assert after is not None
    assert "refused before, is allowed now" in after.why


@pytest.mark.parametrize("others", [[], ["ec2:StopInstances"]])
def test_a_denied_action_is_taken_out_of_the_statement_that_denies_it(clinic: Clinic, others: list[str]) -> None:
    name = f"denied-{len(others)}"
    healthy(clinic, name)
    text = document(allow("ec2:*"), allow("ec2:DescribeInstances", *others, effect="Deny"))
    clinic.iam.put_role_policy(RoleName=name, PolicyName="mixed", PolicyDocument=text)
    clinic.treat(only(ask(clinic, name), "PR702"))
    client = session(clinic, name)
    client.describe_instances()
    if others:
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            client.stop_instances(InstanceIds=["i-0123456789abcdef0"])


def test_a_boundary_gets_the_statement_too(clinic: Clinic) -> None:
    clinic.service_account("bounded", {"eks.amazonaws.com/role-arn": clinic.arn("bounded")})
    boundary = clinic.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    clinic.role("bounded", PermissionsBoundary=boundary)
    clinic.iam.put_role_policy(RoleName="bounded", PolicyName="all", PolicyDocument=document(allow("ec2:*")))
    clinic.treat(only(ask(clinic, "bounded"), "PR703"))
    session(clinic, "bounded").describe_instances()


def test_a_session_policy_that_refused_is_told_with_the_statement_that_is_missing(clinic: Clinic) -> None:
    healthy(clinic, "narrowed")
    clinic.iam.put_role_policy(RoleName="narrowed", PolicyName="all", PolicyDocument=document(allow("ec2:*")))
    refused(session(clinic, "narrowed", Policy=document(allow("s3:*"))))
    found = only(ask(clinic, "narrowed", None), "PR704")
    assert not found.remedy.automatic
    missing = '{"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}'
    assert missing in str(found.remedy.changes[0])
    session(clinic, "narrowed", Policy=document(allow("s3:*"), json.loads(missing))).describe_instances()


def test_an_action_that_is_allowed_only_on_some_resources_asks_for_one(clinic: Clinic) -> None:
    healthy(clinic, "some-objects")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}
    clinic.iam.put_role_policy(RoleName="some-objects", PolicyName="logs", PolicyDocument=document(statement))
    told = ask(clinic, "some-objects", Wish("s3:GetObject"))
    assert told is not None
    assert told.state is State.UNKNOWN
    assert "arn:aws:s3:::logs/*" in told.why
    held = ask(clinic, "some-objects", Wish("s3:GetObject", "arn:aws:s3:::logs/a"))
    assert held is not None
    assert held.state is State.HOLDS
    only(ask(clinic, "some-objects", Wish("s3:GetObject", "arn:aws:s3:::others/a")), "PR701")


def test_what_is_no_action_is_told(clinic: Clinic) -> None:
    healthy(clinic, "no-action")
    told = ask(clinic, "no-action", Wish("read everything"))
    assert told is not None
    assert told.state is State.UNKNOWN
