"""A world that is killed at any moment has every write that it acknowledged when it starts again, and none by half.

Each worker changes things of its own, one call after another, and keeps what each acknowledged call has left. After a
kill its last call may have happened or not; everything else must be as it was acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from podrole.account.store import AccountStore
from podrole.base.clock import system_clock
from podrole.base.journal import Journal
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory
from support.account_invariants import check
from support.world import FREE_PORTS, LIMIT_SECONDS, PODROLE, clean_environment

CLUSTER = "podrole"
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"
POLICIES = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AmazonS3FullAccess"]
_MOST = 6
"""Names that a worker has at a time."""

_session = botocore.session.Session()


class Gone(Exception):
    """The world does not answer any more."""


class Clients:
    """How to reach a running world."""

    def __init__(self, directory: WorldDirectory) -> None:
        self._directory = directory
        self._running = directory.running()
        self.iam, self.eks = self._aws("iam"), self._aws("eks")
        self._cluster = httpx2.Client(
            base_url=self._running.cluster_url,
            verify=ssl.create_default_context(cafile=str(directory.authority)),
            headers={"Authorization": f"Bearer {directory.administrator_token()}"},
            timeout=20,
        )

    def _aws(self, service: str) -> Any:
        key, secret = self._directory.admin_credentials()
        return _session.create_client(
            service,
            endpoint_url=self._running.aws_url,
            region_name=self._running.region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, max_pool_connections=20, read_timeout=20),
        )

    def kubernetes(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        answer = self._cluster.request(
            method, path, content=json.dumps(body) if body is not None else None, headers={"Content-Type": content_type}
        )
        assert answer.is_success, answer.text
        return answer.json()

    def close(self) -> None:
        self.iam.close()
        self.eks.close()
        self._cluster.close()


class Worker:
    """Changes things under names of its own; ``kept`` is what each name was left as, by what was acknowledged.

    A value of None in a state is one that no answer has told yet.
    """

    def __init__(self, number: int, seed: int) -> None:
        self.number = number
        self.random = random.Random(seed)
        self.kept: dict[str, dict[str, Any]] = {}
        self.pending: tuple[str, dict[str, Any] | None] | None = None
        self.acknowledged = 0

    def create(self, clients: Clients, name: str) -> None:
        raise NotImplementedError

    def update(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def delete(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def found(self, clients: Clients) -> dict[str, dict[str, Any]]:
        """Return what there is under this worker's names."""
        raise NotImplementedError

    def work(self, clients: Clients) -> None:
        """Create, change or delete something. Raises Gone."""
        choice = self.random.random()
        if not self.kept or (choice < 0.3 and len(self.kept) < _MOST):
            self.create(clients, f"w{self.number}-{self.random.randrange(10**9)}")
            return
        name = self.random.choice(sorted(self.kept))
        (self.delete if choice > 0.85 else self.update)(clients, name, self.kept[name])

    def call(
        self, name: str, after: dict[str, Any] | None, call: Callable[[], Any], told: Callable[[Any], dict[str, Any]]
    ) -> None:
        """Make a call that leaves ``after`` under a name (None: nothing); ``told`` is what its answer adds to that."""
        self.pending = (name, after)
        try:
            answer = call()
            state = after if after is None else {**after, **told(answer)}
        except (BotoCoreError, ResponseParserError, KeyError, httpx2.HTTPError) as problem:
            raise Gone from problem  # botocore takes an answer that was cut off for a shorter one
        self._keep(name, state)
        self.pending = None
        self.acknowledged += 1

    def _keep(self, name: str, state: dict[str, Any] | None) -> None:
        if state is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = state

    def check(self, clients: Clients) -> None:
        """Compare what there is with what was acknowledged, and go on from what there is."""
        found = self.found(clients)
        if self.pending is not None:
            name, after = self.pending
            if _same(found.get(name), after):
                self._keep(name, after)
        assert found.keys() == self.kept.keys(), self.pending
        for name, state in self.kept.items():
            assert _same(found[name], state), f"{name} is {found[name]} instead of {state}; under way: {self.pending}"
        self.kept, self.pending = found, None


def _same(found: dict[str, Any] | None, expected: dict[str, Any] | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return all(value is None or found[key] == value for key, value in expected.items())


def _trust(number: int) -> dict[str, Any]:
    statement = {
        "Sid": f"s{number}",
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _nothing(_: Any) -> dict[str, Any]:
    return {}


class Users(Worker):
    """IAM users with a permissions boundary, policies and access keys."""

    def create(self, clients: Clients, name: str) -> None:
        state = {"id": None, "boundary": BOUNDARY, "attached": [], "keys": 0, "key_ids": [], "tags": {"name": name}}
        self.call(
            name,
            state,
            lambda: clients.iam.create_user(
                UserName=name, PermissionsBoundary=BOUNDARY, Tags=[{"Key": "name", "Value": name}]
            ),
            lambda answer: {"id": answer["User"]["UserId"]},
        )

    def update(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        if self.random.random() < 0.3 and state["keys"] < 2:
            self.call(
                name,
                {**state, "keys": state["keys"] + 1, "key_ids": None},
                lambda: clients.iam.create_access_key(UserName=name),
                lambda answer: {"key_ids": sorted([*state["key_ids"], answer["AccessKey"]["AccessKeyId"]])},
            )
        else:
            _toggle_policy(self, clients, name, state, "user", "UserName")

    def delete(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        for key in state["key_ids"]:
            rest = [other for other in self.kept[name]["key_ids"] if other != key]
            after = {**self.kept[name], "keys": len(rest), "key_ids": rest}
            self.call(
                name, after, lambda key=key: clients.iam.delete_access_key(UserName=name, AccessKeyId=key), _nothing
            )
        while self.kept[name]["attached"]:
            _toggle_policy(self, clients, name, self.kept[name], "user", "UserName", self.kept[name]["attached"][0])
        self.call(name, None, lambda: clients.iam.delete_user(UserName=name), _nothing)

    def found(self, clients: Clients) -> dict[str, dict[str, Any]]:
        users = {}
        for user in _details(clients, "User", "UserDetailList"):
            name = user["UserName"]
            if name.startswith(f"w{self.number}-"):
                keys = [key["AccessKeyId"] for key in clients.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]
                users[name] = {
                    "id": user["UserId"],
                    "boundary": user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
                    "attached": sorted(policy["PolicyArn"] for policy in user["AttachedManagedPolicies"]),
                    "keys": len(keys),
                    "key_ids": sorted(keys),
                    "tags": {tag["Key"]: tag["Value"] for tag in user.get("Tags", [])},
                }
        return users


class Roles(Worker):
    """IAM roles whose trust policy changes."""

    def create(self, clients: Clients, name: str) -> None:
        trust = _trust(self.random.randrange(10**6))
        self.call(
            name,
            {"id": None, "boundary": BOUNDARY, "attached": [], "trust": trust},
            lambda: clients.iam.create_role(
                RoleName=name, PermissionsBoundary=BOUNDARY, AssumeRolePolicyDocument=json.dumps(trust)
            ),
            lambda answer: {"id": answer["Role"]["RoleId"]},
        )

    def update(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        if self.random.random() < 0.5:
            trust = _trust(self.random.randrange(10**6))
            self.call(
                name,
                {**state, "trust": trust},
                lambda: clients.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust)),
                _nothing,
            )
        else:
            _toggle_policy(self, clients, name, state, "role", "RoleName")

    def delete(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        while self.kept[name]["attached"]:
            _toggle_policy(self, clients, name, self.kept[name], "role", "RoleName", self.kept[name]["attached"][0])
        self.call(name, None, lambda: clients.iam.delete_role(RoleName=name), _nothing)

    def found(self, clients: Clients) -> dict[str, dict[str, Any]]:
        return {
            role["RoleName"]: {
                "id": role["RoleId"],
                "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
                "attached": sorted(policy["PolicyArn"] for policy in role["AttachedManagedPolicies"]),
                "trust": role["AssumeRolePolicyDocument"],
            }
            for role in _details(clients, "Role", "RoleDetailList")
            if role["RoleName"].startswith(f"w{self.number}-")
        }


def _toggle_policy(
    worker: Worker,
    clients: Clients,
    name: str,
    state: dict[str, Any],
    kind: str,
    parameter: str,
    policy: str | None = None,
) -> None:
    policy = policy or worker.random.choice(POLICIES)
    verb = "detach" if policy in state["attached"] else "attach"
    call = getattr(clients.iam, f"{verb}_{kind}_policy")
    after = sorted({*state["attached"]} ^ {policy})
    worker.call(name, {**state, "attached": after}, lambda: call(**{parameter: name, "PolicyArn": policy}), _nothing)


def _details(clients: Clients, kind: str, key: str) -> Iterator[dict[str, Any]]:
    pages = clients.iam.get_paginator("get_account_authorization_details").paginate(Filter=[kind])
    for page in pages:
        yield from page[key]


class Associations(Worker):
    """EKS Pod Identity associations, by their service accounts."""

    def role(self, clients: Clients) -> str:
        return f"arn:aws:iam::111122223333:role/associated-{self.random.randrange(2)}"

    def create(self, clients: Clients, name: str) -> None:
        role = self.role(clients)
        self.call(
            name,
            {"id": None, "role": role},
            lambda: clients.eks.create_pod_identity_association(
                clusterName=CLUSTER, namespace="default", serviceAccount=name, roleArn=role
            ),
            lambda answer: {"id": answer["association"]["associationId"]},
        )

    def update(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        role = self.role(clients)
        self.call(
            name,
            {**state, "role": role},
            lambda: clients.eks.update_pod_identity_association(
                clusterName=CLUSTER, associationId=state["id"], roleArn=role
            ),
            _nothing,
        )

    def delete(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        self.call(
            name,
            None,
            lambda: clients.eks.delete_pod_identity_association(clusterName=CLUSTER, associationId=state["id"]),
            _nothing,
        )

    def found(self, clients: Clients) -> dict[str, dict[str, Any]]:
        associations = {}
        for page in clients.eks.get_paginator("list_pod_identity_associations").paginate(clusterName=CLUSTER):
            for summary in page["associations"]:
                name, made = summary["serviceAccount"], summary["associationId"]
                if name.startswith(f"w{self.number}-"):
                    described = clients.eks.describe_pod_identity_association(clusterName=CLUSTER, associationId=made)
                    associations[name] = {"id": made, "role": described["association"]["roleArn"]}
        for name in list(associations)[:1]:  # it is found by its service account too
            with pytest.raises(ClientError, match="Association already exists"):
                clients.eks.create_pod_identity_association(
                    clusterName=CLUSTER, namespace="default", serviceAccount=name, roleArn=self.role(clients)
                )
        return associations


class Objects(Worker):
    """Kubernetes objects of one resource, changed by patches of an annotation."""

    def __init__(self, number: int, seed: int, resource: str, kind: str) -> None:
        super().__init__(number, seed)
        self.path = f"/api/v1/namespaces/default/{resource}"
        self.kind = kind

    def create(self, clients: Clients, name: str) -> None:
        labels, annotations = {"worker": str(self.number)}, {"number": "0"}
        body = {
            "apiVersion": "v1",
            "kind": self.kind,
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
        }
        self.call(
            name,
            {"uid": None, "version": None, "number": "0"},
            lambda: clients.kubernetes("POST", self.path, body),
            _ids,
        )

    def update(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        number = str(self.random.randrange(10**9))
        patch = {"metadata": {"annotations": {"number": number}}}
        self.call(
            name,
            {**state, "version": None, "number": number},
            lambda: clients.kubernetes("PATCH", f"{self.path}/{name}", patch, "application/merge-patch+json"),
            _ids,
        )

    def delete(self, clients: Clients, name: str, state: dict[str, Any]) -> None:
        self.call(name, None, lambda: clients.kubernetes("DELETE", f"{self.path}/{name}"), _nothing)

    def found(self, clients: Clients) -> dict[str, dict[str, Any]]:
        listed = clients.kubernetes("GET", f"{self.path}?labelSelector=worker%3D{self.number}")
        versions = [int(state["version"]) for state in self.kept.values() if state["version"] is not None]
        assert int(listed["metadata"]["resourceVersion"]) >= max(versions, default=0)
        return {
            item["metadata"]["name"]: {**_ids(item), "number": item["metadata"]["annotations"]["number"]}
            for item in listed["items"]
        }


def _ids(obj: dict[str, Any]) -> dict[str, Any]:
    return {"uid": obj["metadata"]["uid"], "version": obj["metadata"]["resourceVersion"]}


@contextmanager
def starting(directory: WorldDirectory, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a world in the foreground; at the end it is killed if it still runs."""
    with output.open("ab") as file:
        process = subprocess.Popen(
            [PODROLE, "up", "--dir", str(directory.path), *FREE_PORTS],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until_up(directory: WorldDirectory, process: subprocess.Popen[bytes], output: Path) -> Clients:
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, output.read_text()
        try:
            running = directory.running()
        except NotRunning:
            running = None
        if running is not None and running.pid == process.pid:
            return Clients(directory)
        time.sleep(0.02)
    raise AssertionError(f"the world did not start: {output.read_text()}")


def load(workers: list[Worker], clients: Clients, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let all workers work at the same time, and kill the world meanwhile."""
    problems: list[BaseException] = []

    def work(worker: Worker) -> None:
        try:
            while True:
                worker.work(clients)
        except Gone:
            pass
        except BaseException as problem:  # noqa: BLE001 - raised again in the test
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    process.kill()
    process.wait()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    if problems:
        raise problems[0]


def check_files(directory: WorldDirectory, place: Path) -> None:
    """Check the account's records in a copy of the files that the killed world has left."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for file in directory.path.glob("state.db*"):
        shutil.copy(file, place / file.name)
    journal = Journal(place / "state.db")
    check(AccountStore(system_clock, os.urandom, journal))
    journal.close()


def crash(tmp_path: Path, kills: int) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")  # shown if the test fails
    chance = random.Random(seed)
    directory, output = WorldDirectory(tmp_path / ".podrole"), tmp_path / "output"
    workers: list[Worker] = [
        Users(1, seed),
        Users(2, seed),
        Roles(3, seed),
        Associations(4, seed),
        Objects(5, seed, "configmaps", "ConfigMap"),
        Objects(6, seed, "configmaps", "ConfigMap"),
        Objects(7, seed, "serviceaccounts", "ServiceAccount"),
    ]
    for number in range(kills):
        if number % 3 == 2:  # killed while it starts
            with starting(directory, output):
                time.sleep(chance.uniform(0.1, 1.5))
        with starting(directory, output) as process:
            clients = wait_until_up(directory, process, output)
            if number == 0:
                for role in range(2):
                    clients.iam.create_role(
                        RoleName=f"associated-{role}", AssumeRolePolicyDocument=json.dumps(_trust(role))
                    )
            for worker in workers:
                worker.check(clients)
            load(workers, clients, process, chance.uniform(0.05, 1.5))
            clients.close()
        check_files(directory, tmp_path / "copy")
    for _ in range(2):  # after the last kill, and after an orderly stop
        with starting(directory, output) as process:
            clients = wait_until_up(directory, process, output)
            for worker in workers:
                worker.check(clients)
            clients.close()
            process.terminate()
            assert process.wait(30) == 0
    assert all(worker.acknowledged > kills for worker in workers), [worker.acknowledged for worker in workers]


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    crash(tmp_path, kills=3)


@pytest.mark.soak
@pytest.mark.timeout(2_400)
def test_what_was_acknowledged_is_there_after_two_hundred_kills(tmp_path: Path) -> None:
    crash(tmp_path, kills=200)
