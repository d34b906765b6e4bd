"""How long the authorization station takes for one request, and a cold first decision: medians, beside the goals.

Run with the project's Python: ``python benchmarks/authorization.py``. The account is in this process; each
request goes through ``podrole.aws.authorize.authorize``, its input read again, to the decision. The cold figures are of
new processes that import the engine, compile AmazonEC2ReadOnlyAccess, read EC2's part of the service reference, and
decide once; the interpreter's own start is taken off.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from podrole.account.directory import AccountDirectory
from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.store import AccountStore
from podrole.aws.access_denied import Refusals
from podrole.aws.authorize import authorize
from podrole.aws.caller import Caller, caller_of_session
from podrole.aws.emulator.facts import MotoFacts
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.protocol.call import IdentifiedCall, ReceivedRequest
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest
from podrole.sts.session import Session, SessionKind
from policy import Figure, managed, measure

ACCOUNT, REGION = "111122223333", "us-east-1"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
COLD = """
import sys, time
document = sys.stdin.read()
start = time.perf_counter()
from podrole.iam.actions.call import Call
from podrole.iam.actions.operations import permissions
from podrole.iam.document import compile_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet, Request, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
imported = time.perf_counter()
policies = PolicySet((NamedPolicy("p", compile_policy(document, PolicyKind.IDENTITY)),))
call = Call("ec2", "ec2", "DescribeInstances", {}, "111122223333", "us-east-1")
(needed,) = permissions(call, None)
caller = principal_of("arn:aws:sts::111122223333:assumed-role/reader/pod-1")
assert evaluate(Request(caller, needed.action, needed.resource), policies).allowed
print(imported - start, time.perf_counter() - imported)
"""


def account() -> tuple[AccountStore, Caller]:
    """Make an account with a role that may read EC2, a bucket with a policy, and a session of the role."""
    from moto.s3.models import s3_backends

    store = AccountStore(time.time, os.urandom)
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for operation, given in (
        ("CreateRole", {"RoleName": "reader", "AssumeRolePolicyDocument": document}),
        ("AttachRolePolicy", {"RoleName": "reader", "PolicyArn": READ_ONLY}),
    ):
        asyncio.run(store.run(OPERATIONS[operation], given, account=ACCOUNT, partition="aws"))
    arn = f"arn:aws:iam::{ACCOUNT}:role/reader"
    bucket = s3_backends[ACCOUNT]["aws"].create_bucket("shop-logs", REGION)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shop-logs/*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
    }
    bucket.policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    bucket.keys["key"] = None
    role = AccountDirectory(store).role(arn)
    if role is None:
        raise SystemExit("the role is not there")
    now = int(time.time())
    session = Session(SessionKind.ASSUMED_ROLE, ACCOUNT, role.arn, role.id, "pod-1", now, now + 3600)
    return store, caller_of_session(session, role, "ASIAEXAMPLE")


def request(service: str, method: str, path: str, body: bytes = b"") -> IdentifiedCall:
    """Return a request as the station before leaves it."""
    scope = f"AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260101/{REGION}/{service}/aws4_request"
    headers = [("authorization", scope), ("user-agent", "benchmark"), ("host", "127.0.0.1")]
    if body:
        headers.append(("content-type", "application/x-www-form-urlencoded"))
    return identify(ReceivedRequest("id", HTTPRequest(method, path, "", headers, body, "127.0.0.1"), time.time()))


def station(call: IdentifiedCall, caller: Caller, store: AccountStore) -> Callable[[], None]:
    """Return what is measured: the station, which reads the input again each time."""
    directory, facts, refusals = AccountDirectory(store), MotoFacts(store), Refusals(EncodedMessages("benchmark"))

    def once() -> None:
        call.input = None
        authorize(call, caller, directory, facts, refusals)

    return once


def cold() -> list[Figure]:
    """Measure the first decision of new processes."""
    document = managed("AmazonEC2ReadOnlyAccess")
    runs = []
    for _ in range(9):
        told = subprocess.run([sys.executable, "-c", COLD], input=document, capture_output=True, text=True, check=True)
        runs.append(tuple(float(one) * 1e6 for one in told.stdout.split()))
    names = ("cold: import the engine", "cold: first decision, data included")
    return [
        Figure(name, statistics.median(one), min(one), max(one), goal)
        for name, one, goal in zip(names, zip(*runs, strict=True), (None, 25_000), strict=True)
    ]


def main() -> None:
    """Measure and print."""
    store, caller = account()
    describe = request("ec2", "POST", "/", b"Action=DescribeInstances&Version=2016-11-15")
    get = request("s3", "GET", "/shop-logs/key")
    found = [
        measure("authorize ec2:DescribeInstances, AmazonEC2ReadOnlyAccess", station(describe, caller, store), 60),
        measure("authorize s3:GetObject, by a bucket policy", station(get, caller, store), 60),
        *cold(),
    ]
    print(f"{'':<66}{'median µs':>11}{'fastest':>11}{'slowest':>11}{'goal':>9}")
    for one in found:
        goal = "" if one.goal is None else f"{one.goal:g}{' ok' if one.median <= one.goal else ' OVER'}"
        print(f"{one.name:<66}{one.median:>11.2f}{one.fastest:>11.2f}{one.slowest:>11.2f}  {goal}")


if __name__ == "__main__":
    main()
