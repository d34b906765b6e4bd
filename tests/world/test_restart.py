"""A world starts where it was; an ephemeral one does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from podrole.base.journal_file import FORMAT, JournalDamaged, JournalTooNew
from podrole.world.errors import BadSetting, DirectoryGone
from podrole.world.settings import WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.world import World
from support.world import clean_environment

FREE = WorldSettings(aws_port=0, cluster_port=0)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
    }
)


@pytest.fixture
def directory(tmp_path: Path) -> WorldDirectory:
    return WorldDirectory(tmp_path / "world")


def aws(world: World, directory: WorldDirectory, service: str) -> Any:
    key_id, secret = directory.admin_credentials()
    return boto3.client(
        service,
        endpoint_url=world.description.aws_url,
        region_name=world.description.region,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
    )


@contextlib.contextmanager
def kubernetes(world: World, directory: WorldDirectory, token: str | None = None) -> Iterator[httpx2.Client]:
    trust = ssl.create_default_context(cafile=str(directory.authority))
    headers = {"Authorization": f"Bearer {token or directory.administrator_token()}"}
    with httpx2.Client(base_url=world.description.cluster_url, verify=trust, headers=headers, timeout=30) as client:
        yield client


def created(answer: httpx2.Response) -> Any:
    assert answer.status_code == 201, answer.text
    return answer.json()


def fill(world: World, directory: WorldDirectory) -> dict[str, Any]:
    """Put something of each kind into a world, and return what must be the same after a restart."""
    iam = aws(world, directory, "iam")
    role = iam.create_role(RoleName="builder", AssumeRolePolicyDocument=TRUST)["Role"]
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    association = aws(world, directory, "eks").create_pod_identity_association(
        clusterName="podrole", namespace="default", serviceAccount="builder", roleArn=role["Arn"]
    )["association"]
    with kubernetes(world, directory) as client:
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        account = created(client.post(accounts, json={"metadata": {"name": "builder"}}))
        token = created(client.post(f"{accounts}/builder/token", json={"spec": {"audiences": []}}))["status"]["token"]
    return {
        "role": (role["RoleId"], role["CreateDate"]),
        "key": (key["AccessKeyId"], key["SecretAccessKey"]),
        "association": association["associationId"],
        "account": account["metadata"],
        "token": token,
        "issuer": world.description.issuer,
        "cluster": aws(world, directory, "eks").describe_cluster(name="podrole")["cluster"]["createdAt"],
    }


def check(world: World, directory: WorldDirectory, before: dict[str, Any]) -> None:
    role = aws(world, directory, "iam").get_role(RoleName="builder")["Role"]
    assert (role["RoleId"], role["CreateDate"]) == before["role"]
    key_id, secret = before["key"]
    caller = boto3.client(
        "sts",
        endpoint_url=world.description.aws_url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
    ).get_caller_identity()
    assert caller["Arn"].endswith(":user/admin")
    eks = aws(world, directory, "eks")
    listed = eks.list_pod_identity_associations(clusterName="podrole")["associations"]
    assert [association["associationId"] for association in listed] == [before["association"]]
    assert eks.describe_cluster(name="podrole")["cluster"]["createdAt"] == before["cluster"]
    assert world.description.issuer == before["issuer"]
    with kubernetes(world, directory) as client:
        account = client.get("/api/v1/namespaces/default/serviceaccounts/builder").json()["metadata"]
        assert account == before["account"]
        later = created(client.post("/api/v1/namespaces/default/configmaps", json={"metadata": {"name": "later"}}))
        assert int(later["metadata"]["resourceVersion"]) > int(account["resourceVersion"])
    with kubernetes(world, directory, before["token"]) as client:
        review = created(
            client.post(
                "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                json={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
            )
        )
        assert review["status"]["userInfo"]["username"] == "system:serviceaccount:default:builder"


async def test_world_starts_where_it_was(directory: WorldDirectory) -> None:
    async with World(directory, FREE) as first:
        assert first.description.restored == ""
        before = await asyncio.to_thread(fill, first, directory)
    async with World(directory, FREE) as second:
        await second.opened()
        restored = second.description.restored
        assert restored.startswith("Restored: 2 roles, 1 user, 0 policies, ")
        assert restored.endswith(" Kubernetes objects.")
        await asyncio.to_thread(check, second, directory, before)


@pytest.mark.services
async def test_other_services_are_restored_and_the_start_says_how_old_they_are(directory: WorldDirectory) -> None:
    async with World(directory, FREE) as first:
        vpc = await asyncio.to_thread(lambda: aws(first, directory, "ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"])
    async with World(directory, FREE) as second:
        await second.opened()
        assert re.search(r" Kubernetes objects, ec2[a-z0-9, ]* as of \d+ s ago\.$", second.description.restored)
        vpcs = await asyncio.to_thread(lambda: aws(second, directory, "ec2").describe_vpcs()["Vpcs"])
    assert vpc["VpcId"] in {each["VpcId"] for each in vpcs}
    directory.services.write_bytes(b"damaged")
    async with World(directory, FREE) as third:
        await third.opened()
        sentence = third.description.restored
    (kept,) = directory.path.glob("services.snapshot.damaged-*")
    assert "Not restored: the state of the other services." in sentence
    assert str(kept) in sentence
    assert kept.read_bytes() == b"damaged"


@pytest.mark.services
async def test_services_of_a_state_that_is_gone_are_not_restored(directory: WorldDirectory) -> None:
    async with World(directory, FREE) as first:
        await asyncio.to_thread(lambda: aws(first, directory, "sqs").create_queue(QueueName="queue"))
    directory.state.unlink()
    async with World(directory, FREE) as second:
        queues = await asyncio.to_thread(lambda: aws(second, directory, "sqs").list_queues().get("QueueUrls", []))
    assert queues == []
    assert list(directory.path.glob("services.snapshot.damaged-*"))


async def test_webhook_of_a_restarted_world_gives_pods_their_identity(directory: WorldDirectory) -> None:
    async with World(directory, FREE) as first:
        await asyncio.to_thread(fill, first, directory)

    def create_pod(world: World) -> Any:
        with kubernetes(world, directory) as client:
            spec = {
                "serviceAccountName": "builder",
                "containers": [{"name": "main", "image": "x", "command": ["true"]}],
            }
            return created(
                client.post("/api/v1/namespaces/default/pods", json={"metadata": {"name": "p"}, "spec": spec})
            )

    async with World(directory, FREE) as second:
        pod = await asyncio.to_thread(create_pod, second)
    names = {variable["name"] for variable in pod["spec"]["containers"][0]["env"]}
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in names


async def test_world_keeps_its_account_and_region(directory: WorldDirectory) -> None:
    async with World(directory, replace(FREE, account="222222222222", region="eu-west-1")):
        pass
    async with World(directory, FREE) as second:
        assert (second.description.account, second.description.region) == ("222222222222", "eu-west-1")
    for option, other in (("account", "333333333333"), ("region", "us-west-2")):
        with pytest.raises(BadSetting, match=f"--{option} is not that of this world") as refusal:
            async with World(directory, replace(FREE, **{option: other})):
                pass
        assert refusal.value.got == other
    directory.lock().close()


async def test_ephemeral_world_keeps_nothing(directory: WorldDirectory) -> None:
    ephemeral = replace(FREE, ephemeral=True)
    async with World(directory, ephemeral) as first:
        await first.opened()
        await asyncio.sleep(0.5)  # the controllers and the node make their objects
        assert not first.has_content()
        await asyncio.to_thread(fill, first, directory)
        assert first.has_content()
    assert not directory.state.exists()
    async with World(directory, ephemeral) as second:
        with pytest.raises(Exception, match="NoSuchEntity"):
            await asyncio.to_thread(aws(second, directory, "iam").get_role, RoleName="builder")


@pytest.mark.parametrize("plural", ["serviceaccounts", "configmaps"])
async def test_an_object_with_nothing_but_a_name_is_content(directory: WorldDirectory, plural: str) -> None:
    async with World(directory, replace(FREE, ephemeral=True)) as world:
        await world.opened()
        with kubernetes(world, directory) as client:
            path = f"/api/v1/namespaces/default/{plural}"
            answer = await asyncio.to_thread(client.post, path, json={"metadata": {"name": "made"}})
            assert answer.status_code == 201
        assert world.has_content()


@pytest.mark.services
async def test_reading_calls_to_other_services_are_not_content_and_writing_ones_are(directory: WorldDirectory) -> None:
    async with World(directory, replace(FREE, ephemeral=True)) as world:
        await world.opened()
        ec2 = aws(world, directory, "ec2")
        await asyncio.to_thread(ec2.describe_vpcs)
        assert not world.has_content()
        await asyncio.to_thread(ec2.create_vpc, CidrBlock="10.9.0.0/16")
        assert world.has_content()
    assert not directory.services.exists()


async def test_ephemeral_world_leaves_the_state_of_another_as_it_is(directory: WorldDirectory) -> None:
    async with World(directory, FREE) as first:
        before = await asyncio.to_thread(fill, first, directory)
    async with World(directory, replace(FREE, ephemeral=True, account="222222222222")):
        pass
    async with World(directory, FREE) as third:
        await asyncio.to_thread(check, third, directory, before)


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_world_ends_when_its_directory_is_deleted(directory: WorldDirectory, is_replaced: bool) -> None:
    of_another = [directory.node / "pods" / "of-another", directory.path / "world.json"]
    async with asyncio.timeout(30), World(directory, FREE) as world:
        await world.opened()
        shutil.rmtree(directory.path)
        if is_replaced:
            WorldDirectory(directory.path).lock().close()
            of_another[0].mkdir(parents=True)
            of_another[1].write_text("{}")
        with pytest.raises(DirectoryGone, match="was deleted or replaced") as raised:
            await world.until_it_fails()
    assert str(directory.path) in raised.value.what
    assert directory.path.exists() == is_replaced  # the end of the world does not make it again
    assert [path.exists() for path in of_another] == [is_replaced] * 2


async def test_damaged_state_is_set_aside_and_the_start_is_refused(directory: WorldDirectory) -> None:
    async with World(directory, FREE):
        pass
    content = bytearray(directory.state.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    directory.state.write_bytes(content)
    with pytest.raises(JournalDamaged) as refusal:
        async with World(directory, FREE):
            pass
    assert refusal.value.set_aside.read_bytes() == content
    assert str(refusal.value.set_aside) in refusal.value.diagnostics()
    async with World(directory, FREE) as world:
        assert world.description.restored == ""


async def test_state_of_a_newer_podrole_is_refused_and_stays(directory: WorldDirectory) -> None:
    async with World(directory, FREE):
        pass
    with contextlib.closing(sqlite3.connect(directory.state)) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    content = directory.state.read_bytes()
    with pytest.raises(JournalTooNew):
        async with World(directory, FREE):
            pass
    assert directory.state.read_bytes() == content


_FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from world.test_restart import FREE, aws, kubernetes
from podrole.world.state import WorldDirectory
from podrole.world.world import World

UNLIMITED = resource.RLIM_INFINITY

def write(world, directory, name):
    iam = aws(world, directory, "iam")
    try:
        iam.create_user(UserName=name)
        print("IAM: created")
    except iam.exceptions.ClientError as refusal:
        answer = refusal.response
        print("IAM:", answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"])
    with kubernetes(world, directory) as client:
        answer = client.post("/api/v1/namespaces/default/configmaps", json={"metadata": {"name": name}})
        print("Kubernetes:", answer.status_code, answer.json()["kind"], answer.json().get("reason"))

async def main():
    directory = WorldDirectory(Path(sys.argv[1]))
    async with World(directory, FREE) as world:
        await world.opened()
        await asyncio.to_thread(write, world, directory, "before")
        wal = directory.state.with_name("state.db-wal")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, UNLIMITED))
        await asyncio.to_thread(write, world, directory, "refused")
        resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
        await asyncio.to_thread(write, world, directory, "after")

asyncio.run(main())
"""


async def test_write_to_a_full_disk_fails_with_the_protocols_error_and_is_said_once(directory: WorldDirectory) -> None:
    tests = str(Path(__file__).parents[1])
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _FULL_DISK, str(directory.path), tests],
        env=clean_environment(AWS_MAX_ATTEMPTS="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.splitlines() == [
        "IAM: created",
        "Kubernetes: 201 ConfigMap None",
        "IAM: 500 ServiceFailure",
        "Kubernetes: 500 Status InternalError",
        "IAM: created",
        "Kubernetes: 201 ConfigMap None",
    ], ran.stderr
    assert ran.stderr.count("state.db could not be written") == 1, ran.stderr

    def users(world: World) -> set[str]:
        return {user["UserName"] for user in aws(world, directory, "iam").list_users()["Users"]}

    async with World(directory, FREE) as world:
        assert await asyncio.to_thread(users, world) == {"admin", "before", "after"}
