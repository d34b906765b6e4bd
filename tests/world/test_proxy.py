"""The proxy of a world: its rules, and the variables that lead programs to it."""

from __future__ import annotations

import json

import pytest

from podrole.base.proxy import ProxyRequest, Upstream, Way
from podrole.world.proxy import EARLIER, proxy_variables, rules, surroundings

ISSUER = "oidc.eks.us-east-1.amazonaws.com"
FOREIGN = "oidc.example.com"


def way(host: str, port: int = 443, upstream: Upstream | None = None) -> tuple[Way, tuple[str, int]]:
    asked = ProxyRequest(host, port)
    places = {ISSUER: ("127.0.0.1", 7777), FOREIGN: ("127.0.0.1", 8888)}
    made = rules(4566, places, internet=True, upstream=upstream)
    return made.route(asked)[0], made.address(asked)


@pytest.mark.parametrize(
    "host",
    [
        "sts.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "ec2.us-east-1.api.aws",
        "sqs.cn-north-1.amazonaws.com.cn",
        "iam.us-gov.amazonaws.com",
        "sts.eusc-de-east-1.amazonaws.eu",
        "us-east-1.signin.aws.amazon.com",
        "111122223333.s3-control.podrole.invalid",
        "amazonaws.com",
        "no-such-service.amazonaws.com",
    ],
)
def test_names_of_aws_are_answered_here_whatever_the_upstream(host: str) -> None:
    assert way(host, upstream=Upstream("proxy.example", 3128))[0] is Way.HERE
    assert way(host, 8443, Upstream("proxy.example", 3128))[0] is Way.REFUSED


@pytest.mark.parametrize(
    "host", ["example.com", "notamazonaws.com", "amazonaws.com.example.com", "aws.amazon.com", "public.ecr.aws"]
)
def test_other_names_are_passed_on(host: str) -> None:
    assert way(host)[0] is Way.DIRECT
    assert way(host, upstream=Upstream("proxy.example", 3128))[0] is Way.UPSTREAM


def test_issuers_name_leads_to_its_own_listener() -> None:
    assert way(ISSUER) == (Way.DIRECT, ("127.0.0.1", 7777))


def test_issuers_name_of_another_place_leads_there_and_to_no_other_port() -> None:
    assert way(FOREIGN, upstream=Upstream("proxy.example", 3128)) == (Way.DIRECT, ("127.0.0.1", 8888))
    assert way(FOREIGN, 8443)[0] is Way.REFUSED


@pytest.mark.parametrize(
    ("url", "found"), [("http://127.0.0.1:4566", Way.DIRECT), ("http://127.0.0.1:1", Way.UPSTREAM)]
)
def test_proxy_is_not_its_own_upstream(url: str, found: Way) -> None:
    assert way("example.com", upstream=Upstream.of(url))[0] is found


@pytest.mark.parametrize(
    ("exceptions", "kept"),
    [
        ("", ""),
        ("intranet.example,.corp.example,10.0.0.0/8", "intranet.example,.corp.example,10.0.0.0/8"),
        (" a.example , ,b.example:443", "a.example,b.example:443"),
        ("*", ""),
        (".com,com,.COM", ""),
        ("amazonaws.com,.amazonaws.com,*.amazonaws.com", ""),
        ("s3.us-east-1.amazonaws.com,sts.amazonaws.com:443", ""),
        ("aws,.aws,cn,gov,invalid", ""),
        ("notamazonaws.com", "notamazonaws.com"),
        ("localhost,127.0.0.1", ""),
        ("amazonaws.com 10.0.0.1\ta.example", "10.0.0.1,a.example"),
        ("*aws.com,aws.com,ws", ""),
        ("*.amazonaws.*,s3*.example,*.corp.example", "*.corp.example"),
    ],
)
def test_no_exception_lets_calls_to_aws_past_the_proxy(exceptions: str, kept: str) -> None:
    own = "127.0.0.1,localhost,::1"
    found = proxy_variables("http://127.0.0.1:4566", "/bundle", exceptions)
    assert found["NO_PROXY"] == found["no_proxy"] == (f"{own},{kept}" if kept else own)


@pytest.mark.parametrize(
    ("environment", "host", "exceptions"),
    [
        ({}, None, ""),
        ({"HTTPS_PROXY": "http://upper:1", "NO_PROXY": "a"}, "upper", "a"),
        ({"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1", "no_proxy": "b"}, "lower", "b"),
        ({"HTTPS_PROXY": "http://127.0.0.1:4566", EARLIER: "{}"}, None, ""),
        ({"HTTPS_PROXY": "http://127.0.0.1:4566", EARLIER: json.dumps({"HTTPS_PROXY": "http://old:1"})}, "old", ""),
        ({"HTTPS_PROXY": "http://127.0.0.1:4566", EARLIER: "nonsense"}, None, ""),
        ({"HTTPS_PROXY": "http://127.0.0.1:4566", EARLIER: "[]"}, None, ""),
    ],
)
def test_upstream_is_the_proxy_from_before(environment: dict[str, str], host: str | None, exceptions: str) -> None:
    upstream = surroundings(environment).upstream
    assert (upstream.host if upstream else None) == host
    assert (upstream.exceptions if upstream else "") == exceptions


def test_authorities_of_the_environment_are_those_from_before() -> None:
    now = {"AWS_CA_BUNDLE": "/world", EARLIER: json.dumps({"NODE_EXTRA_CA_CERTS": "/own"})}
    assert surroundings({"AWS_CA_BUNDLE": "/a"}).authorities == ("/a",)
    assert surroundings(now).authorities == ("/own",)


@pytest.mark.parametrize(
    ("environment", "files"),
    [
        ({}, ()),
        ({"HOME": "/home/me"}, ("/home/me/.aws", "/home/me/.kube")),
        (
            {"KUBECONFIG": "/a/one:/a/two", "AWS_CONFIG_FILE": "/b/config", "AWS_SHARED_CREDENTIALS_FILE": "/b/keys"},
            ("/a/one", "/a/two", "/b/keys", "/b/config"),
        ),
        ({"KUBECONFIG": "/w/kubeconfig", EARLIER: json.dumps({"KUBECONFIG": "/own"})}, ("/own",)),
    ],
)
def test_files_with_the_persons_credentials_are_known(environment: dict[str, str], files: tuple[str, ...]) -> None:
    assert surroundings(environment).credentials == files
