"""``podrole cluster rotate-keys``, while pods exchange their tokens."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from podrole.world.state import WorldDirectory
from support.world import PODROLE, RunningWorld, kill, podrole, running_world


class Issuing:
    """What a test does with a world's tokens."""

    def __init__(self, world: RunningWorld) -> None:
        self.world = world
        directory = WorldDirectory(world.directory / ".podrole")
        trust = ssl.create_default_context(cafile=directory.authority)
        bearer = {"Authorization": f"Bearer {directory.administrator_token()}"}
        address = str(world.description["cluster_url"])
        self.http = httpx2.Client(base_url=address, headers=bearer, verify=trust, trust_env=False, timeout=30)
        self.role = f"arn:aws:iam::{world.description['account']}:role/rotated"

    def token(self) -> str:
        path = "/api/v1/namespaces/default/serviceaccounts/default/token"
        answer = self.http.post(path, json={"spec": {"audiences": ["sts.amazonaws.com"]}})
        return str(answer.json()["status"]["token"])

    def published(self) -> list[str]:
        return [str(key["kid"]) for key in self.http.get("/openid/v1/jwks").json()["keys"]]

    def aws(self, service: str, **more: Any) -> Any:
        given = self.world.environment
        return boto3.client(
            service,
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_DEFAULT_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            verify=given["AWS_CA_BUNDLE"],
            **more,
        )

    def trust_tokens(self) -> None:
        issuer = str(self.world.description["issuer"])
        provider = self.aws("iam").create_open_id_connect_provider(
            Url=issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[str(self.world.description["thumbprint"])]
        )["OpenIDConnectProviderArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{issuer.removeprefix('https://')}:sub": "system:serviceaccount:default:default"}
            },
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.aws("iam").create_role(RoleName="rotated", AssumeRolePolicyDocument=policy)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@contextlib.contextmanager
def issuing_in(world: RunningWorld) -> Iterator[Issuing]:
    issuing = Issuing(world)
    with contextlib.closing(issuing.http):
        yield issuing


@pytest.fixture
def issuing(world: RunningWorld) -> Iterator[Issuing]:
    with issuing_in(world) as made:
        yield made


def key_of(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def test_no_exchange_fails_while_the_key_changes_and_a_restart_keeps_both(tmp_path: Path) -> None:
    with running_world(tmp_path) as world, issuing_in(world) as issuing:
        issuing.trust_tokens()
        sts = issuing.aws("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
        seen: set[str] = set()
        failures: list[Exception] = []
        stop = threading.Event()

        def exchange(token: str) -> None:
            sts.assume_role_with_web_identity(RoleArn=issuing.role, RoleSessionName="pod", WebIdentityToken=token)

        def go_on() -> None:
            while not stop.is_set():
                token = issuing.token()
                seen.add(key_of(token))
                try:
                    exchange(token)
                except (ClientError, BotoCoreError) as failure:
                    failures.append(failure)

        old = issuing.token()
        exchange(old)
        busy = threading.Thread(target=go_on)
        busy.start()
        done = podrole("cluster", "rotate-keys", "--publish-for", "0.5", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rotated = json.loads(done.stdout)
        new = issuing.token()
        exchange(new)
        stop.set()
        busy.join(30)
        assert failures == []
        assert key_of(old) in seen
        assert key_of(new) == rotated["signing"] == rotated["published"][0] != key_of(old)
        exchange(old)
        assert issuing.published() == [key_of(new), key_of(old)] == rotated["published"]
    with running_world(tmp_path) as world, issuing_in(world) as issuing:
        assert issuing.published() == [key_of(new), key_of(old)]
        assert key_of(issuing.token()) == key_of(new)


def test_output_names_the_keys_and_the_effect(issuing: Issuing) -> None:
    done = podrole("cluster", "rotate-keys", "--publish-for", "0", cwd=issuing.world.directory)
    first, second, third = done.stdout.splitlines()
    assert first == f"New tokens are signed with the key {issuing.published()[0]}."
    assert second == "Still published, for the tokens that they signed: 1 older key."
    assert third.startswith("Pods keep their tokens")


def test_world_that_is_killed_during_a_rotation_keeps_both_keys_and_the_next_rotation_goes_on(tmp_path: Path) -> None:
    with running_world(tmp_path) as world, issuing_in(world) as issuing:
        issuing.trust_tokens()
        old = issuing.token()
        words = (PODROLE, "cluster", "rotate-keys", "--publish-for", "600")
        with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as rotating:
            while len(issuing.published()) == 1:
                assert rotating.poll() is None
            kill(world.pid)
            assert rotating.wait(30) == 1
    with running_world(tmp_path) as world, issuing_in(world) as issuing:
        published = issuing.published()
        assert published[0] == key_of(old) == key_of(issuing.token())
        done = podrole("cluster", "rotate-keys", "--publish-for", "0", "--json", cwd=tmp_path)
        assert json.loads(done.stdout) == {"signing": published[1], "published": published[::-1], "dropped": []}
        assert key_of(issuing.token()) == published[1]


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"[]", "cannot be read"), (b'{"every": 1}', "cannot be read"), (b'{"published_seconds": 601}', "from 0 to 600")],
)
def test_invalid_rotation_request_is_refused(issuing: Issuing, body: bytes, text: str) -> None:
    answer = issuing.http.post("/podrole/rotate-keys", content=body)
    assert answer.status_code == 400
    assert text in answer.json()["message"]


def test_token_of_a_pod_may_not_rotate_keys(issuing: Issuing) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    token = issuing.http.post(path, json={"spec": {}}).json()["status"]["token"]
    before = issuing.published()
    answer = issuing.http.post("/podrole/rotate-keys", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        'forbidden: User "system:serviceaccount:default:default" cannot post path "/podrole/rotate-keys"'
    )
    assert issuing.published() == before


def test_rotation_without_a_running_world_is_refused(tmp_path: Path) -> None:
    done = podrole("cluster", "rotate-keys", cwd=tmp_path)
    assert done.returncode == 1
    assert "No world is running" in done.stderr
