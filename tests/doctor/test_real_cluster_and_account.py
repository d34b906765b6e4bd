"""A cluster by its kubeconfig and an account by boto3's credentials: a world's own, used like real ones."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from podrole.base.serving import LOOPBACK
from podrole.cli.doctor import DoctorQuery, diagnosed, run
from podrole.cli.sources import SourceOptions, open_sources
from podrole.doctor.chain import Diagnosis
from podrole.doctor.report.findings import Link, LinkState, LinkVerdict
from podrole.doctor.sources.boto import OPERATIONS, read_policy
from podrole.doctor.sources.sources import Sources
from podrole.oidc.fetch import Fetcher
from support.broken_world import BrokenWorld
from support.faults import an_account_misspelt, healthy
from support.world import running_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A world with a sound pod, and a user with read permissions only."""
    with running_world(tmp_path_factory.mktemp("real")) as running:
        found = BrokenWorld(running)
        found.provider()
        found.create_namespace(found.namespace)
        healthy(found, "sound")
        policy = found.iam.create_policy(PolicyName="sound", PolicyDocument=ALLOWS)["Policy"]["Arn"]
        found.iam.attach_role_policy(RoleName="sound", PolicyArn=policy)
        found.iam.put_role_policy(RoleName="sound", PolicyName="inline", PolicyDocument=ALLOWS)
        found.pod("sound", "sound", command=["sleep", "600"])
        an_account_misspelt(found, "misspelt")
        found.service_account("associated")
        role = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}}
        actions = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
        found.role("associated", {"Version": "2012-10-17", "Statement": [{**role, **actions}]})
        name = found.boto("eks").list_clusters()["clusters"][0]
        found.boto("eks").create_pod_identity_association(
            clusterName=name, namespace=found.namespace, serviceAccount="associated", roleArn=found.arn("associated")
        )
        found.pod("associated", "associated", command=["sleep", "600"])
        found.iam.create_user(UserName="reader")
        found.iam.put_user_policy(UserName="reader", PolicyName="doctor", PolicyDocument=json.dumps(read_policy()))
        yield found
        found.close()


ALLOWS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def made(world: BrokenWorld) -> dict[str, str]:
    """The reader's access key."""
    return dict(world.iam.create_access_key(UserName="reader")["AccessKey"])


@pytest.fixture
def options(world: BrokenWorld, made: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> SourceOptions:
    """Point boto3 to the world, as the user with read permissions."""
    variables = {
        "AWS_ENDPOINT_URL": world.running.environment["AWS_ENDPOINT_URL"],
        "AWS_CA_BUNDLE": world.running.environment["AWS_CA_BUNDLE"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return SourceOptions(directory=Path("nowhere"), kubeconfig=world.directory / "kubeconfig")


def from_here(world: BrokenWorld, sources: Sources) -> Sources:
    """Resolve the issuer's name to the world instead of the real address."""
    port = int(str(world.running.description["issuer_port"]))
    return replace(sources, fetcher=Fetcher(resolve=lambda _host, _port: (LOOPBACK, port)))


def examine(world: BrokenWorld, options: SourceOptions, target: str, **asked: Any) -> Diagnosis:
    async def look() -> Diagnosis:
        async with open_sources(options) as sources:
            return await diagnosed(DoctorQuery(target, **asked), from_here(world, sources))

    return asyncio.run(look())


def state(diagnosis: Diagnosis, link: Link) -> LinkVerdict:
    return next(one for one in diagnosis.verdicts if one.link is link)


def test_sound_pod_is_sound_with_read_permissions_only(world: BrokenWorld, options: SourceOptions) -> None:
    found = examine(world, options, f"{world.namespace}/sound", can="s3:GetObject")
    assert found.exit_code == 0, [(one.link.title, one.why) for one in found.verdicts]
    assert {one.state for one in found.verdicts} == {LinkState.HOLDS}


def test_fault_is_found_as_in_a_world(world: BrokenWorld, options: SourceOptions) -> None:
    found = examine(world, options, f"{world.namespace}/misspelt")
    assert [one.code for one in found.faults] == ["PR603"]


def test_documented_policy_allows_exactly_the_operations_called(world: BrokenWorld, options: SourceOptions) -> None:
    for target in ("sound", "misspelt", "associated"):
        examine(world, options, f"{world.namespace}/{target}", can="s3:GetObject")
    examine(world, options, f"{world.namespace}/serviceaccount/default")
    elsewhere = replace(options, issuer="https://issuer.example.com")
    assert "PR501" in [one.code for one in examine(world, elsewhere, f"{world.namespace}/sound").faults]
    log = [json.loads(line) for line in (world.directory / "events.jsonl").read_text().splitlines()]
    calls = [event for event in log if event["who"].endswith(":user/reader")]
    assert {event.get("code") for event in calls} <= {None, "NoSuchEntity"}
    assert {event["what"] for event in calls} - {"sts:GetCallerIdentity"} == set(OPERATIONS)


def test_missing_permission_is_reported_by_the_link_that_needs_it(
    world: BrokenWorld, options: SourceOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = read_policy()
    policy["Statement"][0]["Action"].remove("iam:GetRole")
    world.iam.create_user(UserName="half")
    world.iam.put_user_policy(UserName="half", PolicyName="doctor", PolicyDocument=json.dumps(policy))
    made = world.iam.create_access_key(UserName="half")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])
    found = examine(world, options, f"{world.namespace}/sound")
    assert found.exit_code == 2
    assert state(found, Link.TRUST).state is LinkState.UNKNOWN
    assert "iam:GetRole" in state(found, Link.TRUST).why
    assert state(found, Link.PROVIDER).state is LinkState.HOLDS or "iam:GetRole" in state(found, Link.PROVIDER).why


def test_pod_identity_association_is_sound(world: BrokenWorld, options: SourceOptions) -> None:
    found = examine(world, options, f"{world.namespace}/associated")
    assert (found.exit_code, found.faults, found.risks) == (0, (), ())
    assert "trusts EKS Pod Identity" in state(found, Link.TRUST).why


def test_without_an_account_the_links_of_the_cluster_are_checked(
    world: BrokenWorld, options: SourceOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = examine(world, options, f"{world.namespace}/sound")
    assert found.exit_code == 2
    assert state(found, Link.INJECTION).state is LinkState.HOLDS
    assert "no AWS credentials" in state(found, Link.TRUST).why
    found = examine(world, options, f"{world.namespace}/associated")
    assert found.faults == ()
    assert state(found, Link.SERVICE_ACCOUNT).state is LinkState.UNKNOWN, "an association may bind it"


def test_wrong_profile_is_said_first(
    world: BrokenWorld, options: SourceOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = DoctorQuery(f"{world.namespace}/serviceaccount/default")
    assert run(asked, replace(options, profile="nobodys"), as_json=False) == 2
    told = capsys.readouterr().out.splitlines()
    assert "nobodys" in told[2]
    assert "PR102" not in "".join(told), "it is unknown whether the service account has a role"


def test_without_a_cluster_a_named_role_is_checked(world: BrokenWorld, options: SourceOptions) -> None:
    def ask(role: str) -> Diagnosis:
        given = replace(options, kubeconfig=Path("nowhere"), role=world.arn(role), issuer=world.issuer)
        return examine(world, given, f"{world.namespace}/serviceaccount/{role}")

    found = ask("sound")
    assert state(found, Link.TRUST).state is LinkState.HOLDS
    assert state(found, Link.PROVIDER).state is LinkState.HOLDS
    assert state(found, Link.SERVICE_ACCOUNT).state is LinkState.UNKNOWN
    assert [one.code for one in ask("misspelt").faults] == ["PR603"]


def test_real_token_is_exchanged(world: BrokenWorld, options: SourceOptions) -> None:
    found = examine(world, options, f"{world.namespace}/sound", live=True)
    assert found.verdicts[-1].link is Link.LIVE
    assert found.verdicts[-1].state is LinkState.HOLDS
