"""The local AWS without the extra ``services``: podrole's own services work, the others say how to get them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from podrole.base.certificates import Authority
from podrole.oidc.keys import SigningKey
from support.aws import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, REGION, LocalAWS, allow, local_aws, policy, refused, trust_of

HOW = "pip install 'podrole[services]'"


@pytest.fixture(scope="module")
def bare(signing_key: SigningKey, authority: Authority) -> Iterator[LocalAWS]:
    with local_aws(signing_key, authority, services=False) as running:
        yield running


def client(bare: LocalAWS, service: str, key: str = ADMIN_KEY, secret: str = ADMIN_SECRET) -> Any:
    return boto3.client(
        service, endpoint_url=bare.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret
    )


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "ec2": ("ec2", lambda it: it.describe_instances()),
    "query": ("sns", lambda it: it.list_topics()),
    "json": ("dynamodb", lambda it: it.list_tables()),
    "rest-json": ("lambda", lambda it: it.list_functions()),
    "rest-xml": ("s3", lambda it: it.list_buckets()),
    "rest-xml of another service": ("route53", lambda it: it.list_hosted_zones()),
    "cbor": ("cloudwatch", lambda it: it.list_metrics()),
}


@pytest.mark.parametrize("protocol", CALLS)
def test_a_call_to_another_service_says_how_to_install_it(bare: LocalAWS, protocol: str) -> None:
    service, call = CALLS[protocol]
    code, status, message = refused(lambda: call(client(bare, service)))
    assert (code, status) == ("NotImplemented", 501)
    assert message.endswith(f"{HOW}.")
    assert bare.last_event().code == "NotImplemented"


@pytest.mark.parametrize("protocol", CALLS)
def test_the_call_is_authorized_first(bare: LocalAWS, protocol: str) -> None:
    service, call = CALLS[protocol]
    iam = client(bare, "iam")
    name = protocol.replace(" ", "-")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    code, status, _ = refused(lambda: call(client(bare, service, key["AccessKeyId"], key["SecretAccessKey"])))
    assert code in ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
    assert status in (400, 403)


def test_podroles_own_services_work(bare: LocalAWS) -> None:
    iam, sts = client(bare, "iam"), client(bare, "sts")
    root = f"arn:aws:iam::{ACCOUNT}:root"
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=policy(trust_of(root)))["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=policy(allow("ec2:DescribeInstances")))
    session = sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    assert session["AccessKeyId"].startswith("ASIA")
    assert client(bare, "eks").describe_cluster(name="podrole")["cluster"]["status"] == "ACTIVE"
    organizations = client(bare, "organizations")
    assert organizations.create_organization(FeatureSet="ALL")["Organization"]["MasterAccountId"] == ACCOUNT
    simulated = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["ec2:DescribeInstances"])
    assert simulated["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_an_endpoint_finds_out_whether_the_services_are_installed(aws: LocalAWS) -> None:
    assert aws.endpoint is not None
    assert (aws.endpoint.services is not None) == (importlib.util.find_spec("moto") is not None)
