"""``podrole doctor --all``, and the command's exit codes, JSON and invalid targets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import boto3
import pytest

from support.broken_world import NAMESPACE, BrokenWorld
from support.faults import a_profile, healthy, no_condition_on_the_subject
from support.world import running_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenWorld]:
    """A world with a sound pod, a broken one, a trust policy that allows too much, and an unused service account."""
    with running_world(tmp_path_factory.mktemp("survey")) as running:
        found = BrokenWorld(running)
        found.provider()
        found.create_namespace(NAMESPACE)
        healthy(found, "sound")
        found.pod("sound", "sound", command=["sleep", "600"])
        a_profile(found, "broken")
        no_condition_on_the_subject(found, "open")
        healthy(found, "unused")
        yield found
        found.close()


def doctor(world: BrokenWorld, *words: str) -> tuple[int, str, str]:
    done = world.running.podrole("doctor", *words)
    return done.returncode, done.stdout, done.stderr


def test_table_has_a_line_for_every_service_account(world: BrokenWorld) -> None:
    code, told, _ = doctor(world, "--all")
    assert code == 1
    lines = {tuple(line.split()[:2]): line for line in told.splitlines() if line.startswith(NAMESPACE)}
    assert "sound" in lines[NAMESPACE, "sound"].split()[3]
    assert "PR302" in lines[NAMESPACE, "broken"]
    assert "PR651" in lines[NAMESPACE, "open"]
    assert "PR654" in lines[NAMESPACE, "unused"]
    assert "no role" in lines[NAMESPACE, "default"]
    assert "Trust policies that allow too much:" in told
    *_, step, more = told.splitlines()
    assert step.endswith(f"podrole doctor {NAMESPACE}/serviceaccount/broken")
    assert re.fullmatch(r"read more:    \S*podrole explain( PR\d+)+", more)
    assert set(re.findall(r"PR\d+", more)) == set(re.findall(r"PR\d+", told)) >= {"PR302", "PR651", "PR654"}
    assert "\033" not in told


def test_json_has_every_service_account(world: BrokenWorld) -> None:
    code, told, _ = doctor(world, "--all", "--json")
    assert code == 1
    found = {one["name"]: one for one in json.loads(told)["serviceAccounts"] if one["namespace"] == NAMESPACE}
    assert found["broken"]["state"] == "broken"
    assert [one["code"] for one in found["unused"]["findings"]] == ["PR654"]
    assert found["sound"]["findings"] == []
    assert found["unused"]["findings"][0]["documentation"] == "doctor.html#pr654"


def test_namespace_severity_and_call_choose_what_is_shown(world: BrokenWorld) -> None:
    _, told, _ = doctor(world, "--all", "--namespace", NAMESPACE, "--json")
    found = json.loads(told)
    assert {one["namespace"] for one in found["serviceAccounts"]} == {NAMESPACE}
    assert {one["code"]: len(one["serviceAccounts"]) for one in found["groups"]}["PR302"] == 1
    code, told, _ = doctor(world, "--all", "--namespace", NAMESPACE, "--severity", "fault")
    assert code == 1
    assert "PR302" in told
    assert "PR651" not in told
    assert not [line for line in told.splitlines() if line.startswith(f"{NAMESPACE} ") and " sound " in line]
    _, told, _ = doctor(world, "--all", "-n", NAMESPACE, "--can", "eks:ListClusters", "--json")
    group = next(one for one in json.loads(told)["groups"] if one["code"] == "PR701")
    assert len(group["serviceAccounts"]) == 4
    _, told, _ = doctor(world, "--all", "-n", NAMESPACE, "--can", "eks:ListClusters")
    assert "The role allows" not in told
    assert "4 service accounts" in told
    assert "repair for all: add the smallest statement that allows the call" in told


def test_broken_webhook_is_reported_without_a_bound_account(world: BrokenWorld) -> None:
    world.create_namespace("nothing-bound")
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/podrole-pod-identity-webhook"
    before = world.call("GET", path)["webhooks"]
    config = {**before[0]["clientConfig"], "url": "https://127.0.0.1:1/mutate"}
    world.call("PATCH", path, {"webhooks": [{**before[0], "clientConfig": config}]})
    try:
        code, told, _ = doctor(world, "--all", "--namespace", "nothing-bound")
    finally:
        world.call("PATCH", path, {"webhooks": before})
    assert code == 1
    assert "PR206" in told


def test_role_of_another_account_of_the_world_is_examined(world: BrokenWorld) -> None:
    organizations = world.boto("organizations")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(Email="second@example.com", AccountName="second")["CreateAccountStatus"]
    second = made["AccountId"]
    role = f"arn:aws:iam::{second}:role/OrganizationAccountAccessRole"
    key = world.boto("sts").assume_role(RoleArn=role, RoleSessionName="admin")["Credentials"]
    iam = boto3.client(
        "iam",
        endpoint_url=world.running.environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
        verify=world.running.environment["AWS_CA_BUNDLE"],
    )
    document = json.dumps(world.trust("abroad")).replace(world.account, second)
    arn = iam.create_role(RoleName="abroad", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    world.service_account("abroad", {"eks.amazonaws.com/role-arn": arn})
    code, told, _ = doctor(world, f"{NAMESPACE}/serviceaccount/abroad")
    assert code == 1
    assert "PR501" in told
    assert f"The role is in account {second}" in told
    iam.create_open_id_connect_provider(
        Url=world.issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[world.running.description["thumbprint"]]
    )
    code, told, _ = doctor(world, f"{NAMESPACE}/serviceaccount/abroad")
    assert code == 0, told
    world.call("DELETE", world.of("serviceaccounts", "abroad"))


def test_remedy_of_an_unused_service_account_removes_its_role(world: BrokenWorld) -> None:
    _, told, _ = doctor(world, "--all", "--json")
    found = {one["name"]: one for one in json.loads(told)["serviceAccounts"] if one["namespace"] == NAMESPACE}
    command = found["unused"]["findings"][0]["remedy"]["byHand"][0]
    world.running.ok(*command.split())
    _, after, _ = doctor(world, "--all", "--json")
    found = {one["name"]: one for one in json.loads(after)["serviceAccounts"] if one["namespace"] == NAMESPACE}
    assert (found["unused"]["state"], found["unused"]["findings"]) == ("no role", [])


def test_exit_code_is_zero_for_a_sound_pod_and_one_for_a_broken_one(world: BrokenWorld) -> None:
    code, told, _ = doctor(world, f"{NAMESPACE}/sound")
    assert code == 0
    assert "do this next: nothing; every link holds" in told
    assert "read more" not in told
    assert f"in the cluster of the world in {world.directory} and AWS account {world.account}" in told
    code, told, _ = doctor(world, f"{NAMESPACE}/broken")
    assert code == 1
    assert "PR302" in told
    assert re.search(rf"then check:   \S*podrole doctor {NAMESPACE}/broken\b", told)
    assert re.search(r"\nread more:    \S*podrole explain (PR\d+ )*PR302( PR\d+)*\n$", told)
    code, told, _ = doctor(world, f"{NAMESPACE}/broken", "--json")
    found = json.loads(told)
    assert (code, found["next"], found["exitCode"]) == (1, "PR302", 1)
    shell = found["links"][2]["findings"][0]["remedy"]["commands"][0]["shell"]
    assert shell.startswith("kubectl get pod broken")


def test_exit_code_is_two_if_a_link_could_not_be_checked(world: BrokenWorld) -> None:
    condition = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.iam.put_role_policy(RoleName="sound", PolicyName="vpc", PolicyDocument=document)
    code, told, _ = doctor(world, f"{NAMESPACE}/sound", "--can", "s3:ListAllMyBuckets")
    assert code == 2
    assert "permissions could not be checked" in told
    assert "aws:sourcevpc" in told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([f"{NAMESPACE}/soumd"], f"did you mean {NAMESPACE}/sound?"),
        (["nowhere/sound"], "There is no namespace nowhere."),
        ([f"{NAMESPACE}/unused"], f"{NAMESPACE}/serviceaccount/unused"),
        (["sound"], "NAMESPACE/POD"),
        ([], "podrole doctor --all"),
        ([f"{NAMESPACE}/sound", "--all"], "podrole doctor --all"),
        ([f"{NAMESPACE}/sound", "--resource", "*"], "--can"),
        (["--all", "--namespace", "nowhere"], "There is no namespace nowhere."),
        (["--all", "--namespace", "BAD NS"], "BAD NS"),
        (["--all", "--severity", "grave"], "fault or risk"),
        (["--all", "--live"], "--live examines one target"),
        (["--all", "--can", "s3:GetObjekt"], "did you mean s3:GetObject?"),
        ([f"{NAMESPACE}/sound", "--severity", "fault"], "--all"),
        ([f"{NAMESPACE}/sound", "--can", "no action"], "s3:GetObject"),
        ([f"{NAMESPACE}/sound", "--can", "s3:GetObjekt"], "did you mean s3:GetObject?"),
    ],
)
def test_invalid_target_is_explained(world: BrokenWorld, words: list[str], expected: str) -> None:
    code, _, told = doctor(world, *words)
    assert code == 2
    assert expected in told
    assert "Traceback" not in told
