"""kubectl with a kubeconfig of ``aws eks update-kubeconfig``: its user is the principal of the AWS credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.world import RunningWorld, running_world

ADMIN = "arn:aws:iam::111122223333:user/admin"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        config = str(running.directory / "eks-kubeconfig")
        running.ok("aws", "eks", "update-kubeconfig", "--name", "podrole", "--kubeconfig", config)
        assert "k8s-aws-v1" not in Path(config).read_text(), "each token is new"
        yield RunningWorld(running.directory, {**running.environment, "KUBECONFIG": config}, running.description)


def as_user(world: RunningWorld, key: dict[str, str]) -> RunningWorld:
    credentials = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_SESSION_TOKEN": key.get("SessionToken", ""),
    }
    return RunningWorld(world.directory, {**world.environment, **credentials}, world.description)


def test_the_accounts_administrator_may_do_everything_in_the_cluster(world: RunningWorld) -> None:
    assert "kube-system" in world.ok("kubectl", "get", "namespaces")
    assert world.ok("kubectl", "auth", "can-i", "*", "*").strip() == "yes"
    who = json.loads(world.ok("kubectl", "auth", "whoami", "--output", "json"))["status"]["userInfo"]
    assert who["username"] == ADMIN
    assert "system:authenticated" in who["groups"]
    assert who["extra"]["arn"] == [ADMIN]


def test_temporary_credentials_of_the_administrator_are_accepted(world: RunningWorld) -> None:
    session = world.client("sts").get_session_token()["Credentials"]
    assert "default" in as_user(world, session).ok("kubectl", "get", "namespaces")


def test_user_without_an_access_entry_is_refused(world: RunningWorld) -> None:
    iam = world.client("iam")
    iam.create_user(UserName="guest")
    iam.attach_user_policy(UserName="guest", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName="guest")["AccessKey"]
    done = as_user(world, key).run("kubectl", "get", "namespaces")
    assert done.returncode != 0
    assert "You must be logged in to the server" in done.stderr


def test_deactivated_access_key_is_refused_by_the_cluster(world: RunningWorld) -> None:
    iam = world.client("iam")
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    holder = as_user(world, key)
    holder.ok("kubectl", "get", "namespaces")
    iam.update_access_key(UserName="admin", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    done = holder.run("kubectl", "get", "namespaces")
    assert done.returncode != 0
    assert "You must be logged in to the server" in done.stderr
