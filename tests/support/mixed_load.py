"""A mixed load on a running world: IAM, exchanges of tokens, S3, SQS, Kubernetes objects, pods for the webhook.

Each worker creates what it needs under new names and deletes it again, so that the world holds as much at the end of a
turn as before it. What stays is what the world itself keeps.
"""

from __future__ import annotations

import itertools
import json
import secrets
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

import botocore.session
import httpx2
from botocore.config import Config

from podrole.world.state import WorldDirectory

AUDIENCE = "sts.amazonaws.com"
NAMESPACE = "default"
_session = botocore.session.Session()


class MixedLoad:
    """Workers that call a world until ``stop``. ``turns`` counts what each kind of worker has done."""

    def __init__(self, directory: WorldDirectory) -> None:
        self._directory = directory
        self._world = directory.running()
        self._stopping = threading.Event()
        self._numbers = itertools.count(1)
        self.turns: dict[str, int] = {}
        self.problems: list[BaseException] = []
        self._http = httpx2.Client(
            base_url=self._world.cluster_url,
            verify=ssl.create_default_context(cafile=str(directory.authority)),
            headers={"Authorization": f"Bearer {directory.administrator_token()}"},
            timeout=60,
        )
        key, secret = directory.admin_credentials()
        self._keys = {"aws_access_key_id": key, "aws_secret_access_key": secret}
        self._iam, self._sts = self._client("iam", **self._keys), self._client("sts", **self._keys)
        self._s3, self._sqs = self._client("s3", **self._keys), self._client("sqs", **self._keys)
        self._queue = ""
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._prepare()
        workers: Sequence[Callable[[], None]] = (
            self._change_iam,
            self._exchange,
            self._use_s3,
            self._use_sqs,
            self._change_objects,
            self._admit_pods,
        )
        self._threads = [threading.Thread(target=self._repeat, args=(worker,)) for worker in workers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for client in (self._iam, self._sts, self._s3, self._sqs, self._http):
            client.close()

    def _repeat(self, work: Callable[[], None]) -> None:
        name = work.__name__.strip("_")
        try:
            while not self._stopping.is_set():
                work()
                self.turns[name] = self.turns.get(name, 0) + 1
        except BaseException as problem:  # noqa: BLE001 - the test raises it
            self.problems.append(problem)

    def _client(self, service: str, **credentials: str) -> Any:
        return _session.create_client(
            service,
            endpoint_url=self._world.aws_url,
            region_name=self._world.region,
            config=Config(retries={"max_attempts": 0}, read_timeout=60, s3={"addressing_style": "path"}),
            **credentials,
        )

    def _name(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}-{secrets.token_hex(4)}"

    def _kubernetes(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def _prepare(self) -> None:
        issuer = self._world.issuer
        self._iam.create_open_id_connect_provider(
            Url=issuer, ClientIDList=[AUDIENCE], ThumbprintList=[self._world.thumbprint]
        )
        host = issuer.removeprefix("https://")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Principal": {"Federated": f"arn:aws:iam::{self._world.account}:oidc-provider/{host}"},
                    "Condition": {
                        "StringEquals": {
                            f"{host}:sub": f"system:serviceaccount:{NAMESPACE}:load",
                            f"{host}:aud": AUDIENCE,
                        }
                    },
                }
            ],
        }
        self._iam.create_role(RoleName="load", AssumeRolePolicyDocument=json.dumps(trust))
        self._iam.put_role_policy(RoleName="load", PolicyName="load", PolicyDocument=_policy("s3:*", "*"))
        self._role = f"arn:aws:iam::{self._world.account}:role/load"
        account = {"metadata": {"name": "load", "annotations": {"eks.amazonaws.com/role-arn": self._role}}}
        self._kubernetes("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
        self._s3.create_bucket(Bucket="load")
        self._queue = self._sqs.create_queue(QueueName="load")["QueueUrl"]

    def _change_iam(self) -> None:
        name = self._name("role")
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Id": name, "Statement": [trust]}
        self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        resources = [f"arn:aws:s3:::{name}/{number}/*" for number in range(40)]
        self._iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=_policy("s3:GetObject", resources))
        self._iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{self._world.account}:role/{name}",
            ActionNames=["s3:GetObject"],
            ResourceArns=[resources[0]],
        )
        self._iam.delete_role_policy(RoleName=name, PolicyName=name)
        self._iam.delete_role(RoleName=name)

    def _exchange(self) -> None:
        token = self._kubernetes(
            "POST",
            f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/load/token",
            {"spec": {"audiences": [AUDIENCE], "expirationSeconds": 3600}},
        )["status"]["token"]
        session = self._sts.assume_role_with_web_identity(
            RoleArn=self._role,
            RoleSessionName=self._name("session"),
            WebIdentityToken=token,
            Policy=_policy("s3:ListBucket", f"arn:aws:s3:::load-{secrets.token_hex(8)}"),
        )["Credentials"]
        assert session["SessionToken"]

    def _use_s3(self) -> None:
        key = self._name("object")
        self._s3.put_object(Bucket="load", Key=key, Body=secrets.token_bytes(20_000))
        self._s3.get_object(Bucket="load", Key=key)["Body"].read()
        self._s3.delete_object(Bucket="load", Key=key)
        bucket = self._name("bucket")
        self._s3.create_bucket(Bucket=bucket)
        resource = f"arn:aws:s3:::{bucket}/*"
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self._s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        self._s3.delete_bucket(Bucket=bucket)

    def _use_sqs(self) -> None:
        self._sqs.send_message(QueueUrl=self._queue, MessageBody=secrets.token_hex(5_000))
        for message in self._sqs.receive_message(QueueUrl=self._queue).get("Messages", ()):
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])

    def _change_objects(self) -> None:
        name = self._name("object")
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
        self._kubernetes("POST", path, {"metadata": {"name": name}, "data": {"text": secrets.token_hex(2_000)}})
        self._kubernetes("DELETE", f"{path}/{name}")

    def _admit_pods(self) -> None:
        name = self._name("pod")
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        pod = {
            "metadata": {"name": name, "annotations": {"podrole.dev/simulate": "true"}},
            "spec": {"serviceAccountName": "load", "containers": [{"name": "main", "image": "busybox"}]},
        }
        made = self._kubernetes("POST", path, pod)
        names = [variable["name"] for variable in made["spec"]["containers"][0]["env"]]
        assert "AWS_WEB_IDENTITY_TOKEN_FILE" in names
        self._kubernetes("DELETE", f"{path}/{name}?gracePeriodSeconds=0")


def _policy(action: str, resource: str | list[str]) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
