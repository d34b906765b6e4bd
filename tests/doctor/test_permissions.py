"""Link 7: calls that a role does not allow, named with --can or found in the event log, and their smallest repair."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from podrole.doctor.chain import Diagnosis
from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.chain import DesiredCall
from podrole.doctor.facts.desired_call import desired_call
from podrole.doctor.report.findings import Finding, Link, LinkState, LinkVerdict
from support.broken_world import BrokenWorld, Object
from support.faults import healthy

LIST = DesiredCall("eks:ListClusters")


def document(*statements: Object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, effect: str = "Allow") -> Object:
    return {"Effect": effect, "Action": list(actions), "Resource": "*"}


def permissions(diagnosis: Diagnosis) -> LinkVerdict | None:
    return next((one for one in diagnosis.verdicts if one.link is Link.PERMISSIONS), None)


def ask(world: BrokenWorld, name: str, desired_call: DesiredCall | None = LIST) -> LinkVerdict | None:
    return permissions(world.examine(f"{world.namespace}/serviceaccount/{name}", can=desired_call))


def only(verdict: LinkVerdict | None, code: str) -> Finding:
    assert verdict is not None
    assert [one.code for one in verdict.findings] == [code]
    return verdict.findings[0]


def session(world: BrokenWorld, name: str, service: str = "eks", **more: Any) -> Any:
    """Return a client with credentials from a token of the service account."""
    spec = {"spec": {"audiences": ["sts.amazonaws.com"]}}
    token = world.call("POST", f"{world.of('serviceaccounts', name)}/token", spec)["status"]["token"]
    asked = {"RoleArn": world.arn(name), "RoleSessionName": "here", "WebIdentityToken": token, **more}
    given = world.boto("sts").assume_role_with_web_identity(**asked)["Credentials"]
    return boto3.client(
        service,
        endpoint_url=world.running.environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        verify=world.running.environment["AWS_CA_BUNDLE"],
    )


def refused(client: Any) -> None:
    with pytest.raises(ClientError):
        client.list_clusters()


def test_missing_permission_is_added_by_the_smallest_statement(world: BrokenWorld) -> None:
    healthy(world, "allows-nothing")
    found = only(ask(world, "allows-nothing"), "PR701")
    world.repair(found)
    after = ask(world, "allows-nothing")
    assert after is not None
    assert after.state is LinkState.HOLDS
    session(world, "allows-nothing").list_clusters()
    stored = world.iam.get_role_policy(RoleName="allows-nothing", PolicyName="Allow-eks-ListClusters")
    assert stored["PolicyDocument"]["Statement"] == [{"Effect": "Allow", "Action": "eks:ListClusters", "Resource": "*"}]


def test_denied_call_is_found_in_the_event_log(world: BrokenWorld) -> None:
    healthy(world, "was-refused")
    assert ask(world, "was-refused", None) is None
    client = session(world, "was-refused")
    refused(client)
    world.repair(only(ask(world, "was-refused", None), "PR701"))
    client.list_clusters()
    after = ask(world, "was-refused", None)
    assert after is not None
    assert "was denied before and is allowed now" in after.why


@pytest.mark.parametrize("others", [[], ["eks:DescribeCluster"]])
def test_denied_action_is_removed_from_the_denying_statement(world: BrokenWorld, others: list[str]) -> None:
    name = f"denied-{len(others)}"
    healthy(world, name)
    text = document(allow("eks:*"), allow("eks:ListClusters", *others, effect="Deny"))
    world.iam.put_role_policy(RoleName=name, PolicyName="mixed", PolicyDocument=text)
    world.repair(only(ask(world, name), "PR702"))
    client = session(world, name)
    client.list_clusters()
    if others:
        with pytest.raises(ClientError, match="AccessDeniedException"):
            client.describe_cluster(name="podrole")


def test_statement_is_added_to_the_boundary(world: BrokenWorld) -> None:
    world.service_account("bounded", {"eks.amazonaws.com/role-arn": world.arn("bounded")})
    boundary = world.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    world.role("bounded", PermissionsBoundary=boundary)
    world.iam.put_role_policy(RoleName="bounded", PolicyName="all", PolicyDocument=document(allow("eks:*")))
    world.repair(only(ask(world, "bounded"), "PR703"))
    session(world, "bounded").list_clusters()


def test_denial_by_a_session_policy_names_the_missing_statement(world: BrokenWorld) -> None:
    healthy(world, "narrowed")
    world.iam.put_role_policy(RoleName="narrowed", PolicyName="all", PolicyDocument=document(allow("eks:*")))
    refused(session(world, "narrowed", Policy=document(allow("s3:*"))))
    found = only(ask(world, "narrowed", None), "PR704")
    assert not found.remedy.automatic
    resource = f"arn:aws:eks:us-east-1:{world.account}:cluster/*"
    missing = f'{{"Effect": "Allow", "Action": "eks:ListClusters", "Resource": "{resource}"}}'
    assert missing in str(found.remedy.changes[0])
    session(world, "narrowed", Policy=document(allow("s3:*"), json.loads(missing))).list_clusters()


def test_action_allowed_on_some_resources_needs_a_resource(world: BrokenWorld) -> None:
    healthy(world, "some-objects")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}
    world.iam.put_role_policy(RoleName="some-objects", PolicyName="logs", PolicyDocument=document(statement))
    told = ask(world, "some-objects", DesiredCall("s3:GetObject"))
    assert told is not None
    assert told.state is LinkState.UNKNOWN
    assert "arn:aws:s3:::logs/*" in told.why
    held = ask(world, "some-objects", DesiredCall("s3:GetObject", "arn:aws:s3:::logs/a"))
    assert held is not None
    assert held.state is LinkState.HOLDS
    only(ask(world, "some-objects", DesiredCall("s3:GetObject", "arn:aws:s3:::others/a")), "PR701")


@pytest.mark.parametrize(
    ("action", "resource", "named"),
    [
        ("s3:GetObjekt", None, "did you mean s3:GetObject?"),
        ("s3:Get*", None, "SERVICE:ACTION"),
        ("GetObject", None, "SERVICE:ACTION"),
        ("s4:GetObject", None, "s4"),
        ("s3:GetObject", "nonsense", "arn:${Partition}:s3:::${BucketName}/${ObjectName}"),
        ("s3:GetObject", "arn:aws:s3:::bucket", "arn:${Partition}:s3:::${BucketName}/${ObjectName}"),
        ("s3:GetObject", "arn:aws:sqs:us-east-1:111122223333:queue", "${ObjectName}"),
        ("eks:ListClusters", "arn:aws:eks:us-east-1:111122223333:cluster/a", "no resource"),
    ],
)
def test_call_that_does_not_exist_is_an_error(action: str, resource: str | None, named: str) -> None:
    with pytest.raises(BadTarget) as refused:
        desired_call(action, resource)
    assert named in refused.value.diagnostics()


def test_call_has_the_name_that_aws_writes() -> None:
    assert desired_call("S3:getobject", "arn:aws:s3:::logs/a") == DesiredCall("s3:GetObject", "arn:aws:s3:::logs/a")
    assert desired_call("s3:ListAllMyBuckets", "*") == DesiredCall("s3:ListAllMyBuckets", "*")


def test_two_repairs_of_one_action_do_not_undo_each_other(world: BrokenWorld) -> None:
    healthy(world, "reads-two")
    calls = [DesiredCall("s3:GetObject", f"arn:aws:s3:::{bucket}/a") for bucket in ("logs", "images")]
    found = [only(ask(world, "reads-two", one), "PR701") for one in calls]
    for one in found:
        world.repair(one)
    assert [getattr(ask(world, "reads-two", one), "state", None) for one in calls] == [LinkState.HOLDS] * 2


def test_call_on_everything_is_not_allowed_for_want_of_a_resource(world: BrokenWorld) -> None:
    healthy(world, "reads-all")
    found = only(ask(world, "reads-all", DesiredCall("s3:GetObject")), "PR701")
    assert not found.remedy.automatic
    assert "arn:${Partition}:s3:::${BucketName}/${ObjectName}" in str(found.remedy.changes[-1])


@pytest.mark.soak
def test_denied_call_without_a_permission_gets_both(world: BrokenWorld) -> None:
    healthy(world, "denied-and-not-allowed")
    text = document(allow("eks:ListClusters", "eks:CreateCluster", effect="Deny"))
    world.iam.put_role_policy(RoleName="denied-and-not-allowed", PolicyName="mixed", PolicyDocument=text)
    world.repair(only(ask(world, "denied-and-not-allowed"), "PR702"))
    session(world, "denied-and-not-allowed").list_clusters()


def test_denial_of_more_than_the_call_is_not_removed(world: BrokenWorld) -> None:
    healthy(world, "denied-everywhere")
    text = document(allow("s3:*"), allow("s3:GetObject", effect="Deny"))
    world.iam.put_role_policy(RoleName="denied-everywhere", PolicyName="mixed", PolicyDocument=text)
    found = only(ask(world, "denied-everywhere", DesiredCall("s3:GetObject", "arn:aws:s3:::logs/a")), "PR702")
    assert not found.remedy.automatic


@pytest.mark.services
@pytest.mark.soak
def test_two_denied_calls_have_one_repair(world: BrokenWorld) -> None:
    healthy(world, "denied-twice")
    text = document(allow("eks:*", "ec2:*"), allow("eks:ListClusters", "ec2:DescribeInstances", effect="Deny"))
    world.iam.put_role_policy(RoleName="denied-twice", PolicyName="mixed", PolicyDocument=text)
    client, instances = session(world, "denied-twice"), session(world, "denied-twice", "ec2")
    refused(client)
    with pytest.raises(ClientError):
        instances.describe_instances()
    verdict = ask(world, "denied-twice", None)
    assert verdict is not None
    assert [one.code for one in verdict.findings] == ["PR702", "PR702"]
    world.repair(verdict.findings[0])
    world.repair(verdict.findings[1])
    client.list_clusters()
    instances.describe_instances()


def test_invalid_action_could_not_be_checked(world: BrokenWorld) -> None:
    healthy(world, "no-action")
    told = ask(world, "no-action", DesiredCall("read everything"))
    assert told is not None
    assert told.state is LinkState.UNKNOWN


def test_a_condition_on_what_only_the_real_call_has_is_not_decided(world: BrokenWorld) -> None:
    healthy(world, "from-the-office")
    condition = {"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:RequestTag/team": "blue"}}
    text = document(allow("eks:ListClusters") | {"Condition": condition})
    world.iam.put_role_policy(RoleName="from-the-office", PolicyName="vpc", PolicyDocument=text)
    told = ask(world, "from-the-office")
    assert told is not None
    assert told.state is LinkState.UNKNOWN
    assert "depends on aws:requesttag/team, aws:sourcevpc" in told.why
    client = session(world, "from-the-office")
    refused(client)
    again = ask(world, "from-the-office", None)
    assert again is not None
    assert again.state is LinkState.UNKNOWN
    text = document(allow("eks:ListClusters") | {"Condition": {"StringEquals": {"aws:PrincipalType": "User"}}})
    world.iam.put_role_policy(RoleName="from-the-office", PolicyName="vpc", PolicyDocument=text)
    only(ask(world, "from-the-office"), "PR701")
