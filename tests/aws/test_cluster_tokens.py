"""The tokens of ``aws eks get-token`` prove who made them, to the cluster they were made for."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podrole.aws.eks.cluster_tokens import Identity
from podrole.world.aws_users import aws_user
from support.aws import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, LocalAWS, allow, trust_of
from support.signing import Signed, sign

ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"


def presigned(
    aws: LocalAWS, *, cluster: str | None = "podrole", action: str = "GetCallerIdentity", **options: Any
) -> Signed:
    headers = {} if cluster is None else {"x-k8s-aws-id": cluster}
    path = f"/?Action={action}&Version=2011-06-15"
    given = {"expires": 60, **options}
    return sign(aws, "sts", method="GET", path=path, headers=headers, signer="SigV4QueryAuth", **given)


def token_of(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def identity(aws: LocalAWS, token: str) -> Identity | None:
    assert aws.endpoint is not None
    return aws.endpoint.cluster_identity(token)


def test_a_token_of_the_aws_cli_proves_its_user(aws: LocalAWS, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }
    command = [sys.executable, "-m", "awscli", "eks", "get-token", "--cluster-name", "podrole"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    credential = json.loads(done.stdout)
    found = identity(aws, credential["status"]["token"])
    assert found is not None
    assert (found.arn, found.caller_arn, found.access_key_id) == (ADMIN, ADMIN, ADMIN_KEY)


def test_a_session_proves_its_role(aws: LocalAWS) -> None:
    role = aws.role("deployer", trust_of(ADMIN), Path="/team/")
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    found = identity(aws, token_of(presigned(aws, credentials=session).url))
    assert found is not None
    assert (found.arn, found.session) == (f"arn:aws:iam::{ACCOUNT}:role/team/deployer", "ci")
    assert found.caller_arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/ci"


def test_a_token_is_valid_for_fifteen_minutes(aws: LocalAWS) -> None:
    token = token_of(presigned(aws).url)
    aws.offset = 890
    assert identity(aws, token) is not None
    aws.offset = 910
    assert identity(aws, token) is None


BAD: dict[str, Callable[[LocalAWS], str]] = {
    "for another cluster": lambda aws: token_of(presigned(aws, cluster="other").url),
    "for no cluster": lambda aws: token_of(presigned(aws, cluster=None).url),
    "of another action": lambda aws: token_of(presigned(aws, action="GetSessionToken").url),
    "with a wrong secret": lambda aws: token_of(
        presigned(aws, credentials={"AccessKeyId": ADMIN_KEY, "SecretAccessKey": "x"}).url
    ),
    "with an unknown key": lambda aws: token_of(
        presigned(aws, credentials={"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}).url
    ),
    "with a parameter more": lambda aws: token_of(presigned(aws).url + "&X=1"),
    "with a parameter twice": lambda aws: token_of(presigned(aws).url + "&Action=GetCallerIdentity"),
    "with its action changed": lambda aws: token_of(presigned(aws).url.replace("GetCallerIdentity", "GetSessionToken")),
    "for another path": lambda aws: token_of(presigned(aws).url.replace("/?", "/path?")),
    "for another host": lambda aws: token_of(presigned(aws).url.replace("127.0.0.1", "sts.example.com")),
    "of another scheme": lambda aws: token_of(presigned(aws).url.replace("http://", "ftp://")),
    "with a fragment": lambda aws: token_of(presigned(aws).url + "#x"),
    "of another service's scope": lambda aws: token_of(presigned(aws).url.replace("%2Fsts%2F", "%2Fiam%2F")),
    "without its prefix": lambda aws: token_of(presigned(aws).url)[11:],
    "of the next version": lambda aws: token_of(presigned(aws).url).replace("v1", "v2"),
    "that is no base64": lambda aws: "k8s-aws-v1.%%%",
    "that is no URL": lambda aws: token_of("nonsense"),
    "of half an address": lambda aws: token_of("http://[::1/?Action=GetCallerIdentity"),
    "of other letters": lambda aws: token_of("http://exämple/?Action=GetCallerIdentity"),
    "without end": lambda aws: token_of("http://" + "x" * 20_000),
    "that is empty": lambda aws: "k8s-aws-v1.",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_an_invalid_token_is_refused(aws: LocalAWS, token: Callable[[LocalAWS], str]) -> None:
    assert identity(aws, token(aws)) is None


def test_the_clusters_administrator_is_known_by_its_unique_id(aws: LocalAWS) -> None:
    assert aws.endpoint is not None
    token = token_of(presigned(aws).url)
    user = aws_user(aws.endpoint, token)
    assert user is not None
    assert (user.name, user.groups) == (ADMIN, ("system:masters",))
    other = aws.client("iam", aws.user("second", allow("*")))
    other.delete_access_key(UserName="admin", AccessKeyId=ADMIN_KEY)
    assert aws_user(aws.endpoint, token) is None
    other.detach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    other.delete_user(UserName="admin")
    other.create_user(UserName="admin")
    key = other.create_access_key(UserName="admin")["AccessKey"]
    again = token_of(presigned(aws, credentials=key).url)
    assert identity(aws, again) is not None
    assert aws_user(aws.endpoint, again) is None


def test_other_principals_are_refused_whatever_their_permissions_in_aws(aws: LocalAWS) -> None:
    assert aws.endpoint is not None
    key = aws.user("second", allow("*"))
    role = aws.role("deployer", trust_of(ADMIN), allow("*"))
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="admin")["Credentials"]
    federated = aws.client("sts").get_federation_token(Name="admin")["Credentials"]
    for credentials in (key, session, federated):
        token = token_of(presigned(aws, credentials=credentials).url)
        assert identity(aws, token) is not None
        assert aws_user(aws.endpoint, token) is None
