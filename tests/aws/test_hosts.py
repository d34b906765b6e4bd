"""AWS's own host names, and calls that use them."""

from __future__ import annotations

import json
import re
import runpy
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx2
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import ClientError, EndpointProviderError
from botocore.loaders import Loader

from podrole.aws.authenticate import _SIGNED_ELSEWHERE
from podrole.aws.protocol.hosts import AWSHost, aws_host
from podrole.base.certificates import Authority
from support.aws import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, LocalAWS
from support.signing import FORM, sign

NAMES = [
    ("s3.amazonaws.com", ("s3", "", "")),
    ("b.s3.amazonaws.com", ("s3", "", "b")),
    ("a.b.s3.eu-west-1.amazonaws.com:443", ("s3", "eu-west-1", "a.b")),
    ("B.S3.dualstack.us-west-2.amazonaws.com.", ("s3", "us-west-2", "b")),
    ("dualstack.s3.us-west-2.amazonaws.com", ("s3", "us-west-2", "dualstack")),
    ("us-west-2.s3.amazonaws.com", ("s3", "", "us-west-2")),
    ("s3-eu-west-1.s3.amazonaws.com", ("s3", "", "s3-eu-west-1")),
    ("s3.s3.us-east-1.amazonaws.com", ("s3", "us-east-1", "s3")),
    ("sqs.us-east-1.s3.us-west-2.amazonaws.com", ("s3", "us-west-2", "sqs.us-east-1")),
    ("b.s3-eu-west-1.amazonaws.com", ("s3", "eu-west-1", "b")),
    ("b.s3-fips.us-gov-west-1.amazonaws.com", ("s3", "us-gov-west-1", "b")),
    ("b.s3-fips.dualstack.us-east-1.amazonaws.com", ("s3", "us-east-1", "b")),
    ("b.s3-accelerate.amazonaws.com", ("s3", "", "b")),
    ("b.s3-accelerate.dualstack.amazonaws.com", ("s3", "", "b")),
    ("111122223333.s3-control.us-east-1.amazonaws.com", ("s3control", "us-east-1", "111122223333")),
    ("111122223333.s3-control.podrole.invalid", ("s3control", "", "111122223333")),
    ("queue.amazonaws.com", ("sqs", "", "")),
    ("eu-west-1.queue.amazonaws.com", ("sqs", "eu-west-1", "")),
    ("sqs.cn-north-1.amazonaws.com.cn", ("sqs", "cn-north-1", "")),
    ("sqs-fips.us-gov-west-1.amazonaws.com", ("sqs", "us-gov-west-1", "")),
    ("sqs.us-east-1.api.aws", ("sqs", "us-east-1", "")),
    ("sts.amazonaws.com", ("sts", "", "")),
    ("iam.us-gov.amazonaws.com", ("iam", "", "")),
    ("iam.global.api.aws", ("iam", "", "")),
    ("iam.cn-north-1.amazonaws.com.cn", ("iam", "cn-north-1", "")),
    ("global.health.amazonaws.com", ("health", "", "")),
    ("api.ecr.us-east-1.amazonaws.com", ("ecr", "us-east-1", "")),
    ("111122223333.dkr.ecr.us-east-1.amazonaws.com", ("ecr", "us-east-1", "111122223333.dkr")),
    ("111122223333.ddb.us-east-1.amazonaws.com", ("dynamodb", "us-east-1", "111122223333")),
    ("a1b2.execute-api.eu-west-1.amazonaws.com", ("apigatewaymanagementapi", "eu-west-1", "a1b2")),
    ("data-ats.iot.us-east-1.amazonaws.com", ("iot-data", "us-east-1", "")),
    ("data-servicediscovery.us-east-1.amazonaws.com", ("servicediscovery", "us-east-1", "")),
    ("runtime.sagemaker.us-east-1.amazonaws.com", ("sagemaker-runtime", "us-east-1", "")),
    ("name-111122223333.s3-accesspoint.us-east-1.amazonaws.com", ("", "us-east-1", "name-111122223333")),
]


@pytest.mark.parametrize(("host", "read"), NAMES, ids=[name for name, _ in NAMES])
def test_name_says_service_region_and_what_stands_before_them(host: str, read: tuple[str, str, str]) -> None:
    found = aws_host(host)
    assert found is not None
    assert (",".join(found.services), found.region, found.prefix) == read


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:4566",
        "[::1]:4566",
        "127.0.0.1",
        "example.com",
        "amazonaws.com",
        "sqs.us-east-1.amazonaws.com.example.com",
        "sqs.us-east-1.notamazonaws.com",
        "awscli.amazonaws.com",
        "sqs.us-east-1.us-east-1.amazonaws.com.",
        "us-east-1.amazonaws.com",
        ".amazonaws.com",
    ],
)
def test_other_names_say_nothing(host: str) -> None:
    assert aws_host(host) is None


def test_longest_name_is_that_of_dns() -> None:
    name = "s3.us-east-1.amazonaws.com"
    assert aws_host("a" * (253 - len(name) - 1) + f".{name}.:443") is not None
    assert aws_host("a" * (254 - len(name) - 1) + f".{name}") is None
    began = time.process_time()
    assert aws_host("a." * 15_000 + name) is None
    assert time.process_time() - began < 0.5


SCRIPT = Path(__file__).parents[2] / "scripts" / "host_table.py"


@pytest.mark.soak
def test_the_table_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, str(SCRIPT), "--check"], check=False)
    assert checked.returncode == 0, "run: python scripts/host_table.py"


def test_the_table_is_up_to_date_for_every_twentieth_service_and_the_special_ones() -> None:
    script = runpy.run_path(str(SCRIPT))
    some = {*Loader().list_available_services("service-2")[::20], *script["FURTHER"], "sts", "iam"}
    stored = json.loads(script["TARGET"].read_text())
    expected = {stem: kept for stem, services in stored.items() if (kept := [one for one in services if one in some])}
    made = {stem: services for stem, services in script["table"](some).items() if services}
    assert made == expected, "run: python scripts/host_table.py"


def signing_regions() -> Iterator[tuple[str, AWSHost, str]]:
    loader = Loader()
    partitions = loader.load_data("partitions")
    for service in loader.list_available_services("service-2"):
        provider = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
        for region in ("us-east-1", "eu-west-1", "us-gov-west-1"):
            try:
                endpoint = provider.resolve_endpoint(Region=region)
            except EndpointProviderError:
                continue
            host = aws_host(urlsplit(endpoint.url).hostname or "")
            schemes = endpoint.properties.get("authSchemes", [])
            if host is not None:
                yield service, host, next((one["signingRegion"] for one in schemes if "signingRegion" in one), region)


def test_requests_are_signed_for_the_region_in_the_name() -> None:
    elsewhere = {service for service, host, region in signing_regions() if host.region not in ("", region)}
    assert elsewhere == _SIGNED_ELSEWHERE


Client = Callable[..., Any]
LIST_QUEUES = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}


@pytest.fixture
def named(aws: LocalAWS, authority: Authority, tmp_path: Path) -> Iterator[Client]:
    """Make boto3 clients that know nothing of the local AWS but its proxy and its authority."""
    bundle = tmp_path / "ca.crt"
    bundle.write_bytes(authority.certificate_pem)
    made: list[Any] = []

    def client(service: str, region: str = "us-east-1", *, use_ssl: bool = True, **config: Any) -> Any:
        settings = Config(proxies={"http": aws.url, "https": aws.url}, retries={"max_attempts": 0}, **config)
        made.append(
            boto3.client(
                service,
                region_name=region,
                use_ssl=use_ssl,
                aws_access_key_id=ADMIN_KEY,
                aws_secret_access_key=ADMIN_SECRET,
                verify=str(bundle),
                config=settings,
            )
        )
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.mark.services
def test_queue_url_leads_to_where_the_request_came_in(aws: LocalAWS, named: Client, authority: Authority) -> None:
    sqs = named("sqs", "eu-west-1")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert url == f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/orders"
    sqs.send_message(QueueUrl=url, MessageBody="m")
    direct = aws.client("sqs")
    own = direct.create_queue(QueueName="direct", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    assert own == f"{aws.url}/{ACCOUNT}/direct"
    assert direct.list_queues()["QueueUrls"] == [own]
    assert direct.get_queue_url(QueueName="direct")["QueueUrl"] == own
    assert direct.get_queue_attributes(QueueUrl=own, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "7"
    tls = aws.url.replace("http:", "https:")
    answer = sign(aws, "sqs", headers={"Host": tls.removeprefix("https://"), **LIST_QUEUES}, body=b"{}")
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    assert httpx2.post(tls, headers=answer.headers, content=b"{}", verify=context).json()["QueueUrls"] == [
        own.replace("http:", "https:")
    ]


@pytest.mark.services
@pytest.mark.parametrize("style", ["virtual", "path"])
@pytest.mark.parametrize("flags", [{}, {"use_dualstack_endpoint": True}, {"use_fips_endpoint": True}])
def test_bucket_in_the_name_and_in_the_path(named: Client, style: str, flags: dict[str, bool]) -> None:
    s3 = named("s3", "us-west-2", s3={"addressing_style": style}, **flags)
    s3.create_bucket(Bucket="my-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="my-bucket", Key="a/b", Body=b"x")
    assert s3.get_object(Bucket="my-bucket", Key="a/b")["Body"].read() == b"x"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="my-bucket")["Contents"]] == ["a/b"]
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "my-bucket", "Key": "a/b"})
    assert ("my-bucket.s3" in link) is (style == "virtual")


@pytest.mark.services
def test_account_in_the_name(named: Client) -> None:
    answer = named("s3control").list_access_points(AccountId=ACCOUNT)
    assert answer["AccessPointList"] == []


@pytest.mark.services
def test_access_points_are_not_taken_for_buckets(named: Client) -> None:
    arn = f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/point"
    with pytest.raises(ClientError, match="s3-accesspoint") as refused:
        named("s3").get_object(Bucket=arn, Key="k")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_plain_http_by_the_proxy(named: Client) -> None:
    assert named("sts", use_ssl=False).get_caller_identity()["Account"] == ACCOUNT


@pytest.mark.services
def test_unsigned_call_is_of_the_region_and_the_service_in_the_name(aws: LocalAWS, named: Client) -> None:
    cognito = named("cognito-identity", "eu-west-1")
    pool = cognito.create_identity_pool(IdentityPoolName="p", AllowUnauthenticatedIdentities=True)["IdentityPoolId"]
    anonymous = named("cognito-identity", "eu-west-1", signature_version=UNSIGNED)
    assert anonymous.get_id(IdentityPoolId=pool)["IdentityId"].startswith("eu-west-1:")
    with pytest.raises(ClientError):
        named("sso-oidc", "eu-west-1").register_client(clientName="c", clientType="public")
    assert aws.last_event().what == "sso-oidc:RegisterClient"


@pytest.mark.parametrize(
    ("host", "service", "region", "text"),
    [
        ("sts.us-west-2.amazonaws.com", "sts", "us-west-2", None),
        ("sts.amazonaws.com", "sts", "us-east-1", None),
        ("127.0.0.1", "sts", "us-west-2", None),
        ("sts.us-west-2.amazonaws.com", "sts", "us-east-1", "a valid region, not &apos;us-east-1&apos;. "),
        ("sts.us-west-2.amazonaws.com", "iam", "us-west-2", "correct service: &apos;sts&apos;. "),
    ],
)
def test_signature_must_be_for_the_service_and_the_region_in_the_name(
    aws: LocalAWS, host: str, service: str, region: str, text: str | None
) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    answer = sign(aws, service, headers={"Host": host, **FORM}, body=body, region=region).send(aws)
    said = re.search("<Message>Credential should be scoped to (.*)</Message>", answer.text.replace("'", "&apos;"))
    assert (said[1] if said else None) == text
    assert answer.status_code == (200 if text is None else 403)


@pytest.mark.services
@pytest.mark.parametrize("host", ['evil"}', "a/b", "<x>", "x y"])
def test_host_that_is_none_is_not_written_into_an_answer(aws: LocalAWS, host: str) -> None:
    body = json.dumps({"QueueName": "q"}).encode()
    headers = {"Host": host, "X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"}
    answer = sign(aws, "sqs", headers=headers, body=body).send(aws)
    assert answer.json()["QueueUrl"] == f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/q"
