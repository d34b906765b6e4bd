"""No call leaves the world."""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from podrole.testing import Identity, OutsideCall
from podrole.testing.outside_calls import OutsideCalls


@pytest.mark.parametrize(
    ("attempt", "host"),
    [
        (lambda: socket.create_connection(("example.com", 443), timeout=1), "example.com"),
        (lambda: socket.socket().connect(("192.0.2.1", 443)), "192.0.2.1"),
        (lambda: socket.socket().connect_ex(("192.0.2.1", 443)), "192.0.2.1"),
        (lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 443, 0, 0)), "2001:db8::1"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)), "192.0.2.1"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", 0, ("192.0.2.1", 53)), "192.0.2.1"),
        (lambda: socket.getaddrinfo("example.com", 443), "example.com"),
        (lambda: socket.getaddrinfo(b"example.com", 443), "example.com"),
        (lambda: socket.gethostbyname("example.com"), "example.com"),
        (lambda: socket.create_connection(("169.254.169.254", 80), timeout=1), "169.254.169.254"),
        (lambda: asyncio.run(asyncio.open_connection("example.com", 443)), "example.com"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed")
def test_another_host_is_refused_by_name(attempt: Callable[[], Any], host: str) -> None:
    outside = OutsideCalls()
    with outside.refused(), pytest.raises(OutsideCall, match=host.replace(".", r"\.")):
        attempt()
    assert outside.attempts == [host]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1", "", "0.0.0.0"])
def test_this_machine_is_not_refused(host: str) -> None:
    outside = OutsideCalls()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with outside.refused(), socket.socket(family) as sock:
        sock.connect_ex((host, 9))
        socket.getaddrinfo(host or None, 9)
    assert outside.attempts == []


def test_an_allowed_host_and_everything_afterwards_is_not_refused() -> None:
    outside = OutsideCalls(["192.0.2.1"])
    before = socket.socket.connect
    with outside.refused(), socket.socket() as sock:
        sock.setblocking(False)
        sock.connect_ex(("192.0.2.1", 9))
    assert outside.attempts == []
    assert socket.socket.connect is before


def test_a_client_that_ignores_the_endpoint_fails_at_once_with_the_hosts_name(podrole_identity: Any) -> None:
    identity: Identity = podrole_identity("shop", "inventory")
    direct = Config(proxies={"https": ""})
    with identity, pytest.raises(Exception, match=r"reach sts\.amazonaws\.com, which is outside its world"):
        boto3.client("sts", endpoint_url="https://sts.amazonaws.com", config=direct).get_caller_identity()


@pytest.mark.parametrize(
    ("host", "step"),
    [
        ("s3.us-east-1.amazonaws.com", "make the client inside the identity's context"),
        ("s3.cn-north-1.amazonaws.com.cn", "make the client inside the identity's context"),
        ("s3.us-east-1.api.aws", "make the client inside the identity's context"),
        ("pypi.example", "podrole_allow_hosts = pypi.example"),
    ],
)
def test_the_next_step_for_a_host_of_aws_is_another_one(host: str, step: str) -> None:
    with OutsideCalls().refused(), pytest.raises(OutsideCall, match=step):
        socket.getaddrinfo(host, 443)


def test_the_proxy_refuses_another_host_by_name(podrole_identity: Any) -> None:
    identity: Identity = podrole_identity("shop", "inventory")
    for url in ("http://example.com/", "https://example.com/"):
        with identity, pytest.raises(OSError, match=r"403.*does not lead to example\.com"):
            # Not urlopen: it keeps the proxies of the first call of the process.
            urllib.request.build_opener().open(url, timeout=30)
