"""Requests signed by botocore, to be spoilt and sent as raw HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import httpx2
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.aws import ADMIN_KEY, ADMIN_SECRET, REGION, LocalAWS

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@dataclass(frozen=True)
class Signed:
    """A request as it would be sent. ``changed`` returns one with other parts."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def changed(self, **parts: Any) -> Signed:
        return dataclasses.replace(self, **parts)

    def with_header(self, name: str, value: str | None) -> Signed:
        """Return the request with another value of one header, or without it."""
        kept = {one: text for one, text in self.headers.items() if one.lower() != name.lower()}
        return self.changed(headers=kept if value is None else {**kept, name: value})

    def replaced(self, old: str, new: str) -> Signed:
        """Return the request with a text replaced in its Authorization header, or in its URL."""
        authorization = self.headers.get("Authorization")
        if authorization is None:
            assert old in self.url
            return self.changed(url=self.url.replace(old, new))
        assert old in authorization
        return self.with_header("Authorization", authorization.replace(old, new))

    def send(self, aws: LocalAWS) -> httpx2.Response:
        return aws.http.request(self.method, self.url, headers=self.headers, content=self.body)


@contextlib.contextmanager
def clock_of_botocore(seconds: float) -> Iterator[None]:
    """Have botocore's signer take it for this time, in epoch seconds."""
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    with mock.patch.object(auth, "get_current_datetime", return_value=at):
        yield


def sign(
    aws: LocalAWS,
    service: str,
    *,
    method: str = "POST",
    path: str = "/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    credentials: dict[str, str] | None = None,
    region: str = REGION,
    offset: float = 0.0,
    signer: str = "SigV4Auth",
    **options: Any,
) -> Signed:
    """Sign with botocore. ``offset`` is how far its clock is from the endpoint's, in seconds."""
    given = credentials or {"AccessKeyId": ADMIN_KEY, "SecretAccessKey": ADMIN_SECRET}
    keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given.get("SessionToken"))
    request = AWSRequest(method, aws.url + path, headers=dict(headers or {}), data=body)
    with clock_of_botocore(aws.now() + offset):
        getattr(auth, signer)(keys, service, region, **options).add_auth(request)
    prepared = request.prepare()
    names = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    names.setdefault("Host", urlsplit(aws.url).netloc)
    names.pop("Content-Length", None)  # httpx counts what is really sent
    return Signed(method, prepared.url, names, body)


def caller_identity(aws: LocalAWS, **options: Any) -> Signed:
    """GetCallerIdentity: of a query service."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    return sign(aws, "sts", body=body, headers=FORM, **options)


def describe_instances(aws: LocalAWS, **options: Any) -> Signed:
    """DescribeInstances: of EC2."""
    body = b"Action=DescribeInstances&Version=2016-11-15"
    return sign(aws, "ec2", body=body, headers=FORM, **options)


def list_tables(aws: LocalAWS, **options: Any) -> Signed:
    """ListTables: of a service that speaks JSON."""
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"}
    return sign(aws, "dynamodb", body=b"{}", headers=headers, **options)


def list_clusters(aws: LocalAWS, **options: Any) -> Signed:
    """ListClusters: of a service that speaks REST with JSON."""
    return sign(aws, "eks", method="GET", path="/clusters", **options)


def list_buckets(aws: LocalAWS, **options: Any) -> Signed:
    """ListBuckets: of S3."""
    return sign(aws, "s3", method="GET", **{"signer": "S3SigV4Auth", **options})


SERVICES = {
    "query": caller_identity,
    "ec2": describe_instances,
    "json": list_tables,
    "rest-json": list_clusters,
    "s3": list_buckets,
}
SIGNING_NAMES = {"query": "sts", "ec2": "ec2", "json": "dynamodb", "rest-json": "eks", "s3": "s3"}
